"""Outgoing mail through a real server that speaks SMTP with STARTTLS."""

import base64
import ssl
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.message import Message as Letter
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from django.conf import settings

from glasshouse.kernel import clock
from glasshouse.kernel.ids import KeyOwnerId, new_id
from glasshouse.mail import api as mail
from glasshouse.mail.models import Message
from glasshouse.operations.installation import Installation


class MailSink:
    """Keeps what arrives; refuses whom it is told to."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.raw: list[bytes] = []
        self.refusal = ""

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if self.refusal:
            return self.refusal
        self.raw.append(bytes(envelope.content or b""))
        self.letters.append(message_from_bytes(envelope.content or b""))  # type: ignore[arg-type]
        return "250 taken"


@pytest.fixture
def mail_sink(home: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailSink]:
    """A mail server that demands STARTTLS and a password; the queue sends through it."""

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(home.keys / "tls" / "server.crt", home.keys / "tls" / "server.key")
    box = MailSink()

    def knows(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"glasshouse", b"secret"))

    server = Controller(
        box, "localhost", 0, tls_context=context, require_starttls=True, authenticator=knows, auth_required=True
    )
    server.port = _free()
    server.start()
    for name, value in {"HOST": "localhost", "PORT": server.port, "USER": "glasshouse", "PASSWORD": "secret"}.items():
        monkeypatch.setattr(settings, f"SMTP_{name}", value)
    monkeypatch.setattr(settings, "SMTP_CA", str(home.keys / "tls" / "ca.crt"))
    monkeypatch.setattr(settings, "MAIL_FROM", "service@grower.example")
    # Mails of other tests wait for ever; here each of them would be a conversation with the server.
    Message.objects.filter(sent_at=None, set_aside_at=None).update(set_aside_at=clock.now())
    yield box
    server.stop()


def _free() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def queued(address: str) -> Any:
    """A mail that is due tomorrow, so that the service's own worker leaves it alone; to be sent under a clock of tomorrow."""

    draft = mail.Draft("Grüße", "Ein Satz mit Umlaut: Gewächshaus.\n")
    mail.queue_draft(KeyOwnerId(new_id()), "change", address, draft)
    return next(one for one in Message.objects.order_by("-created_at")[:50] if one.address == address)


def test_a_mail_arrives_whole_over_tls(mail_sink: MailSink) -> None:
    with clock.frozen(clock.now() + timedelta(days=1)):
        message = queued("arrives@grower.example")
        mail.deliver_due(limit=5000)
    message.refresh_from_db()
    assert message.sent_at is not None
    letter = next(one for one in mail_sink.letters if one["To"] == "arrives@grower.example")
    assert letter["From"] == "service@grower.example"
    text, page = letter.get_payload()  # type: ignore[misc]
    assert "Gewächshaus" in text.get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert "Gewächshaus" in page.get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert letter["Message-ID"]


def test_a_mail_is_signed_with_the_headers_that_stop_it(mail_sink: MailSink, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 8058, 4: a signature that does not cover both is no offer of one click."""
    import dkim
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    from glasshouse.mail import signing, smtp

    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    monkeypatch.setattr(settings, "DKIM_KEY", signing.readable_key(pem))
    monkeypatch.setattr(settings, "DKIM_SELECTOR", "s1")
    headers = {
        "List-Unsubscribe": f"<https://greenhouse.example/stop/{'a' * 43}>, <mailto:privacy+u-{'a' * 43}@grower.example>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    address = "signed@grower.example"
    monkeypatch.setattr(smtp, "add_headers", lambda made, _, add=smtp.add_headers: add(made, headers))
    with clock.frozen(clock.now() + timedelta(days=1)):
        queued(address)
        mail.deliver_due(limit=5000)
    content = next(content for content in mail_sink.raw if b"To: signed@" in content)
    asked: list[bytes] = []

    def record(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)

    assert dkim.verify(content, dnsfunc=record)
    assert asked == [b"s1._domainkey.grower.example."]
    for name, other in ((b"List-Unsubscribe-Post: List", b"List-Unsubscribe-Post: Most"), (b"/stop/aaa", b"/stop/bbb")):
        assert name in content
        assert not dkim.verify(content.replace(name, other), dnsfunc=record), name
    # A header that is added in front is what most programs show. Source: RFC 6376, 8.15.
    for added in (
        *(b"Subject: Other", b"To: other@elsewhere.example", b"Date: Mon, 01 Jan 2024 00:00:00 +0000"),
        *(b"From: other@elsewhere.example", b"Reply-To: other@elsewhere.example", b"Cc: other@elsewhere.example"),
        *(b"Content-Type: text/html", b"List-Unsubscribe: <https://elsewhere.example/>"),
    ):
        assert not dkim.verify(added + b"\r\n" + content, dnsfunc=record), added


@pytest.mark.parametrize("pem", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_a_key_that_cannot_sign_is_refused_at_the_start(pem: str) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    from glasshouse.mail import signing

    with pytest.raises(ValueError, match="PEM"):
        signing.readable_key(pem)
    small = rsa.generate_private_key(65537, 1024).private_bytes(  # noqa: S505 - it is refused
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(ValueError, match="2048"):
        signing.readable_key(small.decode())


def test_a_mail_that_the_server_puts_off_is_tried_again_later(mail_sink: MailSink) -> None:
    mail_sink.refusal = "451 come again"
    with clock.frozen(clock.now() + timedelta(days=1)):
        message = queued("later@grower.example")
        mail.deliver_due(limit=5000)
        message.refresh_from_db()
        assert (message.sent_at, message.tries) == (None, 1)
        assert message.next_try_at > clock.now()
    mail_sink.refusal = ""
    with clock.frozen(message.next_try_at):
        mail.deliver_due(limit=5000)
    message.refresh_from_db()
    assert (message.sent_at is not None, message.tries) == (True, 2)


def test_no_mail_leaves_to_a_server_whose_certificate_nobody_vouches_for(
    mail_sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SMTP_CA", "")
    with clock.frozen(clock.now() + timedelta(days=1)):
        message = queued("nobody@grower.example")
        mail.deliver_due(limit=5000)
    message.refresh_from_db()
    assert message.sent_at is None
    assert mail_sink.letters == []
