"""Which connections have brought a request: at a door that demands a certificate, those alone are known to have shown it.

The server asks for the certificate by itself, and tells nobody; but it hands on no request before it has seen one.
"""

from collections import deque
from contextlib import suppress

from crop_contract.requests import Application, Receive, Scope, Send

MOST_NOTED = 100_000  # requests between two looks
Peer = tuple[str, int]  # address and port of the other side


class FirstRequests:
    """Notes from where requests come. Safe to call from several threads."""

    def __init__(self) -> None:
        self._peers: deque[Peer] = deque(maxlen=MOST_NOTED)

    def noting(self, application: Application) -> Application:
        """The ASGI application, whose requests are noted before it sees them."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope.get("client"):
                self._peers.append((str(scope["client"][0]), int(scope["client"][1])))
            await application(scope, receive, send)

        return answer

    def taken(self) -> set[Peer]:
        """From where requests came since this was last asked."""
        peers: set[Peer] = set()
        with suppress(IndexError):
            for _ in range(MOST_NOTED):
                peers.add(self._peers.popleft())
        return peers
