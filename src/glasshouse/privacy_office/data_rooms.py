"""Verbs of a buyer's data room: prepared by one, approved by another, open until a day, sealed to the buyer, on record.

Rules: nothing is handed over before the recipient's waiting period is over and a second member of the staff has approved; of whom
it is handed over is fixed by then: the persons who were told a whole waiting period before. Each part is made when it is fetched,
so that whoever objected, was restricted or was erased in the last moment is not in it. Every file is sealed to the buyer's
certificate (CMS), and noted as a disclosure of each person in it. Source: PRI-15, PRI-25; GDPR Art. 6(1)(f), 21, 32.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts.models import Account
from glasshouse.accounts.rules import normal_address
from glasshouse.accounts.sessions import digest
from glasshouse.disclosures import api as disclosures
from glasshouse.disclosures import business_transfers
from glasshouse.disclosures.models import BusinessTransfer, BusinessTransferNotice, DataRoom, DataRoomFetch
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, Actor, ActorKind
from glasshouse.kernel.errors import ForbiddenError, InvalidError, NotFoundError
from glasshouse.kernel.ids import AccountId, KeyOwnerId, PersonId, new_token
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.mail import api as mail
from glasshouse.subject.inventory import view
from glasshouse.vault import api as vault
from glasshouse.vault.datamap import NAMES
from glasshouse.vault.fields import readable

PART = 100  # persons in a file
MOST_DAYS = 30
MOST_PEM = 20_000  # characters
ROOMS_A_PIECE = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """What a data room would hold. contact: the buyer's email address; certificate: PEM; fields: categories; days: how long."""

    contact: str
    certificate: str
    fields: list[str]
    days: int


def prepare(actor: Actor, transfer: str, plan: Plan) -> DataRoom:
    """Prepare the data room of an open business transfer, for another member of the staff to approve.

    Raises InvalidError, NotFoundError.
    """
    access.require_staff(actor, Permission.MERGER_CHANGE)
    business_transfer = BusinessTransfer.objects.select_related("recipient").filter(id=transfer).first()
    if business_transfer is None or not business_transfer.is_open:
        raise NotFoundError
    if not plan.fields or not set(plan.fields) <= set(business_transfers.may_pass(business_transfer)):
        raise InvalidError("Choose what is handed over, from what was announced.", field="fields")
    if not 1 <= plan.days <= MOST_DAYS:
        raise InvalidError(gettext("A data room is open for 1 to %(most)s days.") % {"most": MOST_DAYS}, field="days")
    _certificate(plan.certificate)
    contact = normal_address(plan.contact)
    with transaction.atomic():
        room = DataRoom(
            business_transfer=business_transfer,
            contact=contact,
            address_hash=vault.lookup("address", contact),
            certificate=plan.certificate,
            fields=sorted(set(plan.fields)),
            prepared_by=actor.id,
            prepared_at=clock.now(),
            days=plan.days,
        )
        room.save(force_insert=True)
        events.record(actor, Kind.DATA_ROOM_PREPARED, room.id)
    return room


def _certificate(pem: str) -> x509.Certificate:
    try:
        if len(pem) > MOST_PEM:
            raise ValueError
        certificate = x509.load_pem_x509_certificate(pem.encode())
        key = certificate.public_key()
    except ValueError:
        raise InvalidError("Paste the buyer's certificate as PEM.", field="certificate") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < 3072:
        raise InvalidError("The certificate needs an RSA key of 3072 bits or more.", field="certificate")
    if certificate.not_valid_after_utc <= clock.now():
        raise InvalidError("The certificate has expired.", field="certificate")
    return certificate


def approve(actor: Actor, number: str) -> None:
    """Approve a data room that somebody else prepared, and mail the buyer its link.

    Raises InvalidError before the waiting period is over and for whoever prepared it, NotFoundError.
    """
    access.require_staff(actor, Permission.MERGER_CHANGE)
    now, secret = clock.now(), new_token()
    with transaction.atomic():
        rows = DataRoom.objects.select_for_update(of=("self",)).select_related("business_transfer__recipient")
        room = rows.filter(id=number, approved_at=None, revoked_at=None).first()
        if room is None or not room.business_transfer.is_open:
            raise NotFoundError
        if room.prepared_by == actor.id:
            raise InvalidError("You prepared this data room. Somebody else has to approve it.", field="room")
        if room.business_transfer.recipient.active_from > now:
            raise InvalidError("People have still time to object: nothing is handed over yet.", field="room")
        room.approved_by, room.approved_at, room.ends_at = actor.id, now, now + timedelta(days=room.days)
        room.secret_hash = digest(secret)
        room.save(update_fields=["approved_by", "approved_at", "ends_at", "secret_hash"])
        mail.queue_template(
            KeyOwnerId(room.id),
            "data-room",
            room.contact,
            "privacy_office/mails/data_room",
            {"secret": secret, "ends_at": room.ends_at},
        )
        events.record(actor, Kind.DATA_ROOM_APPROVED, room.id)


def revoke(actor: Actor, number: str) -> None:
    """Close a data room now. Raises NotFoundError."""
    access.require_staff(actor, Permission.MERGER_CHANGE)
    with transaction.atomic():
        if not DataRoom.objects.filter(id=number, revoked_at=None).update(revoked_at=clock.now()):
            raise NotFoundError
        events.record(actor, Kind.DATA_ROOM_REVOKED, number)


class RoomState(NamedTuple):
    """A data room as the officer sees it. state: waiting, open, ended; categories: in plain words; own: the actor prepared it."""

    room: DataRoom
    state: str
    categories: list[str]
    fetches: list[DataRoomFetch]
    own: bool


def rooms(actor: Actor, after: str = "") -> Piece[RoomState]:
    """A piece of the data rooms, the newest first. Raises NotFoundError."""
    access.require_staff(actor, Permission.RECIPIENT_CHANGE)
    every = DataRoom.objects.select_related("business_transfer__recipient")
    rows = piece_of(every, after, by="-prepared_at", most=ROOMS_A_PIECE)
    shown = readable(rows)
    recipients = {recipient.pk for recipient in readable(room.business_transfer.recipient for room in shown)}
    states = [
        RoomState(
            room,
            _state(room),
            [NAMES[name] for name in room.fields],
            list(DataRoomFetch.objects.filter(data_room=room).order_by("-at")[:50]),
            room.prepared_by == actor.id,
        )
        for room in shown
        if room.business_transfer.recipient_id in recipients
    ]
    return rows.of(states)


def _state(room: DataRoom) -> str:
    now, recipient = clock.now(), room.business_transfer.recipient
    is_over = not room.business_transfer.is_open or (recipient.ended_at and recipient.ended_at <= now)
    if room.revoked_at or is_over or (room.ends_at and room.ends_at <= now):
        return "ended"
    return "open" if room.approved_at else "waiting"


# -- the buyer -----------------------------------------------------------------------------------------------------


class OpenRoom(NamedTuple):
    """A data room as its buyer sees it. parts: how many files; categories: in plain words."""

    room: DataRoom
    parts: int
    categories: list[str]


def open_room(secret: str) -> OpenRoom:
    """The data room of a mailed link. Raises NotFoundError, ForbiddenError once it has ended."""
    room = _room(secret)
    return OpenRoom(room, -(-_told(room).count() // PART), [NAMES[name] for name in room.fields])


def _room(secret: str) -> DataRoom:
    rows = DataRoom.objects.select_related("business_transfer__recipient")
    room = rows.filter(secret_hash=digest(secret)).first()
    if room is None:
        raise NotFoundError("This link belongs to no data room.")
    if _state(room) != "open":
        raise ForbiddenError("This data room is closed.")
    return room


def _told(room: DataRoom) -> "QuerySet[BusinessTransferNotice]":
    """The notices of whom the approval was about, in an order that stays: who had all the time to object that there is."""
    if room.approved_at is None:
        return BusinessTransferNotice.objects.none()
    told_until = room.approved_at - business_transfers.waiting_period(room.business_transfer.recipient)
    notices = BusinessTransferNotice.objects.filter(business_transfer=room.business_transfer, at__lte=told_until)
    return notices.order_by("at", "id")


class RoomFile(NamedTuple):
    """A part of a data room to hand over. body: CMS, DER, sealed to the buyer's certificate; in it JSON, a list of persons."""

    name: str
    body: bytes


def fetch(secret: str, part: int) -> RoomFile:
    """One part of a data room, as it is at this moment; noted as a disclosure of each person in it. part: from 1.

    Raises NotFoundError, ForbiddenError once it has ended.
    """
    room = _room(secret)
    notices = list(_told(room)[(part - 1) * PART : part * PART]) if part >= 1 else []
    if not notices:
        raise NotFoundError("This data room has no such part.")
    # Read before the transaction, for a view has transactions of its own.
    values = {KeyOwnerId(notice.key_owner): _values(room, KeyOwnerId(notice.key_owner)) for notice in notices}
    with transaction.atomic():
        DataRoom.objects.select_for_update().get(id=room.id)
        recipient = _room(secret).business_transfer.recipient  # Whether it is open is asked once more, under the lock.
        passing = [person for person, rows in values.items() if rows and _passes(person)]
        for person in passing:
            disclosures.note(person, recipient)
        DataRoomFetch.objects.create(data_room=room, part=part, people=len(passing), at=clock.now())
        events.record(ANONYMOUS, Kind.DATA_ROOM_FETCHED, room.id, part=part, people=len(passing))
    builder = PKCS7EnvelopeBuilder().set_data(json.dumps([values[person] for person in passing]).encode())
    sealed = builder.add_recipient(_certificate(room.certificate)).encrypt(Encoding.DER, [PKCS7Options.Binary])
    return RoomFile(f"data-room-{room.id}-{part}.p7m", sealed)


def _account(person: KeyOwnerId) -> Account | None:
    return Account.objects.filter(person_id=person, staff_role="").first()


def _passes(person: KeyOwnerId) -> bool:
    """Whether a person is still there, does not object and is not restricted."""
    return _account(person) is not None and business_transfers.would_pass(person) == "passes"


def _values(room: DataRoom, person: KeyOwnerId) -> list[dict[str, str]]:
    """What of a person was approved; nothing of whoever does not pass."""
    account = _account(person)
    if account is None or not _passes(person):
        return []
    actor = Actor(ActorKind.PERSON, AccountId(account.id), PersonId(person))
    return [
        {"place": item.place, "category": item.category, "value": item.value}
        for item in view(actor)
        if item.category in room.fields
    ]
