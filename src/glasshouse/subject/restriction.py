"""Verbs of restriction that also tell whoever received the data, when it begins and when it is lifted.

Source: PRI-23; GDPR Art. 18, 19.
"""

from django.db import transaction

from glasshouse.accounts import api as accounts
from glasshouse.consent import api as consent
from glasshouse.disclosures import passing_on
from glasshouse.disclosures.passing_on import Subject
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.requests.models import Request


@transaction.atomic
def restrict(actor: Actor, ground: str, reasons: str) -> None:
    """Have the data of the actor's person stored only, here and by whoever received it. Raises InvalidError."""
    subject = _of(actor)
    consent.restrict(actor, ground, reasons)
    passing_on.tell_restricted(subject)


@transaction.atomic
def lift(actor: Actor) -> None:
    """Lift the restriction on the data of the actor's person, and tell whoever received it. Raises NotFoundError."""
    subject = _of(actor)
    consent.lift(actor)
    passing_on.tell_lifted(subject, clock.now())


def _of(actor: Actor) -> Subject:
    person = accounts.person_of(actor)
    return Subject(KeyOwnerId(person.id), person.address)


@transaction.atomic
def restrict_at(request: Request) -> None:
    """Have what is held of the address of a guest's request stored only. Raises InvalidError."""
    consent.restrict_at(request.address, request.address_hash, f"asked with the request {request.id}")
    passing_on.tell_restricted(Subject(KeyOwnerId(request.id), request.address))


@transaction.atomic
def lift_at(request: Request) -> None:
    """Have what is held of the address of a guest's request in use again. Raises NotFoundError."""
    consent.lift_at(request.address_hash)
    passing_on.tell_lifted(Subject(KeyOwnerId(request.id), request.address), clock.now())
