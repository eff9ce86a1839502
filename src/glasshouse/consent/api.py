"""Verbs of a person's own decisions: consent, withdraw, object, restrict, lift; and what the rest of the service must ask.

Rules: who processes for a purpose that is not the service itself asks `may` first; the database refuses the mail besides. An
objection counts from the moment it is made, also while it is judged. Restricted rows are hidden by the database from everybody
but their person. Source: PRI-23, PRI-25; GDPR Art. 7(3), 18, 21.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from glasshouse.accounts import api as accounts
from glasshouse.consent.models import ConsentRecord, Restriction
from glasshouse.consent.rules import PURPOSES, Ground, Purpose, State, allows
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import KeyOwnerId, new_id
from glasshouse.mail import api as mail
from glasshouse.vault.datamap import Basis

NOTICE = timedelta(days=7)  # An officer's lifting of a restriction is told this long before.
MOST_WORDS = 4000


@dataclass(frozen=True, slots=True)
class Standing:
    """A purpose, where the person stands on it, and whether data is used for it."""

    purpose: Purpose
    state: str
    used: bool


def _purpose(purpose: str) -> Purpose:
    if purpose not in PURPOSES:
        raise InvalidError("Choose a purpose from the list.", field="purpose")
    return PURPOSES[purpose]


def state_of(key_owner: str, purpose: str) -> str:
    """Where a person stands on a purpose; "" if they never said."""
    newest = ConsentRecord.objects.filter(key_owner=key_owner, purpose=purpose).order_by("-at", "-id").first()
    return newest.state if newest else ""


def may(key_owner: str, purpose: str) -> bool:
    """Whether the person's data may be used for a purpose now."""
    return allows(PURPOSES[purpose], state_of(key_owner, purpose))


def refusing(purpose: str) -> set[str]:
    """Everybody whose data may not be used for a purpose that needs no consent. Raises ValueError for one that needs it."""
    if PURPOSES[purpose].basis is Basis.CONSENT:
        raise ValueError(f"{purpose} needs consent: whoever never said anything refuses it.")
    newest = ConsentRecord.objects.filter(purpose=purpose).order_by("key_owner", "-at", "-id").distinct("key_owner")
    return {
        key_owner
        for key_owner, state in newest.values_list("key_owner", "state")
        if not allows(PURPOSES[purpose], state)
    }


def restricted_persons() -> set[str]:
    """Everybody whose data is restricted now."""
    live = Q(lifts_at=None) | Q(lifts_at__gt=clock.now())
    return set(Restriction.objects.filter(live).values_list("key_owner", flat=True))


def standings(actor: Actor) -> list[Standing]:
    """Every purpose that the actor's person decides about."""
    found = []
    for one in PURPOSES.values():
        state = state_of(str(actor.person), one.id)
        found.append(Standing(one, state, allows(one, state)))
    return found


def note(key_owner: str, purpose: str, state: State, words: str, *, request: str = "") -> None:
    """Keep a stance, in the caller's transaction."""
    ConsentRecord(
        key_owner=key_owner, purpose=purpose, state=state, words=words[:MOST_WORDS], request=request, at=clock.now()
    ).save(force_insert=True)


@transaction.atomic
def give(actor: Actor, purpose: str) -> None:
    """Consent to a purpose, or take an objection back. Raises InvalidError."""
    wanted = _purpose(purpose)
    shown = f"I allow {wanted.title}. {wanted.explained}"
    note(str(actor.person), purpose, State.GIVEN, shown)
    events.record(actor.alone, Kind.CONSENT_GIVEN, str(actor.person), purpose=purpose)


@transaction.atomic
def withdraw(actor: Actor, purpose: str, words: str = "", *, request: str = "") -> State:
    """Withdraw consent, or object. An objection counts now; OBJECTED: it has still to be judged, by `request`.

    Raises InvalidError.
    """
    wanted = _purpose(purpose)
    if wanted.basis is Basis.CONSENT:
        note(str(actor.person), purpose, State.WITHDRAWN, words)
        events.record(actor.alone, Kind.CONSENT_WITHDRAWN, str(actor.person), purpose=purpose)
        return State.WITHDRAWN
    state = State.UPHELD if wanted.at_once else State.OBJECTED
    if state is State.OBJECTED and not words.strip():
        raise InvalidError("Say why, in your own words: this objection is judged by a person.", field="words")
    note(str(actor.person), purpose, state, words, request=request)
    events.record(actor.alone, Kind.OBJECTION_MADE, str(actor.person), purpose=purpose)
    return state


def judge(actor: Actor, request: str, *, uphold: bool) -> None:
    """Decide the objection that a request is about, in the caller's transaction; nothing where it is about none."""
    found = ConsentRecord.objects.filter(request=request, state=State.OBJECTED).first()
    if found is None:
        return
    state = State.UPHELD if uphold else State.OVERRULED
    note(found.key_owner, found.purpose, state, "decided by the privacy officer", request=request)
    events.record(actor, Kind.OBJECTION_DECIDED, found.key_owner, upheld=uphold)


# -- restriction ---------------------------------------------------------------------------------------------------


def restriction_of(person: str) -> Restriction | None:
    """The live restriction on a person's data."""
    rows = Restriction.objects.filter(key_owner=person).order_by("-at")
    now = clock.now()
    return next((one for one in rows if one.lifts_at is None or one.lifts_at > now), None)


@transaction.atomic
def restrict(actor: Actor, ground: str, words: str) -> None:
    """Have the data of the actor's person stored only, from now on. Raises InvalidError."""
    if ground not in set(Ground):
        raise InvalidError("Choose the reason from the list.", field="ground")
    if restriction_of(str(actor.person)):
        raise InvalidError("The use of your data is restricted already.", field="ground")
    made = Restriction(key_owner=str(actor.person), ground=ground, words=words[:MOST_WORDS], at=clock.now())
    made.save(force_insert=True)
    events.record(actor.alone, Kind.RESTRICTION_MADE, made.id, ground=ground)


@transaction.atomic
def lift(actor: Actor) -> None:
    """Lift the restriction on the data of the actor's person, at once; told by mail. Raises NotFoundError."""
    found = restriction_of(str(actor.person))
    if found is None:
        raise NotFoundError("Nothing of yours is restricted.")
    found.lifts_at, found.lifted_by = clock.now(), actor.id
    found.save(update_fields=["lifts_at", "lifted_by"])
    person = accounts.person_of(actor)
    text = "The restriction on your data is lifted, as you asked. If that was not you, write to us at once.\n"
    mail.queue(KeyOwnerId(person.id), "restriction", person.address, subject="Your data is in use again", body=text)
    events.record(actor.alone, Kind.RESTRICTION_LIFTED, found.id)


def restriction_at(address_hash: str) -> Restriction | None:
    """The live restriction of somebody without an account, by their address."""
    rows, now = Restriction.objects.filter(address_hash=address_hash).order_by("-at"), clock.now()
    return next((one for one in rows if one.lifts_at is None or one.lifts_at > now), None)


@transaction.atomic
def restrict_at(address: str, address_hash: str, words: str) -> None:
    """Have what is held of an address stored only; for somebody who has proved it, and has no account. Raises InvalidError."""
    if restriction_at(address_hash):
        raise InvalidError("The use of it is restricted already.", field="act")
    made = Restriction(key_owner=new_id(), ground=Ground.CLAIMS, words=words[:MOST_WORDS], at=clock.now())
    made.address, made.address_hash = address, address_hash
    made.save(force_insert=True)
    events.record(ANONYMOUS, Kind.RESTRICTION_MADE, made.id, ground=made.ground)


@transaction.atomic
def lift_at(address_hash: str) -> None:
    """Lift the restriction of somebody without an account, at once. Raises NotFoundError."""
    found = restriction_at(address_hash)
    if found is None:
        raise NotFoundError("Nothing of yours is restricted.")
    found.lifts_at = clock.now()
    found.save(update_fields=["lifts_at"])
    events.record(ANONYMOUS, Kind.RESTRICTION_LIFTED, found.id)


@transaction.atomic
def lift_for(actor: Actor, person: KeyOwnerId, address: str, reason: str) -> None:
    """As an officer: lift a restriction in NOTICE's time, of which the person is told now. Raises InvalidError, NotFoundError."""
    found = restriction_of(person)
    if found is None:
        raise NotFoundError("Nothing of this person is restricted.")
    if not reason.strip():
        raise InvalidError("Say why; the person is told.", field="reason")
    found.lifts_at, found.lifted_by = clock.now() + NOTICE, actor.id
    found.save(update_fields=["lifts_at", "lifted_by"])
    text = (
        f"The restriction on your data will be lifted on {found.lifts_at:%Y-%m-%d}: {reason}\n\nIf you do not agree, answer "
        f"this mail, restrict it again on your page, or turn to your authority: {settings.ORIGIN}/account/data/choices\n"
    )
    mail.queue(person, "restriction", address, subject="Your data will be in use again", body=text)
    events.record(actor, Kind.RESTRICTION_LIFTED, found.id, announced=True)
