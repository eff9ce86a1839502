"""Issue 10, line 2: a list costs as many queries for thirty rows as for three; large tables are read by an index."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from glasshouse.access import api as access
from glasshouse.access.models import Membership
from glasshouse.accounts import api as accounts
from glasshouse.accounts.models import Account, Person
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.greenhouse import api as greenhouse
from glasshouse.kernel import clock
from glasshouse.kernel.ids import new_id
from glasshouse.organisations import invitations, members, tokens
from glasshouse.organisations.models import AccessRequest
from glasshouse.vault import api as vault
from tests.conftest import Customer
from tests.growth import Store, chained_events, people_store


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with people_store() as fresh:
        yield fresh


def _queries(act: Callable[[], object]) -> int:
    vault.forget_opened()
    with (
        CaptureQueriesContext(connections["default"]) as people,
        CaptureQueriesContext(connections["vault"]) as keys,
    ):
        act()
    return len(people) + len(keys)


def _fill(own: Customer, count: int) -> None:
    """So many members, each with a role of the organisation's own and an event; invitations and requests, too."""

    now = clock.now()
    for number in range(count):
        person = Person(name=f"Person {number}", address="x@y.example", address_hash=new_id() * 4, created_at=now)
        person.save(force_insert=True)
        account = Account.objects.create(person=person, password="-", created_at=now)
        role = members.save_role(own.actor, f"Role {number}", ["greenhouse:site:read"])
        with access.organisation_transaction(own.actor):
            Membership.objects.create(
                organisation_id=own.organisation, account_id=account.id, role=role, created_at=now
            )
            AccessRequest.objects.create(
                organisation_id=own.organisation, account_id=account.id, role=role, reason="more", created_at=now
            )
            member = own.actor.__class__(own.actor.kind, account.id, person.id, own.actor.organisation)
            events.record(member, Kind.SITE_CREATED, own.site)
        invitations.invite(own.actor, f"{new_id()}@grower.example", invitations.Offer(role))


def test_lists_of_an_organisation_cost_as_many_queries_for_many_rows_as_for_few(
    customer: Callable[[], Customer],
) -> None:
    def event_page(own: Customer) -> object:
        with access.organisation_transaction(own.actor):
            found = events.of_organisation(own.actor.organisation)  # type: ignore[arg-type]
        return [person.name for person in accounts.people([event.actor for event in found]).values()]  # type: ignore[misc]

    lists: dict[str, Callable[[Customer], object]] = {
        "members": lambda own: members.members(own.actor),
        "one member": lambda own: members.member(own.actor, own.actor.account),  # type: ignore[arg-type]
        "roles": lambda own: members.roles(own.actor),
        "requests": lambda own: members.requests(own.actor),
        "invitations": lambda own: invitations.invitations(own.actor),
        "tokens": lambda own: [row.token.name for row in tokens.tokens(own.actor)],
        "sites": lambda own: greenhouse.site_choices(own.actor),
        "events": event_page,
    }
    few, many = customer(), customer()
    _fill(few, 3)
    _fill(many, 12)
    grown = {}
    for name, act in lists.items():
        counts = [_queries(lambda own=own, act=act: act(own)) for own in (few, many)]  # type: ignore[misc]
        if counts[0] != counts[1]:
            grown[name] = counts
    assert grown == {}


def _plan(store: Store, role: str, sql: str, settings: dict[str, Any]) -> str:
    with store.administering() as link, link.transaction():
        for name, value in settings.items():
            link.execute("SELECT set_config(%s, %s, true)", [name, value])
        link.execute(f"SET LOCAL ROLE glasshouse_{role}")
        return "\n".join(str(row[0]) for row in link.execute(f"EXPLAIN (COSTS OFF) {sql}"))  # type: ignore[arg-type]


# The query as the code asks it, with its values.
CODE_OF_MAIL_QUEUE = """
from django.db import transaction
from glasshouse.mail import api as mail
with transaction.atomic(), CaptureQueriesContext(connections["default"]) as asked:
    mail.next_due().first()
answer(asked[-1]["sql"])
"""


def test_the_relay_the_event_page_and_the_mail_queue_read_large_tables_by_an_index(store: Store) -> None:
    chained_events(store, 50_000, verifiable=False)
    with store.administering() as link:
        link.execute(
            "INSERT INTO mail_message (id, key_owner, kind, address, subject, body, purpose, refused, created_at, sent_at, "
            "tries, next_try_at, reason, place, set_aside_at) "
            # Sent; set aside, all of them due; waiting, few of them due.
            "SELECT lpad(n::text, 16, '0'), repeat('0', 16), 'k', '', '', '', '', '', now(), "
            "CASE WHEN n <= 40000 THEN now() END, 1, "
            "now() + interval '1 minute' * CASE WHEN n <= 50010 THEN -1 ELSE n END, '', '', "
            "CASE WHEN n BETWEEN 40001 AND 50000 THEN now() END FROM generate_series(1, 60000) n"
        )
        link.execute("ANALYZE mail_message")
    job = {"glasshouse.kind": "job", "glasshouse.organisation": "r00000000000000"}
    event = "SELECT * FROM events_event WHERE"
    plans = {
        "outbox": _plan(store, "relay", "SELECT * FROM events_unchained WHERE NOT lost ORDER BY number LIMIT 250", {}),
        "last link": _plan(store, "relay", "SELECT * FROM events_link ORDER BY number DESC LIMIT 1", {}),
        "event page": _plan(
            store,
            "app",
            f"{event} organisation_id = 'r000000000000001' ORDER BY at DESC, id DESC LIMIT 200",
            job,
        ),
        "events of an actor": _plan(
            store, "relay", f"{event} actor = 'a000000000000001' ORDER BY at DESC, id DESC LIMIT 200", {}
        ),
        "mail queue": _plan(
            store,
            "app",
            store.run(CODE_OF_MAIL_QUEUE),
            {},
        ),
    }
    scanned = {
        name: plan
        for name, plan in plans.items()
        if any(f"Seq Scan on {table}" in plan for table in ("events_event", "events_link", "mail_message"))
    }
    assert scanned == {}
    assert "using mail_waiting" in plans["mail queue"], plans["mail queue"]
    assert "Sort" not in plans["mail queue"], plans["mail queue"]
