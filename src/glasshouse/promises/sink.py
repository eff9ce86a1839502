"""A mail server on loopback that takes the mail to a probe, so that a check sees what really left.

It speaks STARTTLS with this installation's certificate, and refuses mail in the clear and mail to anybody else.
"""

import asyncio
import ssl
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings

MOST_BYTES, OPENS_S = 1 << 20, 10


@dataclass(frozen=True, slots=True)
class Arrived:
    """A mail as it arrived: its recipient, its headers and text."""

    recipient: str
    message: EmailMessage

    @property
    def subject(self) -> str:
        """The subject line."""
        return str(self.message["Subject"] or "")

    @property
    def text(self) -> str:
        """The plain text."""
        body = self.message.get_body(("plain",))
        return str(body.get_content()) if body else ""


class Sink:
    """Takes mail to the addresses that it was told of, and keeps it in memory.

    encrypts: whether it offers STARTTLS. trusted: whether it shows this installation's certificate, and none of its own making.
    A sender that insists on encryption gives neither of those two others a mail.
    """

    def __init__(self, *, encrypts: bool = True, trusted: bool = True) -> None:
        self._encrypts, self._trusted = encrypts, trusted
        self.connections = 0
        self._addresses: set[str] = set()
        self._mails: list[Arrived] = []
        self._changed = threading.Condition()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def open(self) -> int:
        """Open the listener; returns its port, which the system chooses. Raises OSError."""
        context = self._context() if self._encrypts else None

        def connection() -> SMTP:
            self.connections += 1
            return SMTP(
                self,
                data_size_limit=MOST_BYTES,
                tls_context=context,
                require_starttls=self._encrypts,
                loop=self._loop,
                ident="probe",
            )

        async def listen() -> asyncio.Server:
            return await self._loop.create_server(connection, "127.0.0.1", 0)

        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(listen(), self._loop).result(OPENS_S)
        return int(self._server.sockets[0].getsockname()[1])

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        if self._trusted:
            context.load_cert_chain(settings.TLS_FOLDER / "server.crt", settings.TLS_FOLDER / "server.key")
            return context
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
        builder = builder.not_valid_after(now + timedelta(hours=1))
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        encodings = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        with tempfile.NamedTemporaryFile() as file:  # A key that protects nothing, for some seconds.
            file.write(key.private_bytes(*encodings) + builder.sign(key, hashes.SHA256()).public_bytes(encodings[0]))
            file.flush()
            context.load_cert_chain(file.name)
        return context

    def close(self) -> None:
        """Close the listener and whatever is connected."""

        async def end() -> None:
            if self._server is not None:
                self._server.close()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(end(), self._loop).result(OPENS_S)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(OPENS_S)

    def expect(self, address: str) -> None:
        """Take mail to this address from now on."""
        self._addresses.add(address)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        """Refuse whom no check knows."""
        if address not in self._addresses:
            return "550 5.1.1 This mailbox is not here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        """Keep a mail."""
        content = envelope.content or b""
        raw = content.encode("utf-8", "replace") if isinstance(content, str) else content
        message = message_from_bytes(raw, policy=policy.default)
        with self._changed:
            self._mails += [Arrived(recipient, message) for recipient in envelope.rcpt_tos]
            self._changed.notify_all()
        return "250 OK"

    def mails(self, address: str) -> list[Arrived]:
        """What has arrived at an address so far, the newest last."""
        with self._changed:
            return [mail for mail in self._mails if mail.recipient == address]

    def wait(self, address: str, *, within_s: float, holding: str = "", after: int = 0) -> Arrived | None:
        """The first mail to an address whose text or subject holds some words; None: none came in time.

        after: how many mails to the address are old.
        """
        ends = time.monotonic() + within_s
        with self._changed:
            while True:
                arrived = [mail for mail in self._mails if mail.recipient == address][after:]
                if fitting := [mail for mail in arrived if holding in mail.text or holding in mail.subject]:
                    return fitting[0]
                left = ends - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(min(left, 1.0))
