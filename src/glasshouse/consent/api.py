"""Verbs of a person's decisions: consent, withdrawal, objection, restriction; and what the rest of the service must ask.

Rules: code that uses data for a purpose beyond the service itself asks `may` first; the database also refuses such mails. An
objection counts from the moment it is made, also while it is judged. The database hides restricted rows from everybody but their
person. Source: PRI-23, PRI-25; GDPR Art. 7(3), 18, 21.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from glasshouse.accounts import api as accounts
from glasshouse.accounts import languages
from glasshouse.consent.models import AddressChoice, ConsentRecord, Restriction
from glasshouse.consent.rules import PURPOSES, Ground, Purpose, State, allows
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import KeyOwnerId, new_id
from glasshouse.mail import api as mail
from glasshouse.vault.datamap import Basis

NOTICE = timedelta(days=7)  # How long before an officer lifts a restriction its person is told.
MOST_TEXT = 4000  # characters


@dataclass(frozen=True, slots=True)
class Decision:
    """A purpose, what the person decided on it (of `State`; "": nothing), and whether their data is used for it."""

    purpose: Purpose
    state: str
    used: bool


def _purpose(purpose: str) -> Purpose:
    if purpose not in PURPOSES:
        raise InvalidError("Choose a purpose from the list.", field="purpose")
    return PURPOSES[purpose]


def state_of(key_owner: str, purpose: str) -> str:
    """What a person decided on a purpose, of `State`; "" if they never decided. key_owner: the person's id."""
    newest = ConsentRecord.objects.filter(key_owner=key_owner, purpose=purpose).order_by("-at", "-id").first()
    return newest.state if newest else ""


def may(key_owner: str, purpose: str) -> bool:
    """Whether the person's data may be used for a purpose now."""
    return allows(PURPOSES[purpose], state_of(key_owner, purpose))


def refusing(purpose: str) -> set[str]:
    """Ids of persons whose data may not be used for a purpose that needs no consent. Raises ValueError for one that needs it."""
    if PURPOSES[purpose].basis is Basis.CONSENT:
        raise ValueError(f"{purpose} needs consent: whoever never said anything refuses it.")
    newest = ConsentRecord.objects.filter(purpose=purpose).order_by("key_owner", "-at", "-id").distinct("key_owner")
    return {
        key_owner
        for key_owner, state in newest.values_list("key_owner", "state")
        if not allows(PURPOSES[purpose], state)
    }


def consenting(purpose: str) -> list[str]:
    """Ids of the persons who consent to a purpose now."""
    newest = ConsentRecord.objects.filter(purpose=purpose).order_by("key_owner", "-at", "-id").distinct("key_owner")
    return [key_owner for key_owner, state in newest.values_list("key_owner", "state") if state == State.GIVEN]


def restricted_persons() -> set[str]:
    """Ids of the key owners whose data is restricted now."""
    return set(Restriction.objects.filter(_live()).values_list("key_owner", flat=True))


def decisions(actor: Actor) -> list[Decision]:
    """Every purpose that the actor's person decides about, with the decision."""
    states = {purpose.id: state_of(str(actor.person), purpose.id) for purpose in PURPOSES.values()}
    return [Decision(purpose, states[purpose.id], allows(purpose, states[purpose.id])) for purpose in PURPOSES.values()]


def note(key_owner: str, purpose: str, state: State, text: str, *, request: str = "") -> None:
    """Store a consent record, in the caller's transaction. text: the sentence shown, or the person's reasons."""
    ConsentRecord(
        key_owner=key_owner, purpose=purpose, state=state, words=text[:MOST_TEXT], request=request, at=clock.now()
    ).save(force_insert=True)


@transaction.atomic
def give(actor: Actor, purpose: str) -> None:
    """Consent to a purpose, or take an objection back. Raises InvalidError."""
    details = _purpose(purpose)
    shown = f"I allow {details.title}. {details.explained}"
    note(str(actor.person), purpose, State.GIVEN, shown)
    events.record(actor.alone, Kind.CONSENT_GIVEN, str(actor.person), purpose=purpose)


def is_judged(purpose: str) -> bool:
    """Whether a person of the staff judges an objection to a purpose. Raises InvalidError for one that is not in the list."""
    details = _purpose(purpose)
    return details.basis is not Basis.CONSENT and not details.at_once


def require_reasons(purpose: str, reasons: str) -> None:
    """Return if an objection to a purpose says enough to be made. Raises InvalidError."""
    if is_judged(purpose) and not reasons.strip():
        raise InvalidError("Say why, in your own words: this objection is judged by a person.", field="words")


@transaction.atomic
def withdraw(actor: Actor, purpose: str, reasons: str = "", *, request: str = "") -> State:
    """Withdraw consent, or object; returns the new state. An objection counts now; OBJECTED: it has still to be judged.

    request: the id of the privacy request by which it is judged.

    Raises InvalidError.
    """
    details = _purpose(purpose)
    if details.basis is Basis.CONSENT:
        note(str(actor.person), purpose, State.WITHDRAWN, reasons)
        events.record(actor.alone, Kind.CONSENT_WITHDRAWN, str(actor.person), purpose=purpose)
        return State.WITHDRAWN
    require_reasons(purpose, reasons)
    state = State.UPHELD if details.at_once else State.OBJECTED
    note(str(actor.person), purpose, state, reasons, request=request)
    events.record(actor.alone, Kind.OBJECTION_MADE, str(actor.person), purpose=purpose)
    return state


def judge(actor: Actor, request: str, *, uphold: bool) -> None:
    """Decide the objection that a request is about, in the caller's transaction; nothing where it is about none."""
    objection = ConsentRecord.objects.filter(request=request, state=State.OBJECTED).first()
    if objection is None:
        return
    state = State.UPHELD if uphold else State.OVERRULED
    note(objection.key_owner, objection.purpose, state, "decided by the privacy officer", request=request)
    events.record(actor, Kind.OBJECTION_DECIDED, objection.key_owner, upheld=uphold)


def note_at(address_hash: str, person: str, purpose: str, state: State, text: str, *, request: str) -> None:
    """Store what was said about a purpose under an address, also where nobody has an account with it.

    In the caller's transaction, within `accounts.own`. person: whose address it is, "" where nobody's; text: what was said.
    """
    AddressChoice.objects.update_or_create(
        address_hash=address_hash, purpose=purpose, defaults={"state": state, "request": request, "at": clock.now()}
    )
    if person:
        note(person, purpose, state, text, request=request)


# -- restriction ---------------------------------------------------------------------------------------------------


def restriction_of(person: str) -> Restriction | None:
    """The live restriction on a person's data."""
    return Restriction.objects.filter(_live(), key_owner=person).order_by("-at").first()


def _live() -> Q:
    return Q(lifts_at=None) | Q(lifts_at__gt=clock.now())


@transaction.atomic
def restrict(actor: Actor, ground: str, reasons: str) -> None:
    """Have the data of the actor's person stored only, from now on. Raises InvalidError."""
    if ground not in set(Ground):
        raise InvalidError("Choose the reason from the list.", field="ground")
    if restriction_of(str(actor.person)):
        raise InvalidError("The use of your data is restricted already.", field="ground")
    restriction = Restriction(key_owner=str(actor.person), ground=ground, words=reasons[:MOST_TEXT], at=clock.now())
    restriction.save(force_insert=True)
    events.record(actor.alone, Kind.RESTRICTION_MADE, restriction.id, ground=ground)


@transaction.atomic
def lift(actor: Actor) -> None:
    """Lift the restriction on the data of the actor's person, at once; told by mail. Raises NotFoundError."""
    restriction = restriction_of(str(actor.person))
    if restriction is None:
        raise NotFoundError("Nothing of yours is restricted.")
    restriction.lifts_at, restriction.lifted_by = clock.now(), actor.id
    restriction.save(update_fields=["lifts_at", "lifted_by"])
    person = accounts.person_of(actor)
    language = languages.of_person(person)
    mail.queue_template(
        KeyOwnerId(person.id), "restriction", person.address, "consent/mails/lifted", {}, language=language
    )
    events.record(actor.alone, Kind.RESTRICTION_LIFTED, restriction.id)


def restriction_at(address_hash: str) -> Restriction | None:
    """The live restriction of a guest, by the keyed hash of their address."""
    return Restriction.objects.filter(_live(), address_hash=address_hash).order_by("-at").first()


@transaction.atomic
def restrict_at(address: str, address_hash: str, reasons: str) -> None:
    """Have what is held of an address stored only; for a guest. Raises InvalidError."""
    if restriction_at(address_hash):
        raise InvalidError("The use of it is restricted already.", field="act")
    restriction = Restriction(key_owner=new_id(), ground=Ground.CLAIMS, words=reasons[:MOST_TEXT], at=clock.now())
    restriction.address, restriction.address_hash = address, address_hash
    restriction.save(force_insert=True)
    events.record(ANONYMOUS, Kind.RESTRICTION_MADE, restriction.id, ground=restriction.ground)


@transaction.atomic
def lift_at(address_hash: str) -> None:
    """Lift a guest's restriction, at once. Raises NotFoundError."""
    restriction = restriction_at(address_hash)
    if restriction is None:
        raise NotFoundError("Nothing of yours is restricted.")
    restriction.lifts_at = clock.now()
    restriction.save(update_fields=["lifts_at"])
    events.record(ANONYMOUS, Kind.RESTRICTION_LIFTED, restriction.id)


@transaction.atomic
def lift_for(actor: Actor, person: KeyOwnerId, address: str, reason: str) -> datetime:
    """As an officer: lift a restriction after NOTICE; the person is told now. Returns when it is lifted.

    Raises InvalidError, NotFoundError.
    """
    restriction = restriction_of(person)
    if restriction is None:
        raise NotFoundError("Nothing of this person is restricted.")
    if not reason.strip():
        raise InvalidError("Say why; the person is told.", field="reason")
    restriction.lifts_at, restriction.lifted_by = clock.now() + NOTICE, actor.id
    restriction.save(update_fields=["lifts_at", "lifted_by"])
    mail.queue_template(
        person,
        "restriction",
        address,
        "consent/mails/to_be_lifted",
        {"lifts_at": restriction.lifts_at, "reason": reason},
        language=languages.of_key_owner(person),
    )
    events.record(actor, Kind.RESTRICTION_LIFTED, restriction.id, announced=True)
    return restriction.lifts_at
