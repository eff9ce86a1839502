"""The one gate through which personal data leaves the service. Who lets what out is for the disclosures; until they say, nothing.

Every road out (mail, text messages, an integration) calls `leave` before it sends, in the transaction that notes the sending.
Source: PRI-15.
"""

from collections.abc import Callable
from dataclasses import dataclass

from glasshouse.kernel.errors import GlasshouseError
from glasshouse.kernel.ids import HolderId


class UncoveredError(GlasshouseError):
    """No disclosure covers this: it stays in."""

    status = 403


@dataclass(frozen=True, slots=True)
class Outflow:
    """What is about to leave. channel: by which road; fields: categories of the data map; holder: whose data it is."""

    channel: str
    holder: HolderId
    fields: frozenset[str]


Keeper = Callable[[Outflow], None]
_keepers: list[Keeper] = []


def keep(keeper: Keeper) -> None:
    """Have this decide (and keep the record of) what leaves. It raises UncoveredError for what may not."""
    _keepers[:] = [keeper]


def leave(outflow: Outflow) -> None:
    """Nothing, if a disclosure covers the outflow, which is on record then. Raises UncoveredError."""
    if not _keepers:
        raise UncoveredError("Nobody keeps the gate, so nothing leaves.")
    _keepers[0](outflow)
