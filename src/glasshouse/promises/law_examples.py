"""Worked examples of legal deadlines, computed by hand from the laws. A check holds what the service stored against them.

The days are far ahead, so that no officer is reminded of a request that a check has dated to them; months and days are counted in
those years as in ours. They are written here once more, and not taken from the code of requests, so that a wrong number of days
there is noticed.
"""

from datetime import date, timedelta
from typing import NamedTuple


class Example(NamedTuple):
    """A day on which a request came, the last day to answer it, and that after an extension (None: the law knows none)."""

    law: str
    asked: date
    due: date
    extended: date | None
    source: str


def _example(law: str, asked: str, due: str, extended: str, source: str) -> Example:
    longest = date.fromisoformat(extended) if extended else None
    return Example(law, date.fromisoformat(asked), date.fromisoformat(due), longest, source)


_EU = "GDPR Art. 12(3), Regulation 1182/71 Art. 3(2)(c), EDPB Guidelines 01/2022"
_UK = "UK GDPR Art. 12(3), 12A, ICO on time limits"
_CH = "FADP Art. 25(7), DPO Art. 18"
_US = "Cal. Civ. Code 1798.130(a)(2)(A), 11 CCR 7021(b)"
_BR = "LGPD Art. 19(II)"
_CA = "PIPEDA s. 8(3), 8(4)"
_QC = "Act P-39.1, s. 32"
_TN = "Tenn. Code 47-18-3304(b)(1)"
EXAMPLES = tuple(
    _example(*row)
    for row in (
        ("gdpr", "2097-03-05", "2097-04-05", "2097-06-05", _EU),
        ("gdpr", "2097-08-31", "2097-09-30", "2097-11-30", _EU),
        ("gdpr", "2096-01-31", "2096-02-29", "2096-04-30", _EU),
        ("gdpr", "2097-11-30", "2097-12-30", "2098-02-28", _EU),
        ("uk", "2097-09-03", "2097-10-03", "2097-12-03", _UK),
        ("uk", "2097-03-31", "2097-04-30", "2097-06-30", _UK),
        ("uk", "2095-11-30", "2095-12-30", "2096-02-29", _UK),
        ("fadp", "2098-01-01", "2098-01-31", "2098-03-02", _CH),
        ("fadp", "2096-02-15", "2096-03-16", "2096-04-15", _CH),
        ("fadp", "2097-12-31", "2098-01-30", "2098-03-01", _CH),
        ("ccpa", "2098-01-01", "2098-02-15", "2098-04-01", _US),
        ("ccpa", "2096-01-15", "2096-02-29", "2096-04-14", _US),
        ("ccpa", "2097-11-30", "2098-01-14", "2098-02-28", _US),
        ("lgpd", "2098-03-01", "2098-03-16", "", _BR),
        ("lgpd", "2097-12-20", "2098-01-04", "", _BR),
        ("lgpd", "2096-02-20", "2096-03-06", "", _BR),
        ("pipeda", "2098-01-01", "2098-01-31", "2098-03-02", _CA),
        ("pipeda", "2096-02-15", "2096-03-16", "2096-04-15", _CA),
        ("pipeda", "2097-12-31", "2098-01-30", "2098-03-01", _CA),
        ("strictest", "2098-03-01", "2098-03-16", "", _BR),
        ("strictest", "2097-12-20", "2098-01-04", "", _BR),
        ("strictest", "2096-02-20", "2096-03-06", "", _BR),
        ("ca-qc", "2096-01-31", "2096-03-01", "", _QC),
        ("us-tn", "2096-01-01", "2096-02-15", "2096-03-31", _TN),
    )
)
_STATES = ("va", "co", "ct", "ut", "tx", "or", "mt", "ia", "de", "nj", "tn", "mn", "md", "ne", "nh", "in", "ky", "ri")
# The law of each region that the form offers. Elsewhere the shortest time of all counts.
OFFERED = {"eu": "gdpr", "uk": "uk", "ch": "fadp", "us": "ccpa", "br": "lgpd", "ca": "pipeda", "other": "strictest"}
# And of those that the privacy officer may name.
LAW_OF = {**OFFERED, "ca-qc": "ca-qc", "us-ca": "ccpa"} | {f"us-{state}": f"us-{state}" for state in _STATES}
# An earlier version counted by the GDPR elsewhere. What it opened keeps that time.
LAW_BEFORE = {"other": "gdpr"}
# Months and days until the answer, and until the answer after an extension (None: the law knows none).
_TIMES: dict[str, tuple[tuple[int, int], tuple[int, int] | None]] = {
    "gdpr": ((1, 0), (3, 0)),
    "uk": ((1, 0), (3, 0)),
    "fadp": ((0, 30), (0, 60)),
    "ccpa": ((0, 45), (0, 90)),
    "lgpd": ((0, 15), None),
    "pipeda": ((0, 30), (0, 60)),
    "ca-qc": ((0, 30), None),
    "strictest": ((0, 15), None),
    **{f"us-{state}": ((0, 45), (0, 90)) for state in _STATES},
    "us-ia": ((0, 90), (0, 135)),
}
# Days until an objection is carried out, without extension: withdrawn consents under the laws of states; business days under the
# CCPA (11 CCR 7026(f), 7027(g)).
_OBJECTION_DAYS = {
    "us-ct": 15,
    "us-or": 15,
    "us-de": 15,
    "us-nj": 15,
    "us-mn": 15,
    "us-nh": 15,
    "us-ri": 15,
    "us-md": 30,
    "us-mt": 45,
}
OBJECTION_BUSINESS_DAYS = 15


def last_day(law: str, asked: date, kind: str = "", *, extended: bool = False) -> date | None:
    """The last day to answer a request of a kind; None: the law is not known here, or it knows no extension."""
    if kind in ("object", "restrict") and law == "ccpa":
        return None if extended else by_business_days(asked, OBJECTION_BUSINESS_DAYS)
    if kind in ("object", "restrict") and law in _OBJECTION_DAYS:
        return None if extended else asked + timedelta(days=_OBJECTION_DAYS[law])
    times = _TIMES.get(law, (None, None))[extended]
    if times is None:
        return None
    months, days = times
    first = asked.replace(day=1)
    for _ in range(months):
        first = (first + timedelta(days=31)).replace(day=1)
    month_ends = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return min(first + timedelta(days=asked.day - 1), month_ends) + timedelta(days=days)


def by_business_days(asked: date, days: int) -> date:
    """The day that is so many business days later, holidays left out of account: at least so much time there is."""
    day = asked
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < 5
    return day
