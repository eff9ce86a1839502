"""Verbs of legal holds: placed, told, ended; and what they keep.

Rules: a hold keeps the data of a person, of an address without an account, or of a customer, under whatever key it lies. It is
told by mail when it is placed and when it ends, unless the law bars that; then as soon as the bar has ended, which the worker
watches. An erasure asks `on_person`, `on_address` or `on_organisation` first; the database refuses what forgets to (`sql.py`).
Source: PRI-18, PRI-24; GDPR Art. 12(4), 17(3).
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db import connection, models
from django.db.models import Q

from glasshouse.access import api as access
from glasshouse.access.models import Membership, Organisation
from glasshouse.access.permissions import Role
from glasshouse.accounts import languages
from glasshouse.accounts.models import Account, Person
from glasshouse.accounts.own import STORAGE, own, person_at
from glasshouse.accounts.rules import known_forms
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB, Actor
from glasshouse.kernel.errors import ForbiddenError, InvalidError, NotFoundError
from glasshouse.kernel.ids import KeyOwnerId, OrganisationId
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.ledger import api as ledger
from glasshouse.mail import api as mail
from glasshouse.queues import api as queues
from glasshouse.retention.models import HoldOn, LegalHold
from glasshouse.retention.whose_columns import naming
from glasshouse.vault import api as vault
from glasshouse.vault.fields import readable

ERASING = "rights.erase"  # Names the queue of erasures: nobody is put under a hold while they are erased.
TELLING, TELLING_END = "retention.tell-hold", "retention.tell-hold-end"
MOST_TEXT = 400  # characters


class HeldError(ForbiddenError):
    """A legal hold keeps it."""

    def __init__(self) -> None:
        super().__init__("A legal hold keeps this. What you asked for is done when it ends.")


class StandsAlreadyError(InvalidError):
    """A live legal hold is on the same already: another one is placed only on purpose."""


@dataclass(frozen=True, slots=True)
class Bar:
    """That the law bars telling of a hold. reason: which law or court; until: the last day on which it does."""

    reason: str
    until: date


@dataclass(frozen=True, slots=True)
class Order:
    """What a legal hold says. owner: id of the staff account that answers for it; reason: the law or the court.

    beside: it is placed although another one stands already.
    """

    owner: str
    reason: str
    days: int
    bar: Bar | None = None
    beside: bool = False


# -- placing and ending --------------------------------------------------------------------------------------------


def place(whom: str, order: Order) -> str:
    """Put a legal hold on an address, with or without an account, or on an organisation, by its id; returns the hold's id.

    Raises InvalidError, also where no organisation has the id, and while the person is being erased; StandsAlreadyError.
    """
    _require_sound(order)
    if "@" not in whom:
        if whom.strip() not in access.all_organisations():
            raise InvalidError("Write an email address, or the id of an organisation.", field="whom")
        return _place(LegalHold(scope=HoldOn.ORGANISATION, key_owner=whom.strip()), order)
    address = known_forms(whom)[0]
    address_hash = vault.lookup("address", address)
    if person := person_at(address_hash):
        return _place(LegalHold(scope=HoldOn.PERSON, key_owner=person, address_hash=address_hash), order)
    legal_hold = LegalHold(scope=HoldOn.ADDRESS, address=address, address_hash=address_hash)
    legal_hold.key_owner = legal_hold.sealed_by
    return _place(legal_hold, order)


def _require_sound(order: Order) -> None:
    if not order.reason.strip() or len(order.reason) > MOST_TEXT:
        raise InvalidError("Name the law or the court that makes us keep it.", field="reason")
    if not 1 <= order.days <= 3650:
        raise InvalidError("A legal hold lasts 1 to 3650 days.", field="days")
    if order.bar is None:
        return
    if not order.bar.reason.strip() or len(order.bar.reason) > MOST_TEXT:
        raise InvalidError("Say which law or court bars telling the person.", field="bar")
    if not clock.now().date() < order.bar.until <= clock.now().date() + timedelta(days=3650):
        raise InvalidError("A bar ends on a day to come, within ten years; without a bar leave it empty.", field="bar")


def _place(legal_hold: LegalHold, order: Order) -> str:
    now = clock.now()
    legal_hold.owner, legal_hold.reason = order.owner, order.reason.strip()
    legal_hold.created_at, legal_hold.ends_at = now, now + timedelta(days=order.days)
    if order.bar is not None:
        legal_hold.bar, legal_hold.barred_until = order.bar.reason.strip(), order.bar.until
    if not order.beside and (standing := readable(_beside(legal_hold))):
        raise StandsAlreadyError(
            f"A legal hold on this stands already, until {standing[0].ends_at:%Y-%m-%d}: {standing[0].reason}. "
            "Another one keeps it too, until both have ended.",
            field="beside",
        )
    with queues.claimed(ERASING, legal_hold.key_owner) as is_claimed, _reaching(legal_hold):
        if not is_claimed:
            raise InvalidError("They are being erased at this moment.", field="whom")
        if ledger.has_lines(legal_hold.key_owner):
            raise InvalidError(
                "Their erasure has begun, and stands in the ledger: nothing can be held any more.", field="whom"
            )
        legal_hold.save(force_insert=True)
        events.record(JOB, Kind.LEGAL_HOLD_MADE, legal_hold.id)
        if legal_hold.barred_until is None:
            _tell(legal_hold)
    return legal_hold.id


def _beside(legal_hold: LegalHold) -> list[LegalHold]:
    """The other live holds on the same person, address or organisation."""
    if legal_hold.scope == HoldOn.PERSON:
        holds = on_person(legal_hold.key_owner)
    elif legal_hold.scope == HoldOn.ADDRESS:
        holds = on_address(legal_hold.address_hash or "")
    else:
        rows = LegalHold.objects.filter(scope=HoldOn.ORGANISATION, key_owner=legal_hold.key_owner)
        holds = list(rows.filter(ends_at__gt=clock.now()).order_by("ends_at"))
    return [hold for hold in holds if hold.id != legal_hold.id]


def of_number(number: str) -> LegalHold | None:
    """A legal hold, live or ended."""
    return LegalHold.objects.filter(id=number).first()


def stand_beside(legal_hold: LegalHold) -> bool:
    """Whether another live hold is on the same person, address or organisation."""
    return bool(_beside(legal_hold))


def end(actor: Actor, number: str) -> None:
    """End a legal hold now, told by mail unless that is barred. Raises NotFoundError."""
    legal_hold = LegalHold.objects.filter(id=number, ends_at__gt=clock.now()).first()
    if legal_hold is None:
        raise NotFoundError
    with _reaching(legal_hold):
        if not LegalHold.objects.filter(id=number, ends_at__gt=clock.now()).update(ends_at=clock.now()):
            raise NotFoundError
        events.record(JOB, Kind.LEGAL_HOLD_ENDED, number, by=actor.id)
        legal_hold.refresh_from_db()
        if legal_hold.told_at is not None:
            _tell_end(legal_hold)


def end_older(key_owner: str, moment: datetime) -> None:
    """End the holds on a person or an organisation that were placed before it was erased or closed, as the ledger shows.

    A restored backup may hold them as if they had not ended. moment: of the ledger's line, aware.
    """
    holds = [*on_person(key_owner), *on_organisation(key_owner)]
    ids = [legal_hold.id for legal_hold in holds if legal_hold.created_at <= moment]
    LegalHold.objects.filter(id__in=ids).update(ends_at=clock.now())


# -- telling -------------------------------------------------------------------------------------------------------


class Reader(NamedTuple):
    """Who is told of a hold. key_owner: under whose key the mail is sealed. language: "" for none."""

    key_owner: KeyOwnerId
    address: str
    language: str


@contextmanager
def _reaching(legal_hold: LegalHold) -> Iterator[None]:
    """A transaction in which those can be read who are told of the hold, restricted or not: the law owes it to them."""
    is_customers = legal_hold.scope == HoldOn.ORGANISATION
    job = JOB.for_organisation(OrganisationId(legal_hold.key_owner)) if is_customers else JOB
    with own(STORAGE), access.organisation_transaction(job):
        yield


def _readers(legal_hold: LegalHold) -> list[Reader]:
    """The person, the address, or the administrators of all sites of the customer."""
    if legal_hold.scope == HoldOn.ADDRESS:
        return [Reader(KeyOwnerId(legal_hold.sealed_by), legal_hold.address, "")]
    if legal_hold.scope == HoldOn.PERSON:
        persons = Person.objects.filter(id=legal_hold.key_owner)
    else:
        administrators = Membership.objects.filter(
            organisation_id=legal_hold.key_owner, role=Role.ADMINISTRATOR, sites=None
        )
        accounts = Account.objects.filter(id__in=list(administrators.values_list("account_id", flat=True)))
        persons = Person.objects.filter(id__in=list(accounts.values_list("person_id", flat=True)))
    return [Reader(KeyOwnerId(person.id), person.address, languages.of_person(person)) for person in persons]


def _name(legal_hold: LegalHold) -> str:
    """The name of the customer that a hold is on; "" of persons."""
    organisation = Organisation.objects.filter(id=legal_hold.key_owner).first()
    return organisation.name if organisation else ""


def _tell(legal_hold: LegalHold) -> None:
    """Tell of a hold, in the caller's transaction, which _reaching began."""
    news = mail.Templated(
        "retention/mails/hold_placed",
        {"organisation": _name(legal_hold), "reason": legal_hold.reason, "ends_at": legal_hold.ends_at},
    )
    for reader in _readers(legal_hold):
        draft = mail.draft(news.template, news.values, language=reader.language)
        mail.queue_draft(reader.key_owner, "announcement", reader.address, draft)
    LegalHold.objects.filter(id=legal_hold.id).update(told_at=clock.now())
    events.record(JOB, Kind.LEGAL_HOLD_TOLD, legal_hold.id)


def _tell_end(legal_hold: LegalHold) -> None:
    news = mail.Templated(
        "retention/mails/hold_ended",
        {
            "organisation": _name(legal_hold),
            "reason": legal_hold.reason,
            "placed_at": legal_hold.created_at,
            "standing": [{"ends_on": hold.ends_at, "reason": hold.reason} for hold in may_show(_beside(legal_hold))],
        },
    )
    for reader in _readers(legal_hold):
        draft = mail.draft(news.template, news.values, language=reader.language)
        mail.queue_draft(reader.key_owner, "announcement", reader.address, draft)
    LegalHold.objects.filter(id=legal_hold.id).update(end_told_at=clock.now())
    events.record(JOB, Kind.LEGAL_HOLD_TOLD, legal_hold.id, ended=True)


def tell_due() -> int:
    """Tell of holds whose bar has ended, and of those that have lapsed; returns how many holds. For the worker.

    Safe to repeat. Live holds that earlier versions placed were never told: they are, now.
    """
    now = clock.now()
    is_over = Q(barred_until__lt=now.date()) | Q(barred_until=None, ends_at__gt=now)
    untold = LegalHold.objects.filter(is_over, told_at=None)
    lapsed = LegalHold.objects.filter(ends_at__lte=now, end_told_at=None).exclude(told_at=None)
    count = queues.each(TELLING, _ids(untold, TELLING), _tell_late)
    return count + queues.each(TELLING_END, _ids(lapsed, TELLING_END), _tell_lapsed)


def _ids(rows: "models.QuerySet[LegalHold]", queue: str) -> list[str]:
    return list(queues.ready(rows, queue).values_list("id", flat=True))


def _tell_late(number: str) -> bool:
    legal_hold = LegalHold.objects.filter(id=number, told_at=None).first()
    if legal_hold is None:
        return False
    with _reaching(legal_hold):
        _tell(legal_hold)
    return True


def _tell_lapsed(number: str) -> bool:
    legal_hold = LegalHold.objects.filter(id=number, end_told_at=None).first()
    if legal_hold is None:
        return False
    with _reaching(legal_hold):
        _tell_end(legal_hold)
    return True


# -- what is held --------------------------------------------------------------------------------------------------


def live(but: Collection[str] = (), after: str = "") -> Piece[LegalHold]:
    """A piece of the live legal holds, the one that ends first first. but: ids left out; after: as in `piece_of`."""
    piece = piece_of(LegalHold.objects.filter(ends_at__gt=clock.now()).exclude(id__in=but), after, by="ends_at")
    return piece.of(readable(piece))


def on_person(person: str) -> list[LegalHold]:
    """The live holds that keep data of a person: on the person, or on their address."""
    return _holds("glasshouse_holds_on(%s, %s, %s)", [[person], [], clock.now()])


def on_address(address_hash: str) -> list[LegalHold]:
    """The live holds that keep data of an address: on it, or on the person who has it."""
    return _holds("glasshouse_holds_on(%s, %s, %s)", [[], [address_hash], clock.now()])


def ends_at(address_hashes: list[str]) -> dict[str, datetime]:
    """When the last hold on each address ends, by keyed hash; addresses that none keeps are left out."""
    holds = _holds("glasshouse_holds_on(%s, %s, %s)", [[], address_hashes, clock.now()]) if address_hashes else []
    return {hold.address_hash: hold.ends_at for hold in holds if hold.address_hash is not None}


def on_organisation(organisation: str) -> list[LegalHold]:
    """The live holds that keep data of a customer: on it, on a member, or on an address that it invited."""
    return _holds("glasshouse_holds_on_customer(%s, %s)", [organisation, clock.now()])


def _holds(function: str, values: list[list[str] | str | datetime]) -> list[LegalHold]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {function}", values)
        ids = [row[0] for row in cursor.fetchall()]
    return list(LegalHold.objects.filter(id__in=ids).order_by("ends_at"))


def may_show(legal_holds: list[LegalHold]) -> list[LegalHold]:
    """Those of which the person was told: what a page may show."""
    return readable(legal_hold for legal_hold in legal_holds if legal_hold.told_at is not None)


def marks() -> set[str]:
    """What names a held row: ids of persons, their accounts and customers, and keyed hashes of addresses."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM glasshouse_held(%s)", [clock.now()])
        return {row[0] for row in cursor.fetchall()}


def without_held(rows: "models.QuerySet[models.Model]") -> "models.QuerySet[models.Model]":
    """The rows of a model that no legal hold keeps."""
    held = sorted(marks())
    for column in naming(rows.model) if held else ():
        rows = rows.exclude(**{f"{column}__in": held})
    return rows
