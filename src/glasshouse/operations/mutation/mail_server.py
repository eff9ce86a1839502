"""A mail server on loopback that takes every mail and keeps none, so that the mails of a scratch service really leave it."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller


class _Taking:
    """Takes whatever comes."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Take a mail."""
        return "250 Taken"


class MailServer:
    """Listens between `start` and `stop`, with STARTTLS by the certificate in tls."""

    def __init__(self, port: int, tls: Path) -> None:
        self._port, self._tls = port, tls
        self._controller: Controller | None = None

    def start(self) -> None:
        """Listen."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._tls / "server.crt", self._tls / "server.key")
        self._controller = Controller(
            _Taking(), hostname="127.0.0.1", port=self._port, tls_context=context, require_starttls=True
        )
        self._controller.start()

    def stop(self) -> None:
        """Listen no more."""
        if self._controller is not None:
            self._controller.stop(no_assert=True)
            self._controller = None

    @contextmanager
    def away(self) -> Iterator[None]:
        """While the block lasts, nobody listens."""
        self.stop()
        try:
            yield
        finally:
            self.start()
