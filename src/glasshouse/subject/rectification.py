"""Verbs of rectification: by the person, by an address that a mailed link confirms, by what a source says.

Each tells the recipients of the data what is right now. Source: PRI-21; GDPR Art. 16, 19.
"""

from django.db import transaction

from glasshouse.accounts import api as accounts
from glasshouse.accounts.own import own
from glasshouse.accounts.rules import plain_name
from glasshouse.disclosures import api as disclosures
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.sources import api as sources


@transaction.atomic
def rectify_name(actor: Actor, name: str) -> None:
    """Rectify the person's name wherever it is shown, and tell who received it. Raises InvalidError. Source: GDPR Art. 16, 19."""
    person = accounts.person_of(actor)
    person.name = plain_name(name, field="name")
    person.save(update_fields=["name"])
    disclosures.tell_corrected(KeyOwnerId(person.id), person.address, "user.name", f"The name is: {person.name}")
    events.record(actor.alone, Kind.PERSON_CORRECTED, person.id)


@transaction.atomic
def confirm_suggestion(actor: Actor, suggestion: str) -> None:
    """Confirm what a source says of the actor's person; a name is rectified by it, both or neither.

    Raises NotFoundError, InvalidError. Source: PRI-08; GDPR Art. 16.
    """
    if name := sources.decide(actor, suggestion, right=True):
        rectify_name(actor, name)


def rectify_address(actor: Actor, secret: str) -> None:
    """Make the address that a mailed link confirms the person's. Raises NotFoundError, ForbiddenError. Source: GDPR Art. 16."""
    with own(actor.person), transaction.atomic():
        old_address = accounts.person_of(actor).address
        accounts.finish_change(actor, secret)
        person = accounts.person_of(actor)
        correction = f"The address is: {person.address}"
        disclosures.tell_corrected(KeyOwnerId(person.id), old_address, "user.contact.email", correction)
