"""Queue a mail inside the caller's transaction; deliver what is queued."""

import smtplib
import ssl
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage

from django.conf import settings
from django.db import connection, transaction

from glasshouse.kernel import clock, gate
from glasshouse.kernel.ids import HolderId
from glasshouse.mail.models import Message
from glasshouse.vault import api as vault

MOST_TRIES = 12
BOUNCE = "bounce-"
SENT = frozenset({"user.contact.email", "user.content.private"})  # what a mail carries out


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail's words. answers: the Message-ID that it replies to. purpose: what its person may object to ("": the service)."""

    subject: str
    body: str
    answers: str = ""
    purpose: str = ""


def queue(holder: HolderId, kind: str, address: str, *, subject: str, body: str) -> str:
    """Queue one mail; it leaves when the transaction has ended well; returns its id."""
    return queue_letter(holder, kind, address, Letter(subject, body))


def queue_letter(holder: HolderId, kind: str, address: str, letter: Letter) -> str:
    """Queue one mail with all that it may carry; returns its id, or "" where the person has objected to what it serves."""
    if letter.purpose and _objected(holder, letter.purpose):
        return ""
    message = _keep(holder, kind, address, subject=letter.subject, body=letter.body)
    message.answers, message.purpose = letter.answers or None, letter.purpose
    message.save(force_insert=True)
    return message.id


def _objected(holder: HolderId, purpose: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT glasshouse_objected(%s, %s)", [holder, purpose])
        return bool(cursor.fetchone()[0])


def keep_sent(holder: HolderId, kind: str, address: str, *, body: str) -> None:
    """Keep, beside the mails, a message that went out by another way."""
    message = _keep(holder, kind, address, subject="", body=body)
    message.sent_at = message.created_at
    message.save(force_insert=True)


def _keep(holder: HolderId, kind: str, address: str, *, subject: str, body: str) -> Message:
    now, hashed = clock.now(), vault.lookup("address", address)
    return Message(
        holder=holder,
        kind=kind,
        address=address,
        address_hash=hashed,
        subject=subject,
        body=body,
        created_at=now,
        next_try_at=now,
    )


def deliver_due(limit: int = 200) -> int:
    """Send what is due; returns how many left. A failed one waits, longer each time, up to a day.

    With no mail server named, all of it waits; in the demo it counts as sent, for the mailbox page shows it.
    """
    if not settings.SMTP_HOST and not settings.DEMO:
        return 0
    sent = 0
    for _ in range(limit):
        with transaction.atomic():
            message = (
                Message.objects.select_for_update(skip_locked=True)
                .filter(sent_at=None, next_try_at__lte=clock.now(), tries__lt=MOST_TRIES)
                .order_by("created_at")
                .first()
            )
            if message is None:
                return sent
            message.tries += 1
            try:
                _send(message)
            except gate.UncoveredError as error:
                message.refused, message.tries = str(error)[:80], message.tries - 1
                message.next_try_at = clock.now() + timedelta(minutes=10)
            except (OSError, smtplib.SMTPException):
                message.next_try_at = clock.now() + timedelta(seconds=min(86_400, 5 * 2**message.tries))
            else:
                message.sent_at, message.refused = clock.now(), ""
                sent += 1
            message.save(update_fields=["tries", "next_try_at", "sent_at", "refused"])
    return sent


def _send(message: Message) -> None:
    if not settings.SMTP_HOST:
        return  # No mail server is named: the mail stays in the queue's table, where the demo's mailbox page shows it.
    if message.address.endswith(".invalid"):
        return  # A probe's own address, which leads nowhere (RFC 6761).
    with transaction.atomic():
        gate.leave(gate.Outflow("mail", HolderId(message.holder), SENT))
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = settings.MAIL_FROM, message.address, message.subject
    domain = settings.MAIL_FROM.rpartition("@")[2]
    mail["Message-ID"] = f"<{message.id}@{domain}>"
    if message.answers:
        mail["In-Reply-To"] = mail["References"] = message.answers
    mail.set_content(message.body)
    with smtplib.SMTP(settings.SMTP_HOST, settings.SMTP_PORT, timeout=20) as server:
        server.starttls(context=ssl.create_default_context(cafile=settings.SMTP_CA or None))
        if settings.SMTP_USER:
            server.login(settings.SMTP_USER, settings.SMTP_PASSWORD)
        # The way back of what cannot be delivered names the message, so that a bounce finds its mail.
        server.send_message(mail, from_addr=f"{BOUNCE}{message.id}@{domain}")


def forget(holders: set[str]) -> None:
    """Delete the mails under keys that are about to be destroyed, in the caller's transaction."""
    Message.objects.filter(holder__in=holders).delete()


def bounced(message: str) -> bool:
    """Note that a mail came back; whether there was one."""
    found = Message.objects.filter(id=message).exclude(sent_at=None)
    return bool(found.update(bounced_at=clock.now()))


def fates(messages: list[str]) -> dict[str, str]:
    """What became of mails: queued, sent, bounced or failed, by id. One that is not kept any more is left out."""
    return {
        one.id: "bounced"
        if one.bounced_at
        else "sent"
        if one.sent_at
        else "failed"
        if one.tries >= MOST_TRIES
        else "queued"
        for one in Message.objects.filter(id__in=messages).only("id", "bounced_at", "sent_at", "tries")
    }


def refused() -> int:
    """How many mails wait because no disclosure covers their leaving."""
    return Message.objects.filter(sent_at=None).exclude(refused="").count()


def newest(limit: int = 50) -> list[Message]:
    """The newest mails, for the demo's mailbox page only."""
    return list(Message.objects.order_by("-created_at")[:limit])
