"""The laws under which people ask about their data, one a row: how long we have, by which article, who hears complaints.

Times count from the day on which a request comes. Where a law knows a shorter time for an objection (an opt-out of sale, a limit
of use, a withdrawn consent), it counts for every request of these kinds.

A row says by `unread` which of its times nobody has compared with the law's own words yet. Those count by the strictest reading:
the shortest time that any state's law gives, and no extension. A lawyer should read them all.
"""

from dataclasses import dataclass

STRICTEST = "strictest"
ATTORNEY_GENERAL = "https://www.naag.org/find-my-ag/"
# The times of a law: until the answer, with its extension; until an appeal is answered; until a withdrawn consent is followed.
ANSWER, APPEAL, CONSENT = "answer", "appeal", "consent"
SHORTEST_ANSWER, SHORTEST_APPEAL, SHORTEST_CONSENT = 45, 45, 15  # days, of all states


@dataclass(frozen=True, slots=True)
class Law:
    """A law's times.

    days or months: until the answer; more_days or more_months: by an extension with notice (0: none). objection_days,
    objection_business_days: until an objection is carried out, without extension (0: as any other request).
    acknowledge_business_days: until the receipt (0: none is asked for). appeal_days: until an appeal against a refusal is
    answered (0: the law knows no appeal to the controller). rolls: a time that would end on a day without work ends on the next
    working day. authority: where to complain. unread: of ANSWER, APPEAL, CONSENT, what was not read in the law's own words.
    """

    id: str
    title: str
    authority: str
    source: str
    days: int = 0
    months: int = 0
    more_days: int = 0
    more_months: int = 0
    objection_days: int = 0
    objection_business_days: int = 0
    acknowledge_business_days: int = 0
    appeal_days: int = 0
    rolls: bool = False
    unread: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The title without its place."""
        return self.title.partition(" (")[0]


def _state(
    region: str,
    title: str,
    source: str,
    *,
    days: int = 45,
    appeal: int = 0,
    consent: int = 0,
    unread: tuple[str, ...] = (),
) -> Law:
    """A law of a state of the United States. consent: days until a withdrawn consent is followed; unread: see `Law`."""
    is_read = ANSWER not in unread
    return Law(
        region,
        title,
        ATTORNEY_GENERAL,
        source,
        days=days if is_read else min(days, SHORTEST_ANSWER),
        more_days=45 if is_read else 0,
        objection_days=SHORTEST_CONSENT if CONSENT in unread else consent,
        appeal_days=min(appeal or SHORTEST_APPEAL, SHORTEST_APPEAL) if APPEAL in unread else appeal,
        unread=unread,
    )


_ROWS = (
    # Nobody knows yet where the person lives: the shortest time of all laws below counts (`legal_deadlines.due`).
    Law(
        STRICTEST,
        "the strictest law that may apply",
        "https://globalprivacyassembly.org/participation-in-the-assembly/list-of-accredited-members/",
        "the shortest time in this table, until the privacy officer knows the region",
    ),
    Law(
        "gdpr",
        "GDPR (European Union)",
        "https://edpb.europa.eu/about-edpb/members",
        "GDPR Art. 12(3); Regulation 1182/71 Art. 3",
        months=1,
        more_months=2,
        rolls=True,
    ),
    Law("uk", "UK GDPR", "https://ico.org.uk", "UK GDPR Art. 12(3), 12A", months=1, more_months=2, rolls=True),
    Law(
        "fadp",
        "FADP (Switzerland)",
        "https://www.edoeb.admin.ch",
        "FADP Art. 25(7), DPO Art. 18",
        days=30,
        more_days=30,
    ),
    Law("lgpd", "LGPD (Brazil)", "https://www.gov.br/anpd", "LGPD Art. 19(II)", days=15),
    Law("pipeda", "PIPEDA (Canada)", "https://www.priv.gc.ca", "PIPEDA s. 8(3), 8(4)", days=30, more_days=30),
    Law("ca-qc", "Law 25 (Quebec)", "https://www.cai.gouv.qc.ca", "Act P-39.1, s. 32", days=30),
    Law(
        "ccpa",
        "CCPA (California)",
        "https://cppa.ca.gov",
        "Cal. Civ. Code 1798.130(a)(2)(A); 11 CCR 7021, 7026(f), 7027(g)",
        days=45,
        more_days=45,
        objection_business_days=15,
        acknowledge_business_days=10,
    ),
    _state("us-va", "VCDPA (Virginia)", "Va. Code 59.1-577(B)(1), (C)", appeal=60, unread=(APPEAL, CONSENT)),
    _state("us-co", "CPA (Colorado)", "Colo. Rev. Stat. 6-1-1306(2), (3)", appeal=45, unread=(ANSWER, APPEAL, CONSENT)),
    _state(
        "us-ct",
        "CTDPA (Connecticut)",
        "Conn. Gen. Stat. 42-518(c)(1), (d), 42-520(a)(6)",
        appeal=60,
        consent=15,
        unread=(APPEAL, CONSENT),
    ),
    # Its section on answers knows no appeal, and a refusal is explained within the same 45 days.
    _state("us-ut", "UCPA (Utah)", "Utah Code 13-61-203(2), (3)", unread=(CONSENT,)),
    _state("us-tx", "TDPSA (Texas)", "Tex. Bus. & Com. Code 541.052(b), 541.053", appeal=60, unread=(APPEAL, CONSENT)),
    _state("us-or", "OCPA (Oregon)", "ORS 646A.576(5)(a), 646A.578(1)(d)", appeal=45, consent=15),
    _state(
        "us-mt",
        "MCDPA (Montana)",
        "Mont. Code 30-14-2808(4)(a), 30-14-2812(1)(c)",
        appeal=60,
        consent=45,
        unread=(APPEAL,),
    ),
    # Other people's summaries give 90 days and 45 more.
    _state("us-ia", "ICDPA (Iowa)", "Iowa Code 715D.3(2), (3)", appeal=60, days=90, unread=(ANSWER, CONSENT)),
    _state(
        "us-de",
        "DPDPA (Delaware)",
        "6 Del. C. 12D-104(c)(1), 12D-106(a)(6)",
        appeal=60,
        consent=15,
        unread=(APPEAL, CONSENT),
    ),
    _state(
        "us-nj",
        "NJDPA (New Jersey)",
        "N.J.S.A. 56:8-166.7, 56:8-166.12",
        appeal=45,
        consent=15,
        unread=(APPEAL, CONSENT),
    ),
    _state("us-tn", "TIPA (Tennessee)", "Tenn. Code 47-18-3304(b)(1)", appeal=60, unread=(APPEAL, CONSENT)),
    _state(
        "us-mn",
        "MCDPA (Minnesota)",
        "Minn. Stat. 325M.14, subd. 4 and 5; 325M.16, subd. 2(e)",
        appeal=45,
        consent=15,
        unread=(ANSWER, APPEAL),
    ),
    _state(
        "us-md",
        "MODPA (Maryland)",
        "Md. Code, Com. Law 14-4705, 14-4707",
        appeal=60,
        consent=30,
        unread=(ANSWER, APPEAL, CONSENT),
    ),
    _state("us-ne", "NDPA (Nebraska)", "Neb. Rev. Stat. 87-1108, 87-1109", appeal=60, unread=(APPEAL, CONSENT)),
    _state(
        "us-nh",
        "NHPA (New Hampshire)",
        "N.H. RSA 507-H:4, 507-H:6",
        appeal=60,
        consent=15,
        unread=(ANSWER, APPEAL, CONSENT),
    ),
    _state("us-in", "INCDPA (Indiana)", "Ind. Code 24-15-3-1(c)(1), (d)", appeal=60, unread=(APPEAL, CONSENT)),
    _state("us-ky", "KCDPA (Kentucky)", "KRS 367.3615", appeal=60, unread=(ANSWER, APPEAL, CONSENT)),
    _state(
        "us-ri",
        "RIDTPPA (Rhode Island)",
        "R.I. Gen. Laws 6-48.1-4(e), 6-48.1-6(b)(1)",
        appeal=60,
        consent=15,
        unread=(APPEAL, CONSENT),
    ),
)
LAWS = {law.id: law for law in _ROWS}
# Region -> (where, id of its law). A state without a law of its own is treated as California, whose law asks for most.
REGIONS = {
    "eu": ("European Union, Norway, Iceland, Liechtenstein", "gdpr"),
    "uk": ("United Kingdom", "uk"),
    "ch": ("Switzerland", "fadp"),
    "us": ("United States", "ccpa"),
    "br": ("Brazil", "lgpd"),
    "ca": ("Canada", "pipeda"),
    "other": ("elsewhere", STRICTEST),
    "ca-qc": ("Canada: Quebec", "ca-qc"),
    "us-ca": ("United States: California", "ccpa"),
    **{
        law.id: (f"United States: {law.title.partition(' (')[2].removesuffix(')')}", law.id)
        for law in _ROWS
        if law.id.startswith("us-")
    },
}
# What a person is asked to choose from; the privacy officer names the state.
OFFERED = ("eu", "uk", "ch", "us", "br", "ca", "other")
