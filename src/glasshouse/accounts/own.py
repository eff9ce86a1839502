"""A person's own act: while it lasts, the database shows that person's rows even if their use is restricted.

Restricted rows are hidden from every page and job by the row policies; what the person does, and what the
law makes us do for the person (erasing, resealing), runs inside `own`. Source: PRI-23; GDPR Art. 18(2).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from django.db import connection

from glasshouse.accounts.rules import known_forms
from glasshouse.rowsecurity import connections
from glasshouse.vault import api as vault

# For jobs that only store (sealing anew, seeing which keys are in use) and mails that the law owes to everybody.
STORAGE = connections.EVERYBODY


@contextmanager
def own(person: str | None) -> Iterator[None]:
    """The length of the block is an act of this person, or one that the law wants for this person; STORAGE: of storing only.

    Begun before a page's transaction, for it runs on a connection of its own. Raises RuntimeError within one.
    """
    if not person:
        yield
        return
    with connections.acting_for(person):
        yield


def at(address_hash: str) -> str:
    """How a guest is named for `own`: the address that they have confirmed."""
    return f"@{address_hash}"


def person_at(address_hash: str) -> str:
    """The id of the person with an address, restricted or not; "" where nobody has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT glasshouse_person_at(%s)", [address_hash])
        return str(cursor.fetchone()[0] or "")


class StoredAddress(NamedTuple):
    """An address as somebody has it, with the id of that person; person "": nobody has it, and it is in today's form."""

    address: str
    person: str


def stored_address(text: str) -> StoredAddress:
    """Who has the address that somebody wrote, also if an earlier version stored it in another form. Raises InvalidError.

    Whom to let in or to write to is decided by more than this: a password, or the mailbox of the stored address itself.
    """
    forms = known_forms(text)
    # Each form is asked for, whoever is found: time tells nothing.
    persons = [StoredAddress(form, person_at(vault.lookup("address", form))) for form in forms]
    return next((stored for stored in persons if stored.person), persons[0])


def known_hashes(address_hashes: list[str]) -> set[str]:
    """Which of these hashes are of an address that a person has, restricted or not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT hash FROM unnest(%s::text[]) AS hash WHERE glasshouse_person_at(hash) IS NOT NULL", [address_hashes]
        )
        return {row[0] for row in cursor.fetchall()}


class PersonState(NamedTuple):
    """What decides whether a person may use the service. accepted: the documents in force; restricted: the use of their data."""

    accepted: bool
    restricted: bool


def state_of(person: str) -> PersonState:
    """Whether the person accepted the documents in force, and whether the use of their data is restricted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT glasshouse_accepted(%s), glasshouse_is_restricted(%s)", [person, person])
        accepted, restricted = cursor.fetchone()
        return PersonState(bool(accepted), bool(restricted))
