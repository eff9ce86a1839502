"""Verbs of mails that no program answers: kept whole, shown to the privacy officer, made a request or deleted.

Whoever sent one hears nothing until an officer makes it a request, which mails the link that confirms the address.
Source: RFC 3834, 2; GDPR Art. 12(2): what a person wrote is not lost because a program handed it on.
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts import throttle
from glasshouse.accounts.rules import normal_address
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import BlobId, KeyOwnerId, RequestId, new_id
from glasshouse.mail.rules import body_text
from glasshouse.requests import answering, files, mail_files
from glasshouse.requests import api as requests
from glasshouse.requests.models import Unanswered, UnansweredMail
from glasshouse.requests.rules import likely_kind
from glasshouse.vault import api as vault
from glasshouse.vault import blobs
from glasshouse.vault.fields import readable

DAY = timedelta(days=1)
MOST_OF_ONE_A_DAY, MOST_OF_NOBODY_A_DAY, MOST_SHOWN = 20, 200, 200


def sender_of(address: str) -> str:
    """The normal form of the address that a mail names as its sender; "" where that is none that mail can be sent to."""
    try:
        return normal_address(address) if address else ""
    except InvalidError:
        return ""


def is_ours(address: str) -> bool:
    """Whether a normal address is one that this installation writes from, or is written to."""
    local, _, domain = address.rpartition("@")
    ours = {settings.OPERATOR.privacy_address.lower(), settings.MAIL_FROM.lower()}
    written_to = {"privacy", "glasshouse", *settings.PRIVACY_MAILBOXES}
    return address in ours or (
        local.partition("+")[0] in written_to and f"@{domain}" in {own[own.rindex("@") :] for own in ours}
    )


def keep(address: str, text: str, reason: str, raw: bytes, authentication: str = "") -> None:
    """Keep a mail that nobody but a person answers. reason: of `Unanswered`. address: "" where it names no sender, or several.

    Raises InvalidError, ThrottledError.
    """
    normal = normal_address(address) if address else ""
    most = MOST_OF_ONE_A_DAY if normal else MOST_OF_NOBODY_A_DAY
    with answering.counted(normal, len(raw)):
        throttle.take("mail-unanswered", normal or "nobody", most=most, window=DAY)
        _store(normal, text, reason, raw, authentication)


def _store(normal: str, text: str, reason: str, raw: bytes, authentication: str) -> None:
    key_owner, stored = KeyOwnerId(new_id()), list[BlobId]()
    with files.removed_on_failure(stored), transaction.atomic():
        stored.append(blobs.store([raw], key_owner))
        mail = UnansweredMail(
            key_owner=key_owner,
            address=normal,
            address_hash=vault.lookup("address", normal or new_id()),
            text=body_text(text),
            authentication=authentication[:80] or None,
            reason=Unanswered(reason),
            size_bytes=len(raw),
            blob=stored[0],
            at=clock.now(),
        )
        mail.save(force_insert=True)
        events.record(ANONYMOUS, Kind.MAIL_KEPT, mail.id)


def listed(actor: Actor) -> list[UnansweredMail]:
    """The mails that wait for an officer, the newest first. Raises NotFoundError."""
    access.require_staff(actor, Permission.REQUEST_READ)
    return readable(UnansweredMail.objects.order_by("-at")[:MOST_SHOWN])


def fetch(actor: Actor, number: str) -> files.Download:
    """The whole mail, as a file. Raises NotFoundError."""
    access.require_staff(actor, Permission.REQUEST_READ)
    mail = UnansweredMail.objects.filter(id=number).first()
    if mail is None:
        raise NotFoundError
    return files.Download(mail_files.WHOLE_NAME, blobs.read(BlobId(mail.blob), KeyOwnerId(mail.key_owner)))


def make_request(actor: Actor, number: str, address: str = "") -> RequestId:
    """Make a mail a request, with the whole mail as its file; mail the confirmation link.

    address: whom to mail it to, of a mail that names no sender, or several; any other goes to its own. Raises InvalidError,
    NotFoundError.
    """
    with files.arriving((mail_files.whole(b"".join(fetch(actor, number).body)),)) as new_files, transaction.atomic():
        mail = _taken(actor, number)
        if not mail.address and not address.strip():
            raise InvalidError("Write the one address that the link goes to: the mail does not tell.", field="address")
        arrival = requests.Arrival("mail", authentication=mail.authentication or "")
        asker = mail.address or normal_address(address)
        request, secret = requests.new_request(asker, likely_kind(mail.text), "other", mail.text, arrival)
        request.save(force_insert=True)
        new_files.belong_to(request)
        requests.mail_link(request, secret)
        mail.delete()
        events.record(actor, Kind.MAIL_MADE_REQUEST, number)
    blobs.remove(BlobId(mail.blob))
    return RequestId(request.id)


def delete(actor: Actor, number: str) -> None:
    """Delete a mail that asks for nothing. Raises NotFoundError."""
    with transaction.atomic():
        mail = _taken(actor, number)
        mail.delete()
        events.record(actor, Kind.MAIL_DELETED, number)
    blobs.remove(BlobId(mail.blob))


def _taken(actor: Actor, number: str) -> UnansweredMail:
    """A mail, locked: nobody else acts on it in the caller's transaction."""
    access.require_staff(actor, Permission.REQUEST_ANSWER)
    mail = UnansweredMail.objects.select_for_update().filter(id=number).first()
    if mail is None:
        raise NotFoundError
    return mail
