"""Whether a mail may go, asked at the moment of hand-over. `messages` rules on it; until it is registered, nothing leaves.

Source: PRI-10; decision record 46.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from glasshouse.kernel.errors import GlasshouseError
from glasshouse.mail.models import Message


class NobodyRulesError(GlasshouseError):
    """Nothing is registered that rules on mails."""

    status = 503


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether a mail goes, and what its head says beside the usual."""

    goes: bool
    headers: Mapping[str, str] = field(default_factory=dict)


Ruler = Callable[[Message], Ruling]
_rulers: list[Ruler] = []


def rule_by(ruler: Ruler) -> None:
    """Register what rules on mails. It records its ruling in the caller's transaction."""
    _rulers[:] = [ruler]


def of(message: Message) -> Ruling:
    """The ruling on a mail, which is on record when the caller's transaction has ended. Raises NobodyRulesError."""
    if not _rulers:
        raise NobodyRulesError("Nothing rules on mails, so none leaves.")
    return _rulers[0](message)
