"""Pure rules of disclosures: kinds of recipients, how long each waits after it was announced, what an entry must say."""

from datetime import date
from enum import StrEnum
from typing import NamedTuple

from glasshouse.vault.datamap import NAMES


class Kind(StrEnum):
    """Who may receive something (PRI-15); nobody else."""

    AUTHORITY = "authority"
    BUYER = "buyer"
    CUSTOMER = "customer"
    GROUP = "group"
    OTHER = "other"
    PROVIDER = "provider"


class Notice(StrEnum):
    """What recipients are told of data that they received (GDPR Art. 19)."""

    CORRECTED = "corrected"
    ERASED = "erased"
    LIFTED = "lifted"
    RESTRICTED = "restricted"


TITLES = {
    Kind.GROUP: "company of the operator's group",
    Kind.CUSTOMER: "customer that the person belongs to",
    Kind.PROVIDER: "service provider",
    Kind.AUTHORITY: "authority",
    Kind.BUYER: "buyer of the business",
    Kind.OTHER: "other, by consent",
}
WAIT_DAYS = {Kind.PROVIDER: 14, Kind.GROUP: 14, Kind.BUYER: 30}  # between the announcement and the first disclosure
CHANNELS = {"mail": "outgoing mail", "text:twilio": "text messages by Twilio", "text:vonage": "text messages by Vonage"}
BOUND_KINDS = (Kind.PROVIDER, Kind.GROUP)  # They receive something under an agreement with the operator, and only so.


class Flaw(NamedTuple):
    """What is wrong with an entry of the register. field: of its form; message: in plain words."""

    field: str
    message: str


def flaw(
    kind: str, texts: dict[str, str], fields: list[str], channels: list[str], agreed_on: date | None
) -> Flaw | None:
    """The first flaw of an entry of the register; None where it is complete.

    fields: categories of the data map. agreed_on: the day of the agreement; None: none is named.
    """
    if kind not in set(Kind):
        return Flaw("kind", "Choose the kind of recipient from the list.")
    for name in ("name", "what", "region", "purpose", "basis"):
        if not texts.get(name, "").strip():
            return Flaw(name, f"The register must say the {name}.")
    if kind in BOUND_KINDS or channels:
        if not texts.get("agreement", "").strip():
            return Flaw("agreement", "A provider needs an agreement on processing; name it, so that it can be found.")
        if agreed_on is None:
            return Flaw("agreed_on", "Give the day of the agreement; without one nothing may go there.")
        if not texts.get("safeguard", "").strip():
            return Flaw("safeguard", "Say what keeps the data safe on the way to a provider and there.")
    if not fields or not set(fields) <= set(NAMES):
        return Flaw("fields", "Choose what it receives, from the categories of the data map.")
    return None
