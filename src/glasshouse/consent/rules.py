"""Pure rules of consent, objection and restriction: which purposes a person decides about, why use may be restricted."""

from dataclasses import dataclass
from enum import StrEnum

from glasshouse.vault.datamap import Basis


@dataclass(frozen=True, slots=True)
class Purpose:
    """A purpose that is not the service itself. at_once: an objection counts without being judged. lost: what ends with it."""

    id: str
    title: str
    basis: Basis
    at_once: bool
    explained: str
    lost: str


PURPOSES = {
    purpose.id: purpose
    for purpose in (
        Purpose(
            "supplement",
            "supplementing what is held with data of third parties",
            Basis.LEGITIMATE_INTEREST,
            True,
            "Partners and public sources sometimes tell us a person's company, role or telephone number. You see it first.",
            "What came from third parties is deleted, and nothing of it is taken in any more.",
        ),
        Purpose(
            "new-browser",
            "warning of sign-ins from browsers that were not seen before",
            Basis.LEGITIMATE_INTEREST,
            False,
            "A mail that tells you of a sign-in from a new browser, so that you notice if somebody else has your password.",
            "You get no such mail; the sign-in stands among your sessions all the same.",
        ),
        Purpose(
            "merger",
            "handing data to a buyer of the business",
            Basis.LEGITIMATE_INTEREST,
            True,
            "If the operator is bought, data of people with an account may pass to the buyer after notice and a waiting period.",
            "Nothing of you passes; your account ends with the operator.",
        ),
        Purpose(
            "provider-news",
            "telling you of new service providers",
            Basis.CONSENT,
            True,
            "A mail before a provider that would handle personal data is added to the public list.",
            "You get no such mail; the list stays open to everybody.",
        ),
        Purpose(
            "personalisation",
            "fitting the order of pages to what you use",
            Basis.LEGITIMATE_INTEREST,
            True,
            "On the overview, places and charts that you pinned come first, then places whose charts you open often.",
            "The overview is in the same order for you as for everybody; the days of use that were counted are deleted.",
        ),
        Purpose(
            "sale",
            "selling your data, or sharing it for advertising",
            Basis.CONSENT,
            True,
            "We do neither, and nothing here does it. What you say is on record, and counts should that ever change.",
            "Nothing: your data is not sold or shared for advertising either way.",
        ),
    )
}


class State(StrEnum):
    """What a person decided on a purpose. OBJECTED counts while it is judged; then it is UPHELD or OVERRULED."""

    GIVEN = "given"
    WITHDRAWN = "withdrawn"
    OBJECTED = "objected"
    UPHELD = "upheld"
    OVERRULED = "overruled"


class Ground(StrEnum):
    """Why use may be restricted (GDPR Art. 18(1))."""

    ACCURACY = "accuracy"
    UNLAWFUL = "unlawful"
    CLAIMS = "claims"
    OBJECTION = "objection"


GROUNDS = {
    Ground.ACCURACY: "something is wrong, and I want its use to stop while that is checked",
    Ground.UNLAWFUL: "it should not be used, but I do not want it erased",
    Ground.CLAIMS: "I need it kept for a legal claim",
    Ground.OBJECTION: "I have objected, and that is not decided yet",
}


def allows(purpose: Purpose, state: str) -> bool:
    """Whether data may be used for a purpose. state: what the person decided, of `State`; "": nothing."""
    if purpose.basis is Basis.CONSENT:
        return state == State.GIVEN
    return state not in (State.OBJECTED, State.UPHELD)
