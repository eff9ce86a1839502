"""Queue a mail inside the caller's transaction; deliver what is queued."""

import smtplib
import ssl
from datetime import timedelta
from email.message import EmailMessage
from email.utils import make_msgid

from django.conf import settings
from django.db import transaction

from glasshouse.kernel import clock
from glasshouse.kernel.ids import HolderId
from glasshouse.mail.models import Message
from glasshouse.vault import api as vault

MOST_TRIES = 12


def queue(holder: HolderId, kind: str, address: str, *, subject: str, body: str) -> None:
    """Queue one mail; it leaves when the transaction has ended well."""
    _keep(holder, kind, address, subject=subject, body=body).save(force_insert=True)


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
            except (OSError, smtplib.SMTPException):
                message.next_try_at = clock.now() + timedelta(seconds=min(86_400, 5 * 2**message.tries))
            else:
                message.sent_at = clock.now()
                sent += 1
            message.save(update_fields=["tries", "next_try_at", "sent_at"])
    return sent


def _send(message: Message) -> None:
    if not settings.SMTP_HOST:
        return  # No mail server is named: the mail stays in the queue's table, where the demo's mailbox page shows it.
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = settings.MAIL_FROM, message.address, message.subject
    mail["Message-ID"] = make_msgid(domain=settings.MAIL_FROM.rpartition("@")[2])
    mail.set_content(message.body)
    with smtplib.SMTP(settings.SMTP_HOST, settings.SMTP_PORT, timeout=20) as server:
        server.starttls(context=ssl.create_default_context(cafile=settings.SMTP_CA or None))
        if settings.SMTP_USER:
            server.login(settings.SMTP_USER, settings.SMTP_PASSWORD)
        server.send_message(mail)


def newest(limit: int = 50) -> list[Message]:
    """The newest mails, for the demo's mailbox page only."""
    return list(Message.objects.order_by("-created_at")[:limit])
