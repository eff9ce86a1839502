"""What the database itself refuses."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from glasshouse.kernel.ids import new_id
from glasshouse.kernel.places import socket_folder
from glasshouse.operations import postgres
from glasshouse.operations.installation import Installation
from tests.conftest import Customer, administering

ALL_CUSTOMER_ROWS = "SELECT count(*) FROM {}"


@pytest.mark.usefixtures("home")
def test_every_customer_table_has_a_forced_policy() -> None:
    from glasshouse.rowsecurity.policies import customer_tables

    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
        forced = {row[0] for row in cursor.fetchall()}
        cursor.execute("SELECT DISTINCT tablename FROM pg_policies")
        ruled = {row[0] for row in cursor.fetchall()}
        cursor.execute("SELECT table_name FROM information_schema.columns WHERE column_name = 'organisation_id'")
        real = {row[0] for row in cursor.fetchall()}
    assert real <= set(customer_tables())
    assert set(customer_tables()) <= forced & ruled
    assert len(real) >= 5


@pytest.mark.usefixtures("home")
def test_the_application_owns_nothing_and_bypasses_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)
        cursor.execute("SELECT count(*) FROM pg_tables WHERE tableowner = current_user")
        assert cursor.fetchone() == (0,)


def test_without_an_acting_organisation_there_are_no_rows(customer: Callable[[], Customer]) -> None:
    from glasshouse.rowsecurity.policies import customer_tables

    customer()
    with connection.cursor() as cursor:
        for table in customer_tables():
            cursor.execute(ALL_CUSTOMER_ROWS.format(table))
            assert cursor.fetchone() == (0,), table


def test_a_transaction_sees_its_own_organisation_only_and_leaves_nothing_behind(
    customer: Callable[[], Customer],
) -> None:
    from glasshouse.access import api as access
    from glasshouse.greenhouse.models import Site

    one, other = customer(), customer()
    with access.organisation_transaction(one.actor):
        assert [site.id for site in Site.objects.all()] == [one.site]
    with access.organisation_transaction(other.actor):
        assert [site.id for site in Site.objects.all()] == [other.site]
    assert not Site.objects.exists()


# Everything that a transaction may say of itself; whoever can run SQL as the application can say all of it.
CLAIMS = ("job", "self", "kind", "person", "organisation")


@contextmanager
def claiming(home: Installation, role: str, one: Customer, person: str) -> Iterator["psycopg.Connection[Any]"]:
    """The people store as one of the roles, in a transaction that says it is a job of the customer and the act of that person."""
    secret = (home.keys / "people" / f"{role}.secret").read_text()
    sockets = str(socket_folder(home.data))
    with psycopg.connect(host=sockets, user=f"glasshouse_{role}", password=secret, dbname="people") as link:
        for name, value in zip(CLAIMS, ("1", person, "job", person, str(one.actor.organisation)), strict=True):
            link.execute("SELECT set_config(%s, %s, true)", [f"glasshouse.{name}", value])
        yield link


SITES = "SELECT count(*) FROM greenhouse_site"


def test_only_the_role_of_the_jobs_is_a_job_whatever_a_transaction_says(
    home: Installation, customer: Callable[[], Customer]
) -> None:
    one = customer()
    for role, rows in (("app", 0), ("person", 0), ("job", 1)):
        with claiming(home, role, one, "*") as link:
            assert link.execute(SITES).fetchone() == (rows,), role
    with claiming(home, "job", one, "*") as link:  # And the jobs' role is one only while a job acts.
        link.execute("SELECT set_config('glasshouse.kind', 'person', true)")
        assert link.execute(SITES).fetchone() == (0,)


def test_only_a_persons_own_act_shows_restricted_rows_and_only_theirs(
    home: Installation, customer: Callable[[], Customer]
) -> None:
    from glasshouse.accounts.own import own
    from glasshouse.consent import api as consent

    one, other = customer(), customer()
    mine, theirs = str(one.actor.person), str(other.actor.person)
    for each in (one, other):
        consent.restrict(each.alone, "claims", "a lawsuit")
    try:
        shown = {
            (role, claim): _persons_shown(home, role, one, claim, {mine, theirs})
            for role in ("app", "person", "job")
            for claim in (mine, "*")
        }
    finally:
        for each in (one, other):
            with own(str(each.actor.person)):
                consent.lift(each.alone)
    assert shown == {
        ("app", mine): set(),
        ("app", "*"): set(),
        ("person", mine): {mine},
        ("person", "*"): set(),
        ("job", mine): {mine},
        ("job", "*"): {mine, theirs},
    }


def _persons_shown(home: Installation, role: str, one: Customer, claim: str, among: set[str]) -> set[str]:
    with claiming(home, role, one, claim) as link:
        rows = link.execute("SELECT id FROM accounts_person WHERE id = ANY (%s)", [sorted(among)]).fetchall()
    return {row[0] for row in rows}


@pytest.mark.parametrize("role", ["app", "person", "relay", "support", "vault", "auditor"])
def test_no_role_can_become_one_that_it_was_not_given(home: Installation, role: str) -> None:
    secret = (home.keys / "people" / f"{role}.secret").read_text()
    base = "vault" if role == "vault" else "people"
    allowed = {("app", "support"), ("person", "support"), (role, role)}
    store = postgres.store_of(home, base)
    for wanted in (*store.roles, "admin"):
        with psycopg.connect(host=str(store.sockets), user=f"glasshouse_{role}", password=secret, dbname=base) as link:
            if (role, wanted) in allowed:
                link.execute(f"SET ROLE glasshouse_{wanted}")
                continue
            for statement in (f"SET ROLE glasshouse_{wanted}", f"SET SESSION AUTHORIZATION glasshouse_{wanted}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    link.execute(statement)
                link.rollback()


def test_no_setting_alone_makes_a_job_or_an_own_act() -> None:
    """The flags of before, and whatever else a statement could set: what counts is said together with who signed in."""
    from glasshouse.rowsecurity import settings

    assert "session_user" in settings.JOB and "session_user" in settings.PERSON
    source = Path(__file__).parents[2] / "src" / "glasshouse"
    flags = ("glasshouse.job", "glasshouse.self")
    assert [path for path in source.rglob("*.py") if any(flag + "'" in path.read_text() for flag in flags)] == []


def test_an_own_act_within_a_pages_transaction_is_refused_and_not_split_in_two(
    customer: Callable[[], Customer],
) -> None:
    from glasshouse.accounts.own import own

    one = customer()
    with transaction.atomic(), pytest.raises(RuntimeError, match="A transaction of app is open"), own(one.actor.person):
        pass


def test_a_row_for_another_organisation_cannot_be_written(customer: Callable[[], Customer]) -> None:
    from glasshouse.access import api as access
    from glasshouse.greenhouse.models import Site
    from glasshouse.kernel import clock

    one, other = customer(), customer()
    with pytest.raises(DatabaseError, match="row-level security"), access.organisation_transaction(one.actor):
        Site.objects.create(organisation_id=other.organisation, name="x", facts={}, created_at=clock.now())


def test_events_cannot_be_changed_or_removed(customer: Callable[[], Customer]) -> None:
    from glasshouse.access import api as access

    one = customer()
    for sql in ("UPDATE events_event SET kind = 'x'", "DELETE FROM events_event", "DELETE FROM events_link"):
        with (
            pytest.raises(DatabaseError, match="permission denied"),
            access.organisation_transaction(one.actor),
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)


def test_an_event_outside_a_transaction_is_refused(customer: Callable[[], Customer]) -> None:
    from glasshouse.events import api as events
    from glasshouse.events.api import EventError
    from glasshouse.events.kinds import Kind

    one = customer()
    assert not connection.in_atomic_block
    with pytest.raises(EventError):
        events.record(one.actor, Kind.SITE_CREATED, "x")


@pytest.mark.usefixtures("home")
def test_every_column_of_both_stores_is_mapped() -> None:
    from glasshouse.promises import evidence, oracle

    known = {(row.store, row.table, row.column) for row in evidence.whole_map() if row.entry}
    real = [("crops", table, column) for table, column, _ in evidence.crop_columns()]
    for store in (oracle.PEOPLE, oracle.VAULT):
        real += [(store, column.table, column.name) for column in oracle.columns(store)]
    assert [column for column in real if column not in known] == []
    assert len(real) > 80


@pytest.mark.usefixtures("home")
def test_personal_and_confidential_columns_are_sealed_or_hashed() -> None:
    from glasshouse.promises import evidence
    from glasshouse.vault.datamap import Class

    hashed = {"address_hash", "code_hash", "key", "lookup", "password"}
    rows = [
        row
        for row in evidence.whole_map()
        if row.entry and row.entry.classification in (Class.PERSONAL, Class.CONFIDENTIAL)
    ]
    assert [row for row in rows if not row.sealed and row.column not in hashed] == []
    assert len(rows) > 10


@pytest.mark.usefixtures("home")
def test_the_chain_shows_what_its_owner_altered_removed_or_inserted(home: Installation) -> None:
    from glasshouse.events import api as events

    assert events.verify()[1] == []
    with administering(home) as link:
        row = link.execute("SELECT id, kind FROM events_event ORDER BY at LIMIT 1").fetchone()
        assert row
        link.execute("UPDATE events_event SET kind = 'access:request:ask' WHERE id = %s", [row[0]])
        assert "was altered" in events.verify()[1][0]
        link.execute("UPDATE events_event SET kind = %s WHERE id = %s", [row[1], row[0]])
        link.execute("CREATE TEMP TABLE kept AS SELECT * FROM events_event WHERE id = %s", [row[0]])
        link.execute("DELETE FROM events_event WHERE id = %s", [row[0]])
        assert "was removed" in events.verify()[1][0]
        link.execute("INSERT INTO events_event SELECT * FROM kept")
        assert events.verify()[1] == []
        link.execute(
            "INSERT INTO events_event SELECT '000000000nserted', at - interval '1 day', kind, actor, organisation_id, "
            "subject, facts FROM kept"
        )
        assert "was inserted afterwards" in events.verify()[1][0]
        link.execute("DELETE FROM events_link WHERE event_id = '000000000nserted'")
        link.execute("DELETE FROM events_event WHERE id = '000000000nserted'")


@pytest.mark.usefixtures("home")
def test_a_clock_that_jumps_ahead_and_back_breaks_no_chain(customer: Callable[[], Customer]) -> None:
    from datetime import timedelta

    from glasshouse.access import api as access
    from glasshouse.events import api as events
    from glasshouse.events.kinds import Kind
    from glasshouse.kernel import clock

    one = customer()
    with clock.frozen(clock.now() + timedelta(days=40)), access.organisation_transaction(one.actor):
        events.record(one.actor, Kind.SITE_CREATED, one.site)
    while events.chain_new():
        continue
    with access.organisation_transaction(one.actor):
        events.record(one.actor, Kind.SITE_CREATED, one.site)
    assert events.verify()[1] == []


@pytest.mark.usefixtures("home")
def test_a_daily_root_is_published_once_and_holds_the_chain_to_it(home: Installation) -> None:
    from datetime import timedelta

    from glasshouse.events import api as events
    from glasshouse.kernel import clock

    while events.chain_new():
        continue
    day = clock.now() + timedelta(days=400)
    with clock.frozen(day):
        for _ in range(3):
            events.chain_new()
    newest = events.roots()[0]
    assert newest.day == (day - timedelta(days=1)).date()
    assert events.verify()[1] == []
    with administering(home) as link:
        link.execute("UPDATE events_root SET hash = repeat('0', 64) WHERE day = %s", [newest.day])
        assert any("root of" in line for line in events.verify()[1])
        link.execute("DELETE FROM events_root WHERE day >= %s", [clock.now().date()])


def test_a_failed_change_leaves_no_event(customer: Callable[[], Customer]) -> None:
    from glasshouse.access import api as access
    from glasshouse.events import api as events
    from glasshouse.events.kinds import Kind

    one, never = customer(), new_id()
    with pytest.raises(ZeroDivisionError), access.organisation_transaction(one.actor):
        events.record(one.actor, Kind.DEVICE_REVOKED, never)
        raise ZeroDivisionError
    with access.organisation_transaction(one.actor):
        assert never not in [event.subject for event in events.of_organisation(one.actor.organisation)]
    assert not transaction.get_connection().in_atomic_block


def test_the_outbox_is_the_relays_alone_and_holds_an_event_once(home: Installation) -> None:
    from glasshouse.rowsecurity.declarations import App, row_access
    from glasshouse.rowsecurity.policies import our_models

    shut = [model._meta.db_table for model in our_models() if row_access(model).app is App.NOTHING]
    assert sorted(shut) == ["events_unchained", "probes_mark", "probes_probe"]
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="permission denied"):
        cursor.execute("SELECT count(*) FROM events_unchained")
    with administering(home) as link:
        rights = link.execute(
            "SELECT table_name, grantee, privilege_type FROM information_schema.role_table_grants "
            "WHERE table_name = ANY (%s) AND grantee IN ('glasshouse_app', 'glasshouse_support')",
            [shut],
        ).fetchall()
        columns = link.execute(
            "SELECT column_name FROM information_schema.column_privileges "
            "WHERE table_name = ANY (%s) AND grantee IN ('glasshouse_app', 'glasshouse_support')",
            [shut],
        ).fetchall()
        assert (rights, columns) == ([], [])
        with pytest.raises(psycopg.errors.UniqueViolation, match="an_event_waits_once"), link.transaction():
            link.execute(
                "INSERT INTO events_unchained (event_id, lost) VALUES (repeat('2', 16), true), (repeat('2', 16), true)"
            )


def test_an_event_that_was_lost_and_is_there_again_is_chained(
    home: Installation, customer: Callable[[], Customer]
) -> None:
    from glasshouse.events import api as events

    customer()
    while events.chain_new():
        continue
    with administering(home) as link:
        link.execute("INSERT INTO events_unchained (event_id, lost) VALUES ('0000000st0back00', true)")
        link.execute(
            "INSERT INTO events_event SELECT '0000000st0back00', at, kind, actor, organisation_id, subject, facts "
            "FROM events_event ORDER BY at DESC LIMIT 1"
        )
        try:
            assert events.verify()[1] == []
            row = link.execute("SELECT count(*) FROM events_link WHERE event_id = '0000000st0back00'").fetchone()
            assert row == (1,)
            waiting = link.execute(
                "SELECT count(*) FROM events_unchained WHERE event_id = '0000000st0back00'"
            ).fetchone()
            assert waiting == (0,)
        finally:
            number = link.execute("SELECT number FROM events_link WHERE event_id = '0000000st0back00'").fetchone()
            newest = link.execute("SELECT max(number) FROM events_link").fetchone()
            if number == newest:  # The end of the chain may be taken off again; in the middle it stays.
                link.execute("DELETE FROM events_link WHERE event_id = '0000000st0back00'")
                link.execute("DELETE FROM events_event WHERE id = '0000000st0back00'")


TEXTS_OF_CODE = [
    ("queues_failure", "queue", "Jan@grower.example"),
    ("queues_failure", "queue", ""),
    ("queues_failure", "reason", "no route to jan@grower.example"),
    ("queues_failure", "place", "/home/jan/x.txt"),
    ("queues_failure", "place", "mail/api.py:12 jan@grower.example"),
    ("mail_message", "reason", "no route to jan@grower.example"),
    ("mail_message", "place", "jan@grower.example"),
]


@pytest.mark.parametrize(("table", "column", "text"), TEXTS_OF_CODE)
def test_what_is_a_name_of_our_code_can_be_nothing_else(home: Installation, table: str, column: str, text: str) -> None:
    from glasshouse.kernel import clock
    from glasshouse.kernel.ids import new_id
    from glasshouse.mail.models import Message
    from glasshouse.queues.models import Failure

    now = clock.now()
    row: Failure | Message
    if table == "queues_failure":
        row = Failure(queue="test.names", item="x", tried_at=now, next_try_at=now)
    else:
        row = Message(key_owner=new_id(), kind="test", address="", subject="", body="", created_at=now, next_try_at=now)
    setattr(row, column, text)
    with pytest.raises(DatabaseError, match="violates check constraint"), transaction.atomic():
        row.save(force_insert=True)


@pytest.mark.parametrize("name", ["Größe", "<lambda>", "jan@grower.example", "a b", "x" * 200])
def test_an_error_of_any_class_can_be_noted(home: Installation, name: str) -> None:
    from glasshouse.queues import api as queues
    from glasshouse.queues.models import Failure

    def fail() -> None:
        raise type(name, (Exception,), {})

    assert not queues.guarded("test.names", "item", fail)
    row = Failure.objects.get(queue="test.names")
    assert row.reason in ("Exception", "x" * 60)
    row.delete()
