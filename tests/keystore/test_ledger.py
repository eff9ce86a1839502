"""The ledger is only appended to, and the database refuses to destroy a key that it does not name."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connections, transaction

from glasshouse.kernel import clock
from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.ids import KeyOwnerId, new_id
from glasshouse.ledger import api as ledger
from glasshouse.ledger.models import LedgerMark
from glasshouse.ledger.rules import LedgerError, Line, verify
from glasshouse.operations import postgres
from glasshouse.operations.installation import Installation
from glasshouse.vault import api as vault
from glasshouse.vault.keys.guards import MOST_AN_HOUR
from glasshouse.vault.keys.kinds import LineKind
from glasshouse.vault.keys.models import DataKey, LedgerLine
from tests.conftest import Customer, administering


def as_role(home: Installation, role: str) -> "psycopg.Connection[Any]":
    store = postgres.key_store(home)
    secret = store.secret(role).read_text()
    return psycopg.connect(
        host=str(store.sockets), user=f"glasshouse_{role}", password=secret, dbname="vault", autocommit=True
    )


CHANGES = (
    "UPDATE vault_ledger SET subject = subject",
    "DELETE FROM vault_ledger",
    "TRUNCATE vault_ledger",
    "INSERT INTO vault_ledger (number, kind, subject, at, previous, hash) "
    "VALUES (999999, 'erasure', '0000000000000000', now(), repeat('0', 64), repeat('0', 64))",
    "ALTER TABLE vault_ledger DISABLE TRIGGER only_append",
    "UPDATE vault_state SET installation = '0000000000000000'",
    "DROP FUNCTION glasshouse_key_needs_line() CASCADE",
)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("role", ["vault", "ledger", "erasure", "auditor"])
def test_no_role_of_the_service_changes_the_ledger(home: Installation, role: str, change: str) -> None:
    ledger.enter(LineKind.UNUSED, new_id())
    with as_role(home, role) as link, pytest.raises(psycopg.errors.InsufficientPrivilege):
        link.execute(change.encode())


@pytest.mark.parametrize("change", CHANGES[:3])
def test_even_the_owner_of_the_tables_is_held_by_the_trigger(home: Installation, change: str) -> None:
    ledger.enter(LineKind.UNUSED, new_id())
    with as_role(home, "owner") as link, pytest.raises(psycopg.errors.InsufficientPrivilege, match="only appended"):
        link.execute(change.encode())


@pytest.mark.usefixtures("home")
def test_lines_follow_one_another_and_a_second_one_of_the_same_is_the_first() -> None:
    subject = new_id()
    first, again = ledger.enter(LineKind.ERASURE, subject), ledger.enter(LineKind.ERASURE, subject)
    following = ledger.enter(LineKind.ERASURE, new_id())
    assert first and following and again == first
    assert (following.number, following.previous) == (first.number + 1, first.hash)
    assert ledger.verify_lines() == following.number
    assert LedgerLine.objects.get(number=first.number).hash == first.hash, "the database computes the same hash"


def make_old(home: Installation, owner: str) -> None:
    """Have a key be older than keys of probes are."""
    with administering(home, "vault") as link:
        link.execute("ALTER TABLE vault_data_key DISABLE TRIGGER key_needs_line")
        link.execute(
            "UPDATE vault_data_key SET stored_at = now() - interval '16 minutes' WHERE key_owner = %s", [owner]
        )
        link.execute("ALTER TABLE vault_data_key ENABLE TRIGGER key_needs_line")


ENDS = (
    "SELECT glasshouse_enter('erasure', %(owner)s)",
    "SELECT glasshouse_destroy_keys(%(owner)s, now())",
    "SELECT glasshouse_remove_keys(ARRAY[%(owner)s])",
    "SELECT glasshouse_retire_keys(%(owner)s, 200)",
    "UPDATE vault_data_key SET wrapped = '' WHERE key_owner = %(owner)s",
    "UPDATE vault_data_key SET wrapped = 'x' WHERE key_owner = %(owner)s",
    "DELETE FROM vault_data_key WHERE key_owner = %(owner)s",
    "TRUNCATE vault_data_key",
)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(("role", "may"), [("vault", ()), ("erasure", ENDS[:2]), ("ledger", ENDS[:6])])
def test_only_what_erases_may_end_a_key_or_enter_a_line(
    home: Installation, role: str, may: tuple[str, ...], end: str
) -> None:
    owner = KeyOwnerId(new_id())
    vault.ensure_key(owner)
    with as_role(home, role) as link, link.transaction(force_rollback=True):
        try:
            link.execute(end.encode(), {"owner": owner})
            is_refused = False
        except psycopg.errors.InsufficientPrivilege:
            is_refused = True
    assert is_refused is (end not in may)


def test_a_page_erases_so_many_an_hour_and_what_it_entered_before_stays(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = (postgres.key_store(home).secrets / "erasure.secret").read_text()
    monkeypatch.setitem(
        connections.databases,
        "door",
        connections.databases["ledger"] | {"USER": "glasshouse_erasure", "PASSWORD": secret},
    )
    monkeypatch.setattr(ledger, "LEDGER", "door")
    try:
        with pytest.raises(DatabaseError, match="erasures and closings only"):
            ledger.enter(LineKind.UNUSED, new_id())
        with transaction.atomic(using="door"):
            first = ledger.enter(LineKind.ERASURE, new_id())
            with pytest.raises(UnavailableError, match="Try again in an hour"):
                for _ in range(MOST_AN_HOUR):
                    with transaction.atomic(using="door"):
                        ledger.enter(LineKind.ERASURE, new_id())
            assert first and ledger.enter(LineKind.ERASURE, first.subject) == first
            transaction.set_rollback(True, using="door")
    finally:
        connections["door"].close()
        del connections["door"]


def test_a_key_that_is_older_than_probes_is_not_deleted_as_one(home: Installation) -> None:
    young, old = (KeyOwnerId(new_id()) for _ in range(2))
    for owner in (young, old):
        vault.ensure_key(owner)
    make_old(home, old)
    vault.remove_probe_keys([young, old], made_since=clock.now() - timedelta(hours=1))
    rows = DataKey.objects.filter(key_owner__in=(young, old)).values_list("key_owner", "wrapped")
    assert [(owner, bytes(wrapped)) for owner, wrapped in rows] == [(old, b"")]
    assert not ledger.has_lines(young) and LedgerLine.objects.get(subject=old).kind == LineKind.UNUSED


@pytest.mark.usefixtures("home")
def test_no_generation_is_deleted_where_no_newer_key_lives() -> None:
    owner = KeyOwnerId(new_id())
    vault.ensure_key(owner)
    vault.new_generation(owner)
    vault.retire_generations(owner, before=3)
    assert vault.generations_of(owner) == [1, 2]
    vault.retire_generations(owner, before=2)
    assert vault.generations_of(owner) == [2]


def test_a_key_that_the_ledger_does_not_name_cannot_be_destroyed(
    home: Installation, customer: Callable[[], Customer]
) -> None:
    one = customer()
    owner = KeyOwnerId(str(one.actor.organisation))
    make_old(home, owner)
    with pytest.raises(DatabaseError, match="ledger names its owner"):
        vault.destroy(owner)
    with as_role(home, "owner") as link, pytest.raises(psycopg.errors.CheckViolation, match="ledger names its owner"):
        link.execute("UPDATE vault_data_key SET stored_at = now(), wrapped = '' WHERE key_owner = %s", [owner])
    with as_role(home, "ledger") as link, pytest.raises(psycopg.errors.InsufficientPrivilege):
        link.execute("UPDATE vault_data_key SET stored_at = now() WHERE key_owner = %s", [owner])
    assert vault.generations_of(owner), "it lives"
    ledger.enter(LineKind.CLOSING, owner)
    vault.destroy(owner)
    assert vault.generations_of(owner) == []


@pytest.mark.usefixtures("home")
def test_a_destroyed_key_leaves_line_and_mark(customer: Callable[[], Customer]) -> None:
    one = customer()
    owner = str(one.actor.organisation)
    ledger.destroy_keys([owner], LineKind.CLOSING)
    line = LedgerLine.objects.get(subject=owner)
    assert line.kind == LineKind.CLOSING
    assert LedgerMark.objects.get(number=line.number).hash == line.hash
    assert DataKey.objects.filter(key_owner=owner, wrapped=b"", destroyed_at__isnull=False).exists()


@pytest.mark.usefixtures("home")
def test_a_line_without_a_mark_is_told_wherever_it_stands() -> None:
    first, second = (ledger.enter(LineKind.UNUSED, new_id()) for _ in range(2))
    ledger.mark(second)
    assert first and second
    numbers = [line.number for line in ledger.unmarked()]
    assert first.number in numbers and second.number not in numbers
    ledger.mark(first)
    assert first.number not in [line.number for line in ledger.unmarked()]


def test_lines_from_many_at_once_get_numbers_without_gaps(home: Installation) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def enter(_: int) -> int:
        with as_role(home, "ledger") as link:
            row = link.execute("SELECT glasshouse_enter('unused', %s)", [new_id()]).fetchone()
            return int(row[0]) if row else 0

    with ThreadPoolExecutor(8) as pool:
        numbers = sorted(pool.map(enter, range(40)))
    assert numbers == list(range(numbers[0], numbers[0] + 40))
    assert ledger.verify_lines() >= numbers[-1]
    connections.close_all()


def lines() -> list[Line]:
    made: list[Line] = []
    for number in range(1, 6):
        previous = made[-1].hash if made else "0" * 64
        made.append(Line(number, LineKind.ERASURE, f"{number:016}", clock.now(), previous))
    return made


@pytest.mark.parametrize(
    "alter",
    [
        lambda found: found[1:],
        lambda found: [*found[:2], *found[3:]],
        lambda found: [found[0], found[2], found[1], *found[3:]],
        lambda found: [found[0], Line(2, LineKind.CLOSING, *list_of(found[1])), *found[2:]],
        lambda found: [*found, found[-1]],
    ],
)
def test_a_chain_that_was_altered_is_noticed(alter: Callable[[list[Line]], list[Line]]) -> None:
    whole = lines()
    verify(whole, [line.hash for line in whole])
    altered = alter(whole)
    hashes = [whole[min(line.number, 5) - 1].hash for line in altered]
    with pytest.raises(LedgerError, match="Line"):
        verify(altered, hashes)


def list_of(line: Line) -> tuple[Any, ...]:
    return line.subject, line.at, line.previous
