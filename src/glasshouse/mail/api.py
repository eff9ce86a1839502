"""Queue a mail inside the caller's transaction; deliver what is queued."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Func, IntegerField, Q, QuerySet

from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock, gate
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import NotFoundError, stack_of
from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.mail import ruling as rulings
from glasshouse.mail import smtp
from glasshouse.mail.models import Message
from glasshouse.mail.rendering import Value as Value  # other areas name it as mail.Value, mail.Values
from glasshouse.mail.rendering import Values as Values
from glasshouse.mail.rendering import language_of, render, with_footer
from glasshouse.mail.rules import body_text, message_id, subject_line
from glasshouse.probes import api as probes
from glasshouse.queues import rules as failures
from glasshouse.queues.rules import MAX_MAIL_TRIES, wait_before
from glasshouse.vault import api as vault
from glasshouse.vault.envelope import KeyDestroyedError, SealBrokenError

log = structlog.stdlib.get_logger("glasshouse.mail")
BOUNCE = "bounce-"
ERASED = "erased"  # Kind of the mails that tell of an erasure.
MOST_S = (
    60.0  # A turn begins no mail after that: a mail server that stalls must not keep the worker from its heartbeat.
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail to queue. answers: the Message-ID that it replies to. purpose: what its person may object to ("": the service).

    body: without the footer, which each mail is given when it is queued. language: of the footer. by_hand: a person wrote it.
    number: the mail's id, where its text holds a link made of it; "": any.
    """

    subject: str
    body: str
    answers: str = ""
    purpose: str = ""
    language: str = "en"
    by_hand: bool = False
    number: str = ""


def draft(
    template: str,
    values: Values,
    *,
    answers: str = "",
    purpose: str = "",
    by_hand: bool = False,
    language: str = "",
) -> Draft:
    """A mail made of a template: see `mail/rendering.py`. language: "": that of the template. Raises TemplateError."""
    language = language or language_of(template)
    rendered = render(template, values, language)
    return Draft(rendered.subject, rendered.body, answers=answers, purpose=purpose, language=language, by_hand=by_hand)


def queue_template(
    key_owner: KeyOwnerId,
    kind: str,
    address: str,
    template: str,
    values: Values,
    *,
    purpose: str = "",
    language: str = "",
) -> str:
    """Queue one mail made of a template; returns its id, or "" where the person has objected to its purpose.

    It leaves when the caller's transaction has ended well. language: as of `draft`. Raises TemplateError.
    """
    return queue_draft(key_owner, kind, address, draft(template, values, purpose=purpose, language=language))


class Templated(NamedTuple):
    """A mail that several people get, each in their own language: a template and its values."""

    template: str
    values: Values


def queue_draft(key_owner: KeyOwnerId, kind: str, address: str, draft: Draft) -> str:
    """Queue one mail; returns its id, or "" where the person has objected to its purpose.

    It leaves when the caller's transaction has ended well.
    """
    if draft.purpose and _objected(key_owner, draft.purpose):
        return ""
    body = with_footer(draft.body, draft.language, _notice_in_force())
    message = _keep(key_owner, kind, address, subject=draft.subject, body=body)
    message.answers, message.purpose = message_id(draft.answers) or None, draft.purpose
    message.by_hand = draft.by_hand
    message.id = draft.number or message.id
    message.save(force_insert=True)
    return message.id


def _notice_in_force() -> int:
    """The number of the privacy notice in force; 0 where there is none yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT glasshouse_notice_in_force()")
        return int(cursor.fetchone()[0])


def _objected(key_owner: KeyOwnerId, purpose: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT glasshouse_objected(%s, %s)", [key_owner, purpose])
        return bool(cursor.fetchone()[0])


def keep_sent(key_owner: KeyOwnerId, kind: str, address: str, *, body: str) -> None:
    """Store, beside the mails, a message that was sent in another way."""
    message = _keep(key_owner, kind, address, subject="", body=body)
    message.sent_at = message.created_at
    message.save(force_insert=True)


def _keep(key_owner: KeyOwnerId, kind: str, address: str, *, subject: str, body: str) -> Message:
    now, hashed = clock.now(), vault.lookup("address", address)
    return Message(
        key_owner=key_owner,
        kind=kind,
        address=address,
        address_hash=hashed,
        subject=subject_line(subject),
        body=body_text(body),
        created_at=now,
        next_try_at=now,
    )


def deliver_due(limit: int = 200) -> int:
    """Send what is due; returns how many left. One that fails waits, longer each time, and is set aside after MAX_MAIL_TRIES.

    After MOST_S (of the monotonic clock) it stops; the next turn, a second later, goes on with those that have waited longest.
    With no mail server named, all of it waits, but the mail to promise checks; in the demo it counts as sent, for the mailbox
    page shows it.
    """
    only_probes = not settings.SMTP_HOST and not settings.DEMO
    if only_probes and not probes.living():
        return 0
    now, sent_count, ends_s = clock.now(), 0, monotonic() + MOST_S
    # Every try was begun and none came to an end, not even a bad one: the process died of it each time.
    dead = Message.objects.filter(sent_at=None, set_aside_at=None, next_try_at__lte=now, tries__gte=MAX_MAIL_TRIES)
    dead.update(set_aside_at=now, reason=failures.DIED)
    for _ in range(limit):
        number = _begin_next(only_probes=only_probes) if monotonic() < ends_s else ""
        if not number:
            break
        sent_count += _try(number)
    return sent_count


def next_due(*, only_probes: bool = False) -> "QuerySet[Message]":
    """The mails that are due and that no other process has, the one that has been due longest first. In a transaction.

    only_probes: those to promise checks, which have a mail server of their own.
    """
    rows = Message.objects.select_for_update(skip_locked=True)
    due = rows.filter(sent_at=None, set_aside_at=None, next_try_at__lte=clock.now())
    if only_probes:
        sink = Func(F("address_hash"), function="glasshouse_probe_sink", output_field=IntegerField())
        due = due.annotate(sink=sink).filter(sink__isnull=False)
    return due.order_by("next_try_at").only("id", "tries")


def _begin_next(*, only_probes: bool) -> str:
    """Count a try of the mail that has been due longest, and put it off; returns its id, "" where none is due.

    Committed before the try begins: it counts even if the process dies while it sends, and no other process takes the mail.
    """
    with transaction.atomic():
        message = next_due(only_probes=only_probes).first()
        if message is None:
            return ""
        message.tries += 1
        message.next_try_at = clock.now() + wait_before(message.tries)
        message.save(update_fields=["tries", "next_try_at"])
    return message.id


def _try(number: str) -> bool:
    """Send one mail whose try is counted; whether it left."""
    try:
        with transaction.atomic():
            message = _held(number)
            if message is None:
                return False
            ruling = rulings.of(message)
            if not ruling.goes:
                message.delete()  # What it was and why it did not go stays on record with the ruling.
                return False
            _send(message, ruling.headers)
            Message.objects.filter(id=number).update(
                sent_at=clock.now(), refused="", reason="", place="", set_aside_at=None, seen_at=None
            )
    except gate.UncoveredError as error:
        # Nothing is wrong with the mail: it waits until a disclosure covers it, which counts as no try.
        upcoming = clock.now() + timedelta(minutes=10)
        Message.objects.filter(id=number).update(
            refused=type(error).__name__, tries=F("tries") - 1, next_try_at=upcoming
        )
        return False
    except Exception as error:  # noqa: BLE001 - whatever it is, it is noted, and is this mail's alone
        _note_failure(number, error)
        return False
    return True


def _held(number: str) -> Message | None:
    """A mail that is not sent yet, held for this transaction; None: it is sent, or somebody else sends it.

    Another process that looks for due mails holds the row for a moment, though it does not take it: so it is tried for a while.
    """
    for pause_s in (0.0, 0.02, 0.05, 0.1, 0.2):
        sleep(pause_s)
        unsent = Message.objects.filter(id=number, sent_at=None)
        if (message := unsent.select_for_update(skip_locked=True).first()) is not None or not unsent.exists():
            return message
    return None


def _note_failure(number: str, error: Exception) -> None:
    rows = Message.objects.filter(id=number)
    rows.update(reason=failures.reason_of(error), place=failures.place_of(error.__traceback__))
    rows.filter(tries__gte=MAX_MAIL_TRIES, set_aside_at=None).update(set_aside_at=clock.now())
    log.error("mail not sent", mail=number, error=type(error).__name__, stack=stack_of(error))


def _send(message: Message, headers: Mapping[str, str]) -> None:
    server = _server_for(message)
    if server is None:
        return  # It stays in the queue's table, where the demo's mailbox page shows it.
    mail = smtp.composed(
        message.id, message.address, message.subject, message.body, message.answers or "", by_hand=message.by_hand
    )
    smtp.add_headers(mail, headers)
    # The way back of what cannot be delivered names the message, so that a bounce finds its mail.
    return_path = f"{BOUNCE}{message.id}@{smtp.domain()}"
    # The record of a mail that tells of an erasure names nobody: it outlives the mail by years.
    address_hash = "" if message.kind == ERASED else message.address_hash or ""
    leaving = smtp.egress(KeyOwnerId(message.key_owner), address_hash)
    smtp.hand_over(server, leaving, mail, message.address, return_path)


def _server_for(message: Message) -> smtp.MailServer | None:
    """Where a mail is handed over: that to a promise check at its own listener, all others at the operator's mail server."""
    port = probes.sink_port(message.address_hash) if message.address_hash else None
    if port is not None:
        return smtp.probes_server(port)
    if message.address.endswith(".invalid"):
        return None  # Of a probe that is over. It leads nowhere (RFC 6761).
    return smtp.operators_server()


# -- what staff see ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetAside:
    """A mail that was set aside, without whom it is for and what it says. reason: in plain words."""

    id: str
    kind: str
    created_at: datetime
    tries: int
    reason: str
    place: str
    seen: bool


def set_aside(*, seen: bool, after: str, most: int) -> Piece[SetAside]:
    """A piece of the mails that were set aside, the newest first.

    seen: those that staff have looked at; after, most: as in `piece_of`.
    """
    columns = ("id", "kind", "created_at", "tries", "reason", "place")
    rows = Message.objects.filter(sent_at=None, seen_at__isnull=not seen).exclude(set_aside_at=None).only(*columns)
    piece = piece_of(rows, after, by="-created_at", most=most)
    return piece.of(
        [
            SetAside(row.id, row.kind, row.created_at, row.tries, failures.plain_reason(row.reason), row.place, seen)
            for row in piece
        ]
    )


def unseen() -> int:
    """How many mails were set aside and not looked at."""
    return Message.objects.filter(sent_at=None, seen_at=None).exclude(set_aside_at=None).count()


@transaction.atomic
def try_again(actor: Actor, message: str) -> None:
    """Have a mail that was set aside tried again from the start. That the actor may is asked one layer up.

    Raises NotFoundError.
    """
    rows = Message.objects.filter(id=message, sent_at=None).exclude(set_aside_at=None)
    if not rows.update(tries=0, next_try_at=clock.now(), set_aside_at=None, seen_at=None):
        raise NotFoundError
    events.record(actor.alone, Kind.MAIL_RETRIED, message)


@transaction.atomic
def leave(actor: Actor, message: str) -> None:
    """Leave a mail set aside: staff have looked at it. Raises NotFoundError."""
    rows = Message.objects.filter(id=message, sent_at=None).exclude(set_aside_at=None)
    if not rows.update(seen_at=clock.now()):
        raise NotFoundError
    events.record(actor.alone, Kind.MAIL_LEFT, message)


def forget(key_owners: set[str]) -> None:
    """Delete the mails under keys that are about to be destroyed, in the caller's transaction."""
    Message.objects.filter(key_owner__in=key_owners).delete()


def forget_sent_to(address_hash: str, *, but: KeyOwnerId, ended: tuple[str, ...] = ()) -> None:
    """Delete what was sent to an address that its person gave up, in the caller's transaction. but: under whose key it stays.

    ended: kinds of mails whose links have ended, so that those on their way are deleted, too.
    """
    rows = Message.objects.filter(address_hash=address_hash).exclude(key_owner=but)
    rows.filter(Q(sent_at__isnull=False) | Q(kind__in=ended)).delete()


def bounced(message: str) -> bool:
    """Note that a mail came back; whether there was one."""
    rows = Message.objects.filter(id=message).exclude(sent_at=None)
    return bool(rows.update(bounced_at=clock.now()))


def fates(messages: list[str]) -> dict[str, str]:
    """Whether mails are queued, sent, bounced or failed, by id. A mail that is not stored any more is left out."""
    return {
        message.id: "bounced"
        if message.bounced_at
        else "sent"
        if message.sent_at
        else "failed"
        if message.set_aside_at
        else "queued"
        for message in Message.objects.filter(id__in=messages).only("id", "bounced_at", "sent_at", "set_aside_at")
    }


def address_hash_of(message: str) -> str:
    """The keyed hash of the address that a mail went to; "" where there is no such mail."""
    return Message.objects.filter(id=message).values_list("address_hash", flat=True).first() or ""


def key_owners_of(messages: list[str]) -> list[KeyOwnerId]:
    """Under whose keys mails are sealed; ids that name no mail are left out."""
    return [KeyOwnerId(owner) for owner in Message.objects.filter(id__in=messages).values_list("key_owner", flat=True)]


def newest(limit: int = 50) -> list[Message]:
    """The newest mails that can be opened, for the demo's mailbox page only; one whose key is destroyed is left out."""
    return _readable(Message.objects.order_by("-created_at")[:limit])


def _readable(rows: QuerySet[Message]) -> list[Message]:
    """Of these mails, those that can be opened; their keys are read with one query."""
    messages = list(rows)
    vault.open_keys({KeyOwnerId(message.key_owner) for message in messages})
    return [message for message in messages if _opens(message)]


def _opens(message: Message) -> bool:
    try:
        return bool(message.address) and message.subject is not None and message.body is not None
    except (KeyDestroyedError, SealBrokenError):  # The second where a probe's key went in this moment.
        return False


def newest_of_people(limit: int = 50) -> list[Message]:
    """As `newest`, without the mails to promise checks, whose addresses end in `.invalid` as nobody's else do (RFC 6761)."""
    sink = Func(F("address_hash"), function="glasshouse_probe_sink", output_field=IntegerField())
    rows = Message.objects.annotate(sink=sink).filter(sink__isnull=True).order_by("-created_at")[:limit]
    return [message for message in _readable(rows) if not message.address.endswith(".invalid")]
