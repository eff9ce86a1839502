"""Verbs of rectification: by the person, a link to a new address, what a source says, or the privacy officer.

Each tells the recipients of the data what is right now. Source: PRI-21; GDPR Art. 16, 19.
"""

from django.db import transaction

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts import api as accounts
from glasshouse.accounts.models import Person
from glasshouse.accounts.own import own, person_at
from glasshouse.accounts.rules import plain_name
from glasshouse.disclosures import passing_on
from glasshouse.disclosures.passing_on import Subject
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import NotFoundError
from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.requests import api as requests
from glasshouse.requests.models import Request, RequestKind
from glasshouse.sources import suggestions


@transaction.atomic
def rectify_name(actor: Actor, name: str) -> None:
    """Rectify the person's name wherever it is shown, and tell who received it. Raises InvalidError. Source: GDPR Art. 16, 19."""
    person = accounts.person_of(actor)
    _rename(person, name)
    events.record(actor.alone, Kind.PERSON_CORRECTED, person.id)


def _rename(person: Person, name: str) -> None:
    person.name = plain_name(name, field="name")
    person.save(update_fields=["name"])
    subject = Subject(KeyOwnerId(person.id), person.address)
    passing_on.tell_corrected(subject, "user.name", f"The name is: {person.name}")


@transaction.atomic
def confirm_suggestion(actor: Actor, suggestion: str) -> None:
    """Confirm what a source says of the actor's person; a name is rectified by it, both or neither.

    Raises NotFoundError, InvalidError. Source: PRI-08; GDPR Art. 16.
    """
    if name := suggestions.decide(actor, suggestion, right=True):
        rectify_name(actor, name)


def rectify_address(actor: Actor, secret: str) -> None:
    """Make the address that a mailed link confirms the person's. Raises NotFoundError, ForbiddenError. Source: GDPR Art. 16."""
    with own(actor.person), transaction.atomic():
        before = accounts.person_of(actor)
        old_address, old_hash = before.address, before.address_hash
        accounts.finish_change(actor, secret)
        person = accounts.person_of(actor)
        passing_on.follow(old_hash, person.address_hash)
        correction = f"The address is: {person.address}"
        passing_on.tell_corrected(Subject(KeyOwnerId(person.id), old_address), "user.contact.email", correction)


@transaction.atomic
def reject_suggestion(actor: Actor, suggestion: str) -> None:
    """Have what a source says of the actor's person deleted as wrong, and tell who received it. Raises NotFoundError."""
    person = accounts.person_of(actor)
    label = suggestions.label_of(actor, suggestion)
    suggestions.decide(actor, suggestion, right=False)
    subject = Subject(KeyOwnerId(person.id), person.address)
    passing_on.tell_corrected(subject, "user.contact", f"This is wrong, and deleted here: {label}")


def rectify_for(actor: Actor, request: str, name: str) -> None:
    """As an officer: rectify the name of whoever confirmed the address of a request, and tell who received it.

    The person is told by mail in the thread of the request. Raises InvalidError, NotFoundError.
    """
    access.require_staff(actor, Permission.REQUEST_ANSWER)
    asked = Request.objects.filter(id=request, closed_at=None, kind=RequestKind.CORRECT).exclude(proved_at=None).first()
    person_id = person_at(asked.address_hash) if asked else ""
    if asked is None or not person_id:
        raise NotFoundError("This is no open request of somebody with an account to have something corrected.")
    with own(person_id), transaction.atomic():
        person = Person.objects.get(id=person_id)
        _rename(person, name)
        requests.write(asked, "subject/mails/corrected", {"name": person.name})
        events.record(actor, Kind.PERSON_CORRECTED, person.id)
