"""The language that a person chose for pages and mails. It is kept with the account, for every browser."""

from django.conf import settings
from django.db import transaction

from glasshouse.accounts.models import Person
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import KeyOwnerId


@transaction.atomic
def choose(actor: Actor, language: str) -> None:
    """Keep a language with the actor's account; "" keeps none. Raises InvalidError, NotFoundError. Source: GDPR Art. 12(1)."""
    if language not in ("", *dict(settings.LANGUAGES)):
        raise InvalidError("Choose one of the languages.", field="language")
    person = Person.objects.filter(id=actor.person).first()
    if person is None:
        raise NotFoundError
    person.language = language or None
    person.save(update_fields=["language"])
    events.record(actor.alone, Kind.PERSON_CORRECTED, person.id)


def of_actor(actor: Actor) -> str:
    """The code of the language that the actor's person chose; "" where they chose none, and for anybody without an account."""
    return of_key_owner(KeyOwnerId(actor.person)) if actor.person else ""


def of_key_owner(person: KeyOwnerId) -> str:
    """The code of the language that a person chose; "" where they chose none, or there is no such person any more."""
    row = Person.objects.filter(id=person).first()
    return of_person(row) if row else ""


def of_address(address_hash: str) -> str:
    """The language of the account with an address; "" where there is none. address_hash: the keyed hash of the address."""
    row = Person.objects.filter(address_hash=address_hash).first()
    return of_person(row) if row else ""


def of_person(person: Person) -> str:
    """The code of the language that a person chose, for mails to them; "" where they chose none."""
    language = person.language or ""
    return language if language in dict(settings.LANGUAGES) else ""
