"""The one gate through which personal data leaves the service. Who lets what out is for the disclosures; until they say, nothing.

Every road out (mail, text messages, an integration) calls `leave` before it sends, in the transaction that notes the sending.
Source: PRI-15.
"""

from collections.abc import Callable
from dataclasses import dataclass

from glasshouse.kernel.errors import GlasshouseError
from glasshouse.kernel.ids import KeyOwnerId


class UncoveredError(GlasshouseError):
    """No disclosure covers this: it stays in."""

    status = 403


@dataclass(frozen=True, slots=True)
class Egress:
    """What is about to leave. channel: by which road; fields: categories of the data map; key owner: whose data it is."""

    channel: str
    key_owner: KeyOwnerId
    fields: frozenset[str]


Gatekeeper = Callable[[Egress], None]
_gatekeepers: list[Gatekeeper] = []


def keep(gatekeeper: Gatekeeper) -> None:
    """Have this decide (and keep the record of) what leaves. It raises UncoveredError for what may not."""
    _gatekeepers[:] = [gatekeeper]


def leave(egress: Egress) -> None:
    """Nothing, if a disclosure covers the outflow, which is on record then. Raises UncoveredError."""
    if not _gatekeepers:
        raise UncoveredError("Nobody keeps the gate, so nothing leaves.")
    _gatekeepers[0](egress)
