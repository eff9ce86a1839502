"""Issue 10, line 2: the relay's turn costs the same however long the chain is; each event is chained once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.growth import Store, chained_events, people_store, rows_visited

MANY_EVENTS = (
    "INSERT INTO events_event (id, at, kind, actor, subject, facts) SELECT '{name}' || lpad(n::text, 12, '0'), now(), "
    "'access:request:ask', 'job', 'unknown', '{{}}' FROM generate_series(1, {count}) n"
)
NEW_EVENT = (
    "INSERT INTO events_event (id, at, kind, actor, organisation_id, subject, facts) "
    "VALUES (lpad(%s, 16, '0'), {at}, 'access:request:ask', 'anonymous', NULL, 'unknown', '{{}}')"
)
AT_ONCE, LATER = NEW_EVENT.format(at="now()"), NEW_EVENT.format(at="now() - interval '5 minutes'")
TURN = """
import time
from glasshouse.events import api
times = []
for number in range(5):
    started = time.perf_counter()
    count = api.chain_new()
    times.append(time.perf_counter() - started)
answer({"first": count, "median_s": sorted(times)[2]})
"""
VERIFY = """
import resource
from glasshouse.events import api
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count, wrong = api.verify()
answer({"count": count, "wrong": wrong, "grown_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before})
"""
CLEAR = "TRUNCATE events_event, events_link, events_root, events_unchained"
TABLES = ("events_event", "events_link", "events_unchained")


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with people_store() as fresh:
        yield fresh


@pytest.fixture
def empty(store: Store) -> Store:
    with store.administering() as link:
        link.execute(CLEAR)
    return store


def _number_of(store: Store, sql: str) -> Any:
    with store.administering() as link:
        row = link.execute(sql).fetchone()
    return row[0] if row else None


def _turn_at(store: Store) -> tuple[int, float]:
    """(rows visited by the turn that chains 20 events, seconds of an idle turn)."""
    count = _number_of(store, "SELECT count(*) FROM events_link")
    store.run("from glasshouse.events import api; api.chain_new()")  # publishes the roots of the days so far
    with store.administering() as link:
        for number in range(20):
            link.execute(AT_ONCE, [f"new{number}"])
    before = rows_visited(store, *TABLES)
    chained = store.run("from glasshouse.events import api; answer(api.chain_new())")
    visited = rows_visited(store, *TABLES) - before
    assert chained == 20
    assert _number_of(store, "SELECT max(number) FROM events_link") == count + 20
    return visited, store.run(TURN)["median_s"]


def _assert_flat(empty: Store, count: int) -> None:
    chained_events(empty, 1000)
    visited_few, seconds_few = _turn_at(empty)
    with empty.administering() as link:
        link.execute(CLEAR)
    chained_events(empty, count, verifiable=False)
    visited, seconds = _turn_at(empty)
    assert visited < visited_few + 200, (visited, visited_few)
    assert seconds < 10 * seconds_few + 0.05, (seconds, seconds_few)


@pytest.mark.parametrize("count", [20_000, pytest.param(10_000_000, marks=pytest.mark.long)])
def test_a_turn_visits_as_few_rows_at_many_events_as_at_a_thousand(empty: Store, count: int) -> None:
    _assert_flat(empty, count)


@pytest.mark.long
def test_verifying_a_million_events_keeps_none_of_them_in_memory(empty: Store) -> None:
    chained_events(empty, 1_000_000)
    verified = empty.run(VERIFY)
    assert (verified["count"], verified["wrong"]) == (1_000_000, [])
    assert verified["grown_kb"] < 60_000


def test_an_event_that_is_committed_later_is_chained_whatever_its_time_and_number(empty: Store) -> None:
    with empty.administering() as slow, empty.administering() as quick:
        with slow.transaction():
            slow.execute(LATER, ["s1aw"])
            quick.execute(AT_ONCE, ["qa1ck"])
            assert empty.run("from glasshouse.events import api; answer(api.chain_new())") == 1
        assert empty.run("from glasshouse.events import api; answer(api.chain_new())") == 1
    assert _number_of(empty, "SELECT array_agg(event_id ORDER BY number) FROM events_link") == [
        "qa1ck".rjust(16, "0"),
        "s1aw".rjust(16, "0"),
    ]
    assert empty.run(VERIFY)["wrong"] == []


def test_a_rolled_back_event_leaves_nothing(empty: Store) -> None:
    import psycopg

    with empty.administering() as link:
        with link.transaction():
            link.execute(AT_ONCE, ["never"])
            raise psycopg.Rollback
        assert link.execute("SELECT count(*) FROM events_unchained").fetchone() == (0,)
    assert empty.run(VERIFY) | {"grown_kb": 0} == {"count": 0, "wrong": [], "grown_kb": 0}


def test_relays_at_the_same_time_chain_each_event_once(empty: Store) -> None:
    with empty.administering() as link:
        link.execute(MANY_EVENTS.format(name="many", count=3000))
    drain = "from glasshouse.events import api\nwhile api.chain_new():\n    pass"
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: empty.run(drain), range(3)))
    assert _number_of(empty, "SELECT count(*) FROM events_link") == 3000
    assert empty.run(VERIFY)["wrong"] == []


def test_a_turn_takes_a_bounded_number_of_events(empty: Store) -> None:
    with empty.administering() as link:
        link.execute(MANY_EVENTS.format(name="many", count=700))
    turns = empty.run("from glasshouse.events import api; answer([api.chain_new() for _ in range(5)])")
    assert turns == [250, 250, 200, 0, 0]


def test_events_removed_before_they_were_chained_are_told_and_stop_nothing(empty: Store) -> None:
    with empty.administering() as link:
        link.execute(MANY_EVENTS.format(name="gane", count=600))
        link.execute("DELETE FROM events_event")
        link.execute(AT_ONCE, ["after"])
    verified = empty.run(VERIFY)
    assert _number_of(empty, "SELECT array_agg(event_id) FROM events_link") == ["after".rjust(16, "0")]
    assert len(verified["wrong"]) == 600
    assert "was removed before it was chained" in verified["wrong"][0]


def test_an_event_inserted_past_the_outbox_is_told(empty: Store) -> None:
    with empty.administering() as link:
        link.execute("ALTER TABLE events_event DISABLE TRIGGER event_to_outbox")
        link.execute(AT_ONCE, ["past"])
        link.execute("ALTER TABLE events_event ENABLE TRIGGER event_to_outbox")
    assert empty.run(VERIFY)["wrong"] == ["event 000000000000past is in no link: it was inserted past the outbox"]


@pytest.mark.long
def test_many_breaks_are_counted_and_not_all_listed(empty: Store) -> None:
    chained_events(empty, 3000)
    with empty.administering() as link:
        link.execute("UPDATE events_event SET kind = 'access:request:ask'")
    wrong = empty.run(VERIFY)["wrong"]
    assert len(wrong) == 1001
    assert wrong[-1] == "2000 more breaks are not listed"


def test_the_application_cannot_touch_the_outbox(store: Store) -> None:
    code = """
from django.db import DatabaseError, transaction
refused = []
for sql in ("INSERT INTO events_unchained (event_id) VALUES ('x')", "DELETE FROM events_unchained",
            "UPDATE events_unchained SET lost = true", "TRUNCATE events_unchained",
            "ALTER TABLE events_event DISABLE TRIGGER event_to_outbox"):
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    except DatabaseError as error:
        refused.append("permission denied" in str(error) or "must be owner" in str(error))
answer(refused)
"""
    assert store.run(code) == [True] * 5


# -- daily roots -----------------------------------------------------------------------------------------------------

ROOTS = """
from datetime import datetime, timedelta, timezone
from glasshouse.events import api
from glasshouse.events.models import Event, Root
from django.db import transaction
day = datetime(2031, 5, 1, 12, tzinfo=timezone.utc)
def record(name, at):
    with transaction.atomic():
        Event.objects.create(id=name.rjust(16, "0"), at=at, kind="access:request:ask", actor="job", subject="unknown")
def turn(at):
    with clock.frozen(at):
        api.chain_new()
"""
SHOWN = """
answer([[str(one.day), one.number] for one in reversed(api.roots())])
"""


def test_the_day_before_the_first_link_has_no_root(empty: Store) -> None:
    shown = empty.run(ROOTS + "record('f1rst', day)\nturn(day)\nturn(day + timedelta(minutes=1))" + SHOWN)
    assert shown == []


@pytest.mark.long
def test_each_day_has_its_root_also_after_days_without_a_relay(empty: Store) -> None:
    code = """
record("f1rst", day); turn(day)
record("next", day + timedelta(hours=1)); turn(day + timedelta(hours=1))
record("1ate", day + timedelta(hours=2))
turn(day + timedelta(days=5)); turn(day + timedelta(days=5, minutes=1))
"""
    shown = empty.run(ROOTS + code + SHOWN)
    # "1ate" was chained on the sixth day: no root of the days before holds it.
    assert shown == [["2031-05-01", 2], ["2031-05-02", 2], ["2031-05-03", 2], ["2031-05-04", 2], ["2031-05-05", 2]]
    shown = empty.run(ROOTS + "turn(day + timedelta(days=6))" + SHOWN)
    assert shown[-1] == ["2031-05-06", 3]


def test_a_day_that_was_left_out_is_published_from_what_was_chained_by_its_end(empty: Store) -> None:
    code = """
record("f1rst", day); turn(day)
record("next", day + timedelta(days=1)); turn(day + timedelta(days=1))
record("3rd", day + timedelta(days=2)); turn(day + timedelta(days=2))
turn(day + timedelta(days=3))
"""
    empty.run(ROOTS + code)
    with empty.administering() as link:
        link.execute("DELETE FROM events_root")  # as the relay of 16a847e left days out
    shown = empty.run(ROOTS + "turn(day + timedelta(days=4))" + SHOWN)
    assert shown == [["2031-05-01", 1], ["2031-05-02", 2], ["2031-05-03", 3], ["2031-05-04", 3]]


# -- upgrade ---------------------------------------------------------------------------------------------------------


def test_the_digest_of_an_event_is_what_it_always_was() -> None:
    from datetime import UTC, datetime

    from glasshouse.events.rules import START, Content, digest

    at = datetime(2026, 11, 24, 10, 23, 1, 5, tzinfo=UTC)
    event = Content("0123456789abcdef", at, "access:role:save", "actor", None, "subject", {"b": "ü", "a": 1})
    assert digest(START, event, at) == "e20a61ee56505f937c29eb57f1feae836f63a67060ee49a3e7fbfdf3a23e2fec"
    assert digest(START, event, None) == "beb43eb859fbeea92d5ad527601dbdb3f6529ac20513dd55cdbadfb7325a5033"


@pytest.mark.long
@pytest.mark.slow
def test_events_that_wait_at_the_upgrade_are_chained_after_those_that_were() -> None:
    with people_store(tables=False) as old:
        old.run(
            "from django.conf import settings\nfrom django.core.management import call_command\n"
            "from glasshouse.operations import upgrade\nsettings.MIGRATION_MODULES = upgrade.modules()\n"
            "call_command('migrate', 'events', '0003', verbosity=0)",
            GLASSHOUSE_ROLE="owner",
        )
        chained_events(old, 40)
        with old.administering() as link:
            link.execute("DELETE FROM events_link WHERE number > 25")
            hashes = link.execute("SELECT number, hash FROM events_link ORDER BY number").fetchall()
        from glasshouse.operations import service

        service.migrate(old.home)
        verified = old.run(VERIFY)
        assert (verified["count"], verified["wrong"]) == (40, [])
        with old.administering() as link:
            after = link.execute("SELECT number, hash FROM events_link WHERE number <= 25 ORDER BY number").fetchall()
            assert after == hashes
            order = link.execute("SELECT array_agg(event_id ORDER BY number) FROM events_link").fetchone()
            assert order is not None
            assert order[0] == sorted(order[0])
