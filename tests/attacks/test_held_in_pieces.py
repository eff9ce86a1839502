"""Whoever knows an address can have many rows made that speak of it: however many, what is held of it is read in pieces.

Counted are the rows that are in memory at a time while everything held is gone through, as pages and exports do.
"""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from django.db import models
from django.db.models.signals import post_init

from glasshouse.access.models import ApiToken
from glasshouse.accounts import api as accounts
from glasshouse.accounts.own import at, own
from glasshouse.disclosures.models import PassedOn
from glasshouse.events.models import Event
from glasshouse.kernel import clock
from glasshouse.kernel.ids import new_id
from glasshouse.mail.models import Message
from glasshouse.operations.installation import Installation
from glasshouse.requests.models import Request
from glasshouse.subject import inventory
from glasshouse.subject.items import Item
from tests.attacks.test_bounded_lists import multiply
from tests.conftest import Customer, administering
from tests.planting import Planter

MANY = 6_000  # rows of one table
MOST = 3_000  # rows in memory at a time


class Kind(NamedTuple):
    """A table whose rows may be many of one person. values: of a row that is the person's; unique: columns without two alike."""

    model: type[models.Model]
    values: Callable[[Customer], dict[str, Any]]
    unique: tuple[str, ...] = ()


def _address_hash(who: Customer) -> str:
    return accounts.person_of(who.actor).address_hash


KINDS = {
    "under the person's key": Kind(Message, lambda who: {"key_owner": who.actor.person}),
    "mails to the address": Kind(Message, lambda who: {"key_owner": new_id(), "address_hash": _address_hash(who)}),
    "requests": Kind(
        Request,
        lambda who: {"address_hash": _address_hash(who), "proved_at": clock.now(), "closed_at": clock.now()},
    ),
    "what a member wrote": Kind(ApiToken, lambda who: {"account_id": str(who.actor.account)}, ("secret_hash",)),
    "passed on under another address": Kind(
        PassedOn, lambda who: {"key_owner": who.actor.person, "address_hash": "0" * 64}
    ),
    "activities": Kind(Event, lambda who: {"actor": str(who.actor.account)}),
}


@contextmanager
def rows_alive(model: type[models.Model]) -> Iterator[list[int]]:
    """The number of rows of a model that are in memory now, and the most that there were, while the block lasts."""
    counts = [0, 0]

    def end() -> None:
        counts[0] -= 1

    def begin(instance: models.Model, **_: object) -> None:
        counts[0] += 1
        counts[1] = max(counts)
        weakref.finalize(instance, end)

    post_init.connect(begin, sender=model)
    try:
        yield counts
    finally:
        post_init.disconnect(begin, sender=model)


def go_through(items: Iterator[Item]) -> int:
    """How many values there are; none of them is kept."""
    return sum(1 for _ in items)


@pytest.mark.parametrize("name", KINDS)
def test_rows_of_a_person_are_read_in_pieces(name: str, customer: Callable[[], Customer], home: Installation) -> None:
    kind, who = KINDS[name], customer()
    planter = Planter(home, owner=new_id(), organisation=who.organisation)
    with planted(planter, kind, who), rows_alive(kind.model) as counts:
        with own(str(who.actor.person)):
            assert go_through(inventory.view(who.alone)) > MANY
        assert 0 < counts[1] < MOST, f"{counts[1]} rows were in memory at a time"


@pytest.mark.parametrize("name", ["mails to the address", "requests"])
def test_rows_of_an_address_are_read_in_pieces(name: str, customer: Callable[[], Customer], home: Installation) -> None:
    kind, who = KINDS[name], customer()
    planter = Planter(home, owner=new_id(), organisation=who.organisation)
    with planted(planter, kind, who), rows_alive(kind.model) as counts:
        with own(at(_address_hash(who))):
            assert go_through(inventory.held_at(_address_hash(who))) > MANY
        assert 0 < counts[1] < MOST, f"{counts[1]} rows were in memory at a time"


@contextmanager
def planted(planter: Planter, kind: Kind, who: Customer) -> Iterator[None]:
    """Many rows of a kind, for the length of the block."""
    table, key = kind.model._meta.db_table, kind.model._meta.pk.column
    with administering(planter.home) as link:
        before = [str(row[0]) for row in link.execute(f"SELECT {key} FROM {table}")]
    try:
        row = planter.plant(kind.model, **kind.values(who))
        multiply(planter.home, kind.model, row.pk, MANY, unique=kind.unique)
        yield
    finally:
        with administering(planter.home) as link:
            link.execute("SET session_replication_role = replica")
            link.execute(f"DELETE FROM {table} WHERE {key}::text <> ALL (%s)", [before])
            if kind.model is Event:  # Else the chain would tell, rightly, that one was removed.
                link.execute("DELETE FROM events_unchained WHERE event_id NOT IN (SELECT id FROM events_event)")
        planter.pull()
