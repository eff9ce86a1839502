"""What belongs to a promise check may vanish without a trace; nothing else can be made to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, transaction

from glasshouse.events import api as events
from glasshouse.kernel import clock
from glasshouse.kernel.ids import KeyOwnerId, new_id
from glasshouse.kernel.places import socket_folder
from glasshouse.operations.installation import Installation
from glasshouse.probes import api as probes
from glasshouse.vault import api as vault
from tests.conftest import Customer, administering


@contextmanager
def probe(*addresses: str) -> Iterator[str]:
    """A probe that has these addresses."""
    begun = probes.begin([vault.lookup("address", address) for address in addresses], sink_port=9)
    try:
        yield begun
    finally:
        while events.chain_new():
            continue
        probes.remove(begun)


def marks_of(probe: str) -> set[str]:
    """Everything that is marked as the probe's."""
    from glasshouse.probes.api import _values

    return set(_values("glasshouse_probes_marks", probe))


def signed_in(home: Installation, role: str) -> "psycopg.Connection[Any]":
    secret = (home.keys / "people" / f"{role}.secret").read_text()
    return psycopg.connect(
        host=str(socket_folder(home.data)), user=f"glasshouse_{role}", password=secret, dbname="people", autocommit=True
    )


def _count(link: "psycopg.Connection[Any]", table: str) -> int:
    row = link.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[arg-type]
    return int(row[0]) if row else 0


CALLS = [
    "SELECT glasshouse_begin_probe(repeat('2', 16), 9, ARRAY[]::text[])",
    "SELECT glasshouse_mark_hashes(repeat('2', 16), ARRAY[repeat('a', 64)])",
    "SELECT glasshouse_date_probe(repeat('2', 16), 'access_invitation', 'expires_at', now())",
    "SELECT glasshouse_remove_probe(repeat('2', 16))",
    "SELECT glasshouse_end_probe(repeat('2', 16))",
    "SELECT glasshouse_probes_marks(repeat('2', 16))",
    "SELECT glasshouse_probe_began(repeat('2', 16))",
    "INSERT INTO probes_mark VALUES (repeat('2', 16), repeat('2', 16))",
    "DELETE FROM probes_probe",
]


@pytest.mark.parametrize("role", ["app", "person", "relay", "support", "auditor"])
@pytest.mark.parametrize("statement", CALLS)
def test_nobody_but_a_job_begins_or_removes_a_probe(home: Installation, role: str, statement: str) -> None:
    with signed_in(home, role) as link, pytest.raises(psycopg.errors.InsufficientPrivilege):
        link.execute(statement)  # type: ignore[call-overload]


def test_even_a_job_writes_no_mark_by_itself(home: Installation) -> None:
    with signed_in(home, "job") as link:
        for statement in ("INSERT INTO probes_mark VALUES ('x', 'y')", "UPDATE probes_mark SET value = 'x'"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                link.execute(statement)


def test_an_address_that_a_person_has_is_refused(customer: Callable[[], Customer]) -> None:
    address = customer().address
    with pytest.raises(DatabaseError, match="address of a person"):
        probes.begin([vault.lookup("address", address)], sink_port=9)
    with probe() as begun, pytest.raises(DatabaseError, match="address of a person"):
        probes.mark_hashes(begun, [vault.lookup("address", address)])


def test_an_id_is_marked_by_its_row_and_never_because_somebody_says_so(customer: Callable[[], Customer]) -> None:
    with probe() as begun, pytest.raises(DatabaseError, match="no keyed hash"):
        probes.mark_hashes(begun, [str(customer().actor.person)])


def test_a_row_under_a_real_persons_key_does_not_make_the_person_a_probe(
    home: Installation, customer: Callable[[], Customer]
) -> None:
    from glasshouse.accounts.models import Person
    from glasshouse.mail import api as mail

    one, address = customer(), f"{new_id()}@canary.invalid"
    for owner in (str(one.actor.person), one.organisation):
        with probe(address) as begun:
            with transaction.atomic():
                number = mail.queue_draft(KeyOwnerId(owner), "test", address, mail.Draft("x", "x"))
            assert marks_of(begun) == {f"mail_message:{number}", f"hash:{vault.lookup('address', address)}"}
    assert Person.objects.filter(id=one.actor.person).exists()
    assert vault.generations_of(KeyOwnerId(str(one.actor.person))) == [1]


def test_a_probe_that_joins_a_real_organisation_makes_nothing_of_it_a_probes(
    home: Installation, customer: Callable[[], Customer], join: Callable[..., Customer]
) -> None:
    from glasshouse.access import api as access
    from glasshouse.access.models import Membership
    from glasshouse.accounts.models import Account, Person
    from glasshouse.events.kinds import Kind

    one, address = customer(), f"{new_id()}@canary.invalid"
    with probe(address) as begun:
        person, now = new_id(), clock.now()
        with access.organisation_transaction(one.actor):
            row = Person(id=person, name="Probe", address=address, created_at=now)
            row.address_hash = vault.lookup("address", address)
            row.save(force_insert=True)
            account = Account.objects.create(person_id=person, password="!", created_at=now)
            Membership.objects.create(
                organisation_id=one.organisation, account_id=account.id, role="viewer", created_at=now
            )
            events.record(one.actor, Kind.SITE_CREATED, account.id)
        assert {f"accounts_person:{person}", f"accounts_account:{account.id}"} <= marks_of(begun)
        assert one.organisation not in str(marks_of(begun))
        assert probes.organisations(begun) == []
        while events.chain_new():
            continue
        with administering(home) as link:
            chained = link.execute(
                "SELECT count(*) FROM events_event e JOIN events_link l ON l.event_id = e.id WHERE e.subject = %s",
                [account.id],
            ).fetchone()
        assert chained == (1,)
    assert not Person.objects.filter(id=person).exists()
    assert events.verify().breaks == []


def test_a_probes_own_events_are_never_chained_and_go_with_it(
    home: Installation, customer: Callable[[], Customer]
) -> None:
    from glasshouse.accounts import api as accounts

    address = f"{new_id()}@canary.invalid"
    while events.chain_new():
        continue

    def rows() -> tuple[int, ...]:
        with administering(home) as link:
            tables = ("events_event", "events_link", "events_unchained")
            return tuple(_count(link, table) for table in tables)

    before = rows()
    with probe(address):
        accounts.ask_sign_up(address, network=f"probe-{address}")
        while events.chain_new():
            continue
        assert rows() == (before[0] + 1, before[1], before[2] + 1)
        assert events.verify().breaks == []
    assert rows() == before


def test_only_a_time_of_a_probes_own_row_can_be_dated(home: Installation, customer: Callable[[], Customer]) -> None:
    one = customer()
    for row, table, column in (
        (one.site, "greenhouse_site", "created_at"),
        (one.organisation, "access_organisation", "created_at"),
        (one.organisation, "access_organisation; DROP TABLE probes_mark", "created_at"),
    ):
        with probe(), pytest.raises(DatabaseError, match="no row of a probe"):
            probes.date(row, table, column, clock.now() - timedelta(days=9))


def test_the_owner_can_delete_no_row_that_is_not_marked(home: Installation, customer: Callable[[], Customer]) -> None:
    from glasshouse.rowsecurity.policies import customer_tables

    customer()
    with administering(home) as link:
        for table in [*customer_tables(), "events_event"]:
            with link.transaction(force_rollback=True):
                link.execute("SET LOCAL ROLE glasshouse_owner")
                assert link.execute(f"DELETE FROM {table}").rowcount == 0, table  # type: ignore[arg-type]


def test_the_auditor_reads_and_can_do_nothing_else(home: Installation, customer: Callable[[], Customer]) -> None:
    customer()
    with signed_in(home, "auditor") as link:
        assert link.execute("SELECT count(*) > 0 FROM greenhouse_site").fetchone() == (True,)
        with administering(home) as admin:
            tables = [row[0] for row in admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        for table in tables:
            for statement in (f"DELETE FROM {table}", f"INSERT INTO {table} DEFAULT VALUES", f"TRUNCATE {table}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    link.execute(statement)  # type: ignore[call-overload]


# -- whoever can run SQL as the application ------------------------------------------------------------------------

FORGED = (
    "INSERT INTO mail_message (id, key_owner, kind, address, address_hash, subject, body, purpose, refused, created_at, tries, "
    "next_try_at, reason, place) VALUES (%s, %s, 'test', ''::bytea, %s, ''::bytea, ''::bytea, '', '', now(), 0, now(), '', '')"
)


def forge(home: Installation, address: str, *, id: str = "", key_owner: str = "") -> None:
    """A row that names a probe's address, with an id or a key owner that is somebody else's."""
    with signed_in(home, "app") as link:
        link.execute(FORGED, [id or new_id(), key_owner or new_id(), vault.lookup("address", address)])


def chained(home: Installation, subject: str) -> int:
    with administering(home) as link:
        row = link.execute(
            "SELECT count(*) FROM events_event e JOIN events_link l ON l.event_id = e.id WHERE e.subject = %s",
            [subject],
        ).fetchone()
    return int(row[0]) if row else 0


def test_a_row_with_the_id_of_a_real_organisation_makes_it_no_probes(
    home: Installation, customer: Callable[[], Customer]
) -> None:
    from glasshouse.access import api as access
    from glasshouse.events.kinds import Kind
    from glasshouse.promises import stage

    one, address, subject = customer(), f"{new_id()}@canary.invalid", new_id()
    begun = probes.begin([vault.lookup("address", address)], sink_port=9)
    forge(home, address, id=one.organisation)
    assert probes.organisations(begun) == []
    with access.organisation_transaction(one.actor):
        events.record(one.actor, Kind.SITE_CREATED, subject)
    stage.remove(begun)
    while events.chain_new():
        continue
    assert chained(home, subject) == 1
    with access.organisation_transaction(one.actor):
        assert access.organisation_of(one.actor).id == one.organisation
    assert events.verify().breaks == []


def test_an_organisation_with_a_history_cannot_be_founded_again(
    home: Installation, customer: Callable[[], Customer]
) -> None:
    from glasshouse.accounts.models import Account, Person

    one, address, now = customer(), f"{new_id()}@canary.invalid", clock.now()
    while events.chain_new():
        continue
    with probe(address) as begun:
        row = Person(id=new_id(), name="Probe", address=address, created_at=now)
        row.address_hash = vault.lookup("address", address)
        row.save(force_insert=True)
        account = Account.objects.create(person_id=row.id, password="!", created_at=now)
        with administering(home) as link, link.transaction(force_rollback=True):
            link.execute("DELETE FROM access_membership WHERE organisation_id = %s", [one.organisation])
            link.execute(
                "INSERT INTO access_membership (id, organisation_id, account_id, role, created_at) "
                "VALUES (%s, %s, %s, 'administrator', now())",
                [new_id(), one.organisation, account.id],
            )
            rows = link.execute("SELECT value FROM probes_mark WHERE probe_id = %s", [begun]).fetchall()
            assert f"access_organisation:{one.organisation}" not in {value for (value,) in rows}
            assert len(rows) > 2


def test_a_key_of_somebody_without_account_is_not_deleted(home: Installation) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.models import EmailLink

    address, victims = f"{new_id()}@canary.invalid", f"{new_id()}@grower.example"
    accounts.ask_sign_up(victims, network=f"net-{victims}")
    link = EmailLink.objects.get(address_hash=vault.lookup("address", victims))
    with probe(address) as begun:
        forge(home, address, key_owner=link.key_owner)
        assert link.key_owner not in str(marks_of(begun))
    assert EmailLink.objects.filter(id=link.id).exists()
    assert vault.generations_of(KeyOwnerId(link.key_owner)) == [1]


def test_a_destroyed_keys_row_stays(home: Installation) -> None:
    from glasshouse.vault.keys.models import DataKey

    owner, address = KeyOwnerId(new_id()), f"{new_id()}@canary.invalid"
    vault.ensure_key(owner)
    vault.destroy(owner)
    with probe(address):
        forge(home, address, key_owner=owner)
    assert DataKey.objects.filter(key_owner=owner).exists()


def test_what_is_marked_and_older_than_the_check_stops_its_removal(
    home: Installation, customer: Callable[[], Customer]
) -> None:
    from glasshouse.promises import stage

    one = customer()
    begun = probes.begin([], sink_port=9)
    with administering(home) as link:
        link.execute("INSERT INTO probes_mark VALUES (%s, %s)", [f"access_organisation:{one.organisation}", begun])
        try:
            with pytest.raises(stage.NotOursError):
                stage.remove(begun)
        finally:
            link.execute("DELETE FROM probes_mark WHERE probe_id = %s", [begun])
            stage.remove(begun)


def test_a_removal_that_breaks_off_before_the_keys_is_finished_by_the_next(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.models import EmailLink
    from glasshouse.promises import stage

    address = f"{new_id()}@canary.invalid"
    hashed = vault.lookup("address", address)
    begun = probes.begin([hashed], sink_port=9)
    accounts.ask_sign_up(address, network=f"probe-{address}")
    owner = KeyOwnerId(EmailLink.objects.get(address_hash=hashed).key_owner)

    def broken_off(owners: list[KeyOwnerId], *, made_since: datetime) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(vault, "remove_probe_keys", broken_off)
        with pytest.raises(ConnectionError):
            stage.remove(begun)
    assert not EmailLink.objects.filter(address_hash=hashed).exists()
    assert vault.generations_of(owner) == [1]
    assert begun in probes.living()
    stage.remove(begun)
    assert vault.generations_of(owner) == []
    assert begun not in probes.living()
    assert marks_of(begun) == set()


def test_a_probe_that_is_ended_before_it_is_removed_leaves_no_row(home: Installation) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.models import EmailLink

    address, before = f"{new_id()}@canary.invalid", clock.now()
    hashed = vault.lookup("address", address)
    begun = probes.begin([hashed], sink_port=9)
    accounts.ask_sign_up(address, network=f"probe-{address}")
    link = EmailLink.objects.get(address_hash=hashed)
    probes._call("glasshouse_end_probe", begun)
    assert begun not in probes.living()
    assert not EmailLink.objects.filter(id=link.id).exists()
    vault.remove_probe_keys([KeyOwnerId(link.key_owner)], made_since=before)


def test_a_real_accounts_sign_in_is_chained_though_its_id_was_forged(
    home: Installation, customer: Callable[[], Customer]
) -> None:
    from glasshouse.events.kinds import Kind

    one, address = customer(), f"{new_id()}@canary.invalid"
    account = str(one.actor.account)
    while events.chain_new():
        continue
    before = chained(home, account)
    with probe(address):
        forge(home, address, id=account)
        with transaction.atomic():
            events.record(one.actor.alone, Kind.SESSION_STARTED, account)
    assert chained(home, account) == before + 1


def test_what_is_kept_out_of_the_chain_for_a_check_that_is_over_is_told(home: Installation) -> None:
    with administering(home) as link:
        link.execute(
            "INSERT INTO events_unchained (event_id, lost, probe_id) VALUES ('0000000apart0000', false, repeat('2', 16))"
        )
        try:
            assert any("for a promise check that is over" in line for line in events.verify().breaks)
        finally:
            link.execute("DELETE FROM events_unchained WHERE event_id = '0000000apart0000'")
