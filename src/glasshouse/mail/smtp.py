"""Hand one mail to the operator's mail server, past the gate and within a deadline."""

import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Mapping
from email import policy
from email.headerregistry import HeaderRegistry, MessageIDHeader, UnstructuredHeader
from email.message import EmailMessage
from typing import NamedTuple

from django.conf import settings

from glasshouse.kernel import clock, gate
from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.mail import addresses, html, signing
from glasshouse.mail.rules import body_text, message_id, subject_line

SENT = frozenset({"user.contact.email", "user.content.private"})  # what a mail carries out
ANSWER_S, DEADLINE_S = 20, 60  # for one answer of the server; for the whole mail


class _Addresses(UnstructuredHeader):
    """Addresses in angle brackets, each whole on a line of its own: folded as text, a long one would be encoded."""

    name: str  # of the header, as the library makes it

    def fold(self, *, policy: "policy.EmailPolicy[EmailMessage]") -> str:
        """The header's lines."""
        return f"{self.name}: " + f",{policy.linesep} ".join(str(self).split(", ")) + policy.linesep


def _policy() -> "policy.EmailPolicy[EmailMessage]":
    headers = HeaderRegistry()
    # These name messages. As plain text they would be folded in the middle, or encoded, once they are long.
    for name in ("in-reply-to", "references"):
        headers.map_to_type(name, MessageIDHeader)  # type: ignore[arg-type]  # a mixin, as the registry wants it
    headers.map_to_type("list-unsubscribe", _Addresses)  # type: ignore[arg-type]
    return policy.SMTP.clone(header_factory=headers)


POLICY = _policy()


def composed(
    number: str, address: str, subject: str, body: str, answers: str, *, by_hand: bool = False
) -> EmailMessage:
    """The mail as it leaves. What cannot stand in a header as it is, is left out of it. Raises AddressError.

    Unless a person wrote it by hand, it says that no machine is to answer it, and gets no notice of absence or reading; what
    cannot be delivered still comes back. Source: RFC 3834, 5; MS-OXCMAIL 2.2.3.2.14.
    """
    mail = EmailMessage(policy=POLICY)
    mail["From"], mail["Subject"] = settings.MAIL_FROM, subject_line(subject)
    _address(mail, address)
    mail["Message-ID"], mail["Date"] = f"<{number}@{domain()}>", clock.now()
    if thread := message_id(answers):
        mail["In-Reply-To"] = mail["References"] = thread
    if not by_hand:
        mail["Auto-Submitted"] = "auto-replied" if thread else "auto-generated"
        mail["X-Auto-Response-Suppress"] = "OOF, AutoReply, RN, NRN"
    mail.set_content(body_text(body))
    html.attach(mail, subject, body)
    return mail


def add_headers(mail: EmailMessage, headers: Mapping[str, str]) -> None:
    """Put what was ruled on a mail into its head."""
    for name, value in headers.items():
        mail[name] = value


def _address(mail: EmailMessage, address: str) -> None:
    """Put the one address into the mail. Doors refuse more than this does: older versions let some in that mail still reaches."""
    if not addresses.is_single(address):
        raise addresses.AddressError("not one address that can be written into a mail")
    mail["To"] = address


def domain() -> str:
    """The domain that our mail comes from."""
    return settings.MAIL_FROM.rpartition("@")[2]


class _Limited(smtplib.SMTP):
    """A connection to a mail server that is cut at a deadline, however often the server sends a byte."""

    def __init__(self, host: str, port: int) -> None:
        self._deadline = threading.Timer(DEADLINE_S, self._cut)
        self._deadline.daemon = True
        self._deadline.start()
        try:
            super().__init__(host, port, timeout=ANSWER_S)
        except BaseException:
            self._deadline.cancel()
            raise

    def _cut(self) -> None:
        if self.sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._deadline.cancel()
        super().close()


class MailServer(NamedTuple):
    """Where a mail is handed over. ca: file with the authority of its certificate, "": a public one. user "": no sign-in."""

    host: str
    port: int
    ca: str
    user: str = ""
    password: str = ""


def operators_server() -> MailServer | None:
    """The mail server that the settings name; None: they name none."""
    if not settings.SMTP_HOST:
        return None
    return MailServer(
        settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_CA, settings.SMTP_USER, settings.SMTP_PASSWORD
    )


def probes_server(port: int) -> MailServer:
    """The listener of a promise check on this machine, which shows this installation's own certificate."""
    return MailServer("localhost", port, str(settings.TLS_FOLDER / "ca.crt"))


def egress(key_owner: KeyOwnerId, address_hash: str) -> gate.Egress:
    """What a mail carries out, and to which server; a mail to a promise check is judged as if it left as all others."""
    return gate.Egress("mail", key_owner, SENT, address_hash, settings.SMTP_HOST)


def hand_over(
    mail_server: MailServer, leaving: gate.Egress, mail: EmailMessage, address: str, return_path: str
) -> None:
    """Hand a mail to a server, with STARTTLS, once a disclosure covers it; in the transaction that notes the sending.

    leaving: of `egress`. Raises UncoveredError, OSError, SMTPException.
    """
    gate.leave(leaving)
    server = _Limited(mail_server.host, mail_server.port)
    try:
        server.starttls(context=ssl.create_default_context(cafile=mail_server.ca or None))
        if mail_server.user:
            server.login(mail_server.user, mail_server.password)
        if settings.DKIM_KEY:
            _send_signed(server, mail, address, return_path)
        else:
            server.send_message(mail, from_addr=return_path, to_addrs=[address])
        # From here on the mail is the server's. What it answers to the farewell must not make us send the mail once more.
        with contextlib.suppress(Exception):
            server.quit()
    finally:
        with contextlib.suppress(OSError):
            server.close()


def _send_signed(server: smtplib.SMTP, mail: EmailMessage, address: str, return_path: str) -> None:
    """Send a mail with our signature before it. Raises DKIMException, SMTPException, OSError."""
    is_ascii = address.isascii() and settings.MAIL_FROM.isascii()
    content = mail.as_bytes(policy=POLICY if is_ascii else POLICY.clone(utf8=True))
    signed = signing.signature(content, key=settings.DKIM_KEY, selector=settings.DKIM_SELECTOR, domain=domain())
    server.sendmail(return_path, [address], signed + content, [] if is_ascii else ["SMTPUTF8", "BODY=8BITMIME"])
