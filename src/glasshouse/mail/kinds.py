"""What each mail is: its class, and the purpose by which its reader may stop it. An area declares its own in `mail_kinds.py`.

Rules: a kind has one class and is declared once. Marketing and research have a purpose, for they leave by consent alone; what
has none always goes. Source: PRI-10; decision record 46.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from glasshouse.kernel import areas


class MessageClass(StrEnum):
    """What a mail is for."""

    REQUESTED = "requested"  # its reader asked for it, or for news of this kind
    OPERATIONAL = "operational"  # the service, a contract or the law wants it
    SECURITY = "security"
    MARKETING = "marketing"
    RESEARCH = "research"


BY_CONSENT = frozenset({MessageClass.MARKETING, MessageClass.RESEARCH})


@dataclass(frozen=True, slots=True)
class MailKind:
    """A kind of mail, as it is queued. purpose: what a person decides about (`consent.rules.PURPOSES`); "": it always goes.

    subscribed: an SQL function (text) -> timestamptz that says since when a key owner without an account wants it, null: not;
    "": there are only accounts. end: ends the subscriptions of an address, by its keyed hash, so that pages say so too.
    """

    name: str
    message_class: MessageClass
    purpose: str = ""
    subscribed: str = ""
    end: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        if self.message_class in BY_CONSENT and not self.purpose:
            raise ValueError(f"Mails of the kind {self.name} leave by consent, so the kind names a purpose.")


@functools.cache
def declared() -> dict[str, MailKind]:
    """Every kind by its name. Raises ValueError for one that is declared twice."""
    kinds: dict[str, MailKind] = {}
    for module in areas.modules("mail_kinds"):
        for kind in module.MAIL_KINDS:
            if kind.name in kinds:
                raise ValueError(f"The kind of mail {kind.name} is declared twice.")
            kinds[kind.name] = kind
    return kinds
