"""The one gate through which personal data leaves the service. `disclosures` decides; until it is registered, nothing leaves.

Every way out (mail, text messages, an integration) calls `leave` before it sends, in the transaction that notes the sending.
Source: PRI-15.
"""

from collections.abc import Callable
from dataclasses import dataclass

from glasshouse.kernel.errors import GlasshouseError
from glasshouse.kernel.ids import KeyOwnerId


class UncoveredError(GlasshouseError):
    """No registered recipient covers this: it does not leave."""

    status = 403


@dataclass(frozen=True, slots=True)
class Egress:
    """What is about to leave. channel: how; fields: categories of the data map; key_owner: under whose key it was sealed.

    address_hash: keyed hash of the address that it goes to, by which its person finds it whatever the key; "": none.
    server: host name of the server that takes it, "" where the channel says who does.
    """

    channel: str
    key_owner: KeyOwnerId
    fields: frozenset[str]
    address_hash: str = ""
    server: str = ""


Gatekeeper = Callable[[Egress], None]
_gatekeepers: list[Gatekeeper] = []


def keep(gatekeeper: Gatekeeper) -> None:
    """Register what decides, and records, what leaves. It raises UncoveredError for what may not."""
    _gatekeepers[:] = [gatekeeper]


def leave(egress: Egress) -> None:
    """Let personal data leave and put that on record, if a registered recipient covers it. Raises UncoveredError."""
    if not _gatekeepers:
        raise UncoveredError("No register of recipients is there, so nothing leaves.")
    _gatekeepers[0](egress)
