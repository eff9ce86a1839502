"""Rows that an older version kept in the clear are sealed by the migration, read the same, and leave nothing readable behind."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from glasshouse.disclosures.models import Recipient
from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.operations import postgres, upgrade
from glasshouse.operations.installation import Installation
from glasshouse.requests.models import Agent, Request, RequestMessage
from glasshouse.sources.models import Source
from glasshouse.vault import api as vault
from glasshouse.vault import sealing
from tests.conftest import administering
from tests.searching import holding

BEFORE = {"rights": "0003", "disclosures": "0001", "sources": "0001"}
NOW = "2026-11-01 12:00+00"
pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning"), pytest.mark.long]


TODAY = settings.MIGRATION_MODULES


@pytest.fixture
def old(home: Installation) -> Iterator[str]:
    """Alias of a database with the tables of the version before."""

    name = f"people_old_{uuid.uuid4().hex[:8]}"
    with administering(home) as link:
        link.execute(f"CREATE DATABASE {name} OWNER glasshouse_owner")
    password = (home.keys / "store" / "owner.secret").read_text()
    given = {"NAME": name, "USER": "glasshouse_owner", "PASSWORD": password, "CONN_MAX_AGE": 0}
    connections.settings["old"] = connections.settings["default"] | given
    before = settings.MIGRATION_MODULES
    settings.MIGRATION_MODULES = upgrade.modules()
    try:
        for app, number in BEFORE.items():
            call_command("migrate", app, number, database="old", verbosity=0, interactive=False)
        yield "old"
    finally:
        settings.MIGRATION_MODULES = before
        connections["old"].close()
        del connections["old"]
        del connections.settings["old"]
        with administering(home) as link:
            link.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _migrate() -> None:
    """As a start does: the migrations of before, then those of today."""
    upgrade.run("old")
    before = settings.MIGRATION_MODULES
    settings.MIGRATION_MODULES = TODAY
    try:
        call_command("migrate", database="old", verbosity=0, interactive=False)
    finally:
        settings.MIGRATION_MODULES = before


def _insert(table: str, **values: Any) -> None:
    names, marks = ", ".join(f'"{name}"' for name in values), ", ".join(["%s"] * len(values))
    with connections["old"].cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(values.values()))


def _request(canary: str, number: str, **more: Any) -> None:
    place = {name: ("rights_request", name, f"h{number[1:]}") for name in ("address", "text")}
    _insert(
        "rights_request",
        **{
            "id": number,
            "holder": f"h{number[1:]}",
            "address": vault.seal(b"a@grower.example", place=place["address"]),
            "address_hash": "x",
            "text": vault.seal(b"please", place=place["text"]),
            "kind": "access",
            "law": "gdpr",
            "region": "eu",
            "authentication": f"spf={canary}",
            "identity": f"{canary} passport",
            "entered_by": "",
            "escalated": 0,
            "referrals": 0,
            "agent": f"agent {canary} of the longest kind",
            "agent_request": f"{canary} request",
            "agent_told": "",
            "callback": f"https://{canary}.example/x",
            "channel": "agent",
            "proof_hash": number,
            "asked_at": NOW,
            "due_at": NOW,
            "outcome": "",
        }
        | more,
    )


def _fill(canary: str) -> None:
    _insert(
        "rights_agent",
        id=f"agent {canary} of the longest kind",
        name=f"{canary} Ltd",
        verify_key=f"{canary}=",
        callback_host=f"{canary}.example",
        token_hash="t",
        created_at=NOW,
    )
    _request(canary, "r000000000000001")
    _request(canary, "r000000000000002", proved_at=NOW, identity="", authentication="", agent="", callback="")
    _insert(
        "rights_letter",
        id="l1",
        request_id="r000000000000001",
        holder="h000000000000001",
        text=b"x",
        sender="person",
        authentication=f"dkim={canary}",
        at=NOW,
    )
    words = {
        name: f"{name} {canary}" for name in ("name", "what", "region", "agreement", "safeguard", "purpose", "basis")
    }
    same = {"written_by": "x", "announced_at": NOW, "active_from": NOW, "channels": [], "fields": []}
    _insert(
        "disclosures_recipient",
        id="d000000000000001",
        kind="provider",
        contact=f"{canary}@grower.example",
        **words,
        **same,
    )
    _insert(
        "disclosures_recipient",
        id="d000000000000002",
        kind="other",
        contact="",
        **words | {"agreement": "", "safeguard": ""},
        **same,
    )
    texts = {name: f"{name} {canary}" for name in ("name", "licence", "purpose")}
    _insert(
        "sources_source", id="s000000000000001", kind="partner", written_by="x", token_hash="", created_at=NOW, **texts
    )


def _clear(canary: str) -> list[str]:
    """Columns of the old database, of any type, that hold the canary as text."""

    found = []
    with connections["old"].cursor() as cursor:
        cursor.execute("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'")
        for table, column in cursor.fetchall():
            value = f'"{column}"::text' if column else ""
            cursor.execute(
                f"SELECT count(*) FROM {table} WHERE {value} LIKE %s OR {value} LIKE %s",
                [f"%{canary}%", f"%{canary.encode().hex()}%"],
            )
            if cursor.fetchone()[0]:
                found.append(f"{table}.{column}")
    return found


def test_rows_of_the_version_before_are_sealed_and_read_the_same(old: str) -> None:
    canary = f"canary{uuid.uuid4().hex[:10]}"
    _fill(canary)
    assert len(_clear(canary)) > 15
    _migrate()
    assert _clear(canary) == []
    agent = Agent.objects.using(old).get()
    assert (agent.agent_id, agent.name) == (f"agent {canary} of the longest kind", f"{canary} Ltd")
    assert (agent.verify_key, agent.callback_host) == (f"{canary}=", f"{canary}.example")
    assert agent.agent_hash == vault.lookup("agent", agent.agent_id)
    first, second = Request.objects.using(old).order_by("id")
    assert (first.authentication, first.identity) == (f"spf={canary}", f"{canary} passport")
    assert (first.agent, first.agent_request) == (agent.id, f"{canary} request")
    assert (first.callback, first.text) == (f"https://{canary}.example/x", "please")
    assert (second.authentication, second.identity, second.callback, second.agent) == (None, None, None, "")
    assert RequestMessage.objects.using(old).get().authentication == f"dkim={canary}"
    one, two = Recipient.objects.using(old).order_by("id")
    assert (one.name, one.what, one.region) == (f"name {canary}", f"what {canary}", f"region {canary}")
    assert (one.purpose, one.basis) == (f"purpose {canary}", f"basis {canary}")
    assert (one.agreement, one.safeguard) == (f"agreement {canary}", f"safeguard {canary}")
    assert one.contact == f"{canary}@grower.example"
    assert one.address_hash == vault.lookup("address", f"{canary}@grower.example")
    assert (two.agreement, two.safeguard, two.contact, two.address_hash) == (None, None, None, None)
    source = Source.objects.using(old).get()
    assert (source.name, source.licence, source.purpose) == (f"name {canary}", f"licence {canary}", f"purpose {canary}")


def test_links_of_the_version_before_end_too_and_an_open_page_stays_open(old: str) -> None:
    from datetime import timedelta

    _fill("x")
    _migrate()
    first, second = Request.objects.using(old).order_by("id")
    assert first.proof_ends_at == first.asked_at + timedelta(hours=24)
    assert first.page_hash is None
    assert (second.page_hash, second.proof_used_at) == (second.proof_hash, second.proved_at)


def test_the_upgrade_writes_no_agreement_that_nobody_gave(old: str) -> None:
    _request("x", "r000000000000001", referrals=2, agent="")
    _request("x", "r000000000000002", agent="")
    _migrate()
    assert [row.passing for row in Request.objects.using(old).order_by("id")] == ["before", ""]


def test_an_answer_given_before_is_known_as_the_customers(old: str) -> None:
    def referral(number: str, request: str, answered_at: str) -> None:
        organisation = f"o{number}"
        row = {"organisation_id": organisation, "request_id": request, "asked_at": NOW, "due_at": NOW}
        _insert("rights_referral", id=number, answered_at=answered_at, answered_by="x", **row)

    def letter(number: str, request: str, at: str, sender: str = "us") -> None:
        row = {"request_id": request, "holder": f"h{request[1:]}", "text": b"x", "authentication": ""}
        _insert("rights_letter", id=number, sender=sender, at=at, **row)

    for number in (1, 2):
        _request("x", f"r00000000000000{number}", referrals=2, agent="")
    for second, (number, sender) in enumerate((("l1", "us"), ("l2", "us"), ("l3", "us"), ("l4", "person"))):
        letter(number, "r000000000000001", f"2026-11-02 12:0{second}:00.000300+00", sender)
    referral("f1", "r000000000000001", "2026-11-02 12:01:00.000100+00")
    for number in ("f2", "f3"):
        referral(number, "r000000000000002", "2026-11-02 12:01:00.000100+00")
    letter("l5", "r000000000000002", "2026-11-02 12:01:00.000300+00")
    _migrate()
    rows = [(row.id, row.sender, row.referral) for row in RequestMessage.objects.using(old).order_by("id")]
    assert rows == [
        ("l1", "us", ""),
        ("l2", "customer", "f1"),
        ("l3", "us", ""),
        ("l4", "person", ""),
        ("l5", "us", ""),
    ], "where two may have written it, it is shown to neither"


def _recipient(canary: str, number: str, **more: Any) -> None:
    names = ("name", "what", "region", "agreement", "safeguard", "purpose", "basis")
    row = {name: f"{name} {canary}" for name in names} | {"kind": "provider", "contact": "", "written_by": "x"}
    same = {"announced_at": NOW, "active_from": NOW, "channels": [], "fields": []}
    _insert("disclosures_recipient", id=number, **row | same | more)


def test_rows_whose_key_was_destroyed_before_they_were_sealed_come_through(old: str) -> None:
    """A cut-off upgrade made keys; the old version ran on, and destroyed them as unused."""

    canary, recipient, source = (f"{letter}{uuid.uuid4().hex[:15]}" for letter in "cds")
    _recipient(canary, recipient)
    texts = {name: f"{name} {canary} and more words" for name in ("name", "licence", "purpose")}
    _insert("sources_source", id=source, kind="partner", written_by="x", token_hash="", created_at=NOW, **texts)
    for owner in (recipient, source):
        vault.ensure_key(KeyOwnerId(owner))
        vault.destroy(KeyOwnerId(owner))
    _migrate()
    assert _clear(canary) == []
    row = Recipient.objects.using(old).get(id=recipient)
    assert (row.name, row.agreement) == (f"name {canary}", f"agreement {canary}")
    assert Source.objects.using(old).get(id=source).licence == texts["licence"]
    assert vault.generations_of(KeyOwnerId(recipient)) == [2], "what was destroyed stays destroyed"
    vault.new_generation(KeyOwnerId(recipient))
    assert vault.generations_of(KeyOwnerId(recipient)) == [2, 3]


def test_a_row_that_cannot_be_sealed_is_named_with_what_to_do(old: str) -> None:
    number = f"d{uuid.uuid4().hex[:15]}"
    with connections["old"].cursor() as cursor:
        cursor.execute("CREATE TABLE thing (id text PRIMARY KEY, other bytea, name_clear text, name bytea)")
        sealed = vault.seal(b"x", place=("thing", "other", number))
        cursor.execute("INSERT INTO thing (id, other, name_clear) VALUES (%s, %s, 'canary')", [number, sealed])
        vault.destroy(KeyOwnerId(number))
        with pytest.raises(sealing.UnsealableRowError) as caught:
            sealing.seal_columns(cursor, "thing", "id", [sealing.Column("name", required=True)])
    for word in ("thing", number, "DELETE FROM thing", "again"):
        assert word in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_migration_that_is_cut_off_changes_nothing_and_begins_again(
    old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = f"canary{uuid.uuid4().hex[:10]}"
    _fill(canary)
    before, calls, real = _clear(canary), [], sealing.api.seal

    def cut_off(plain: bytes, *, place: tuple[str, str, str]) -> bytes:
        calls.append(place)
        if len(calls) > 5:
            raise KeyboardInterrupt
        return real(plain, place=place)

    with monkeypatch.context() as patched:
        patched.setattr(sealing.api, "seal", cut_off)
        with pytest.raises(KeyboardInterrupt):
            _migrate()
    assert [column for column in before if column.startswith("rights_")] == [
        column for column in _clear(canary) if column.startswith("rights_")
    ]
    _migrate()
    assert _clear(canary) == []
    assert Request.objects.using(old).order_by("id")[0].identity == f"{canary} passport"


def test_a_value_whose_key_is_destroyed_is_dropped(old: str) -> None:
    canary, number = f"canary{uuid.uuid4().hex[:10]}", f"r{uuid.uuid4().hex[:15]}"
    _request(canary, number, agent="")
    vault.destroy(KeyOwnerId(f"h{number[1:]}"))
    _migrate()
    assert _clear(canary) == []
    assert Request.objects.using(old).get(id=number).identity is None


def test_no_clear_text_stays_in_pages_statistics_or_the_log(old: str, home: Installation) -> None:
    canary = f"canary{uuid.uuid4().hex[:10]}"
    _fill(canary)
    for number in range(3, 60):
        _request(canary, f"r{number:015}")
    with connections["old"].cursor() as cursor:
        cursor.execute("ANALYZE")
    with administering(home) as link:
        link.execute("CHECKPOINT")
    assert holding(home.data / "people", [canary]), "the test can see it"
    _migrate()
    assert set(sealing.rewrite_marked(old)) == {
        "rights_request",
        "rights_letter",
        "rights_agent",
        "disclosures_recipient",
        "sources_source",
    }
    assert sealing.rewrite_marked(old) == [], "once"
    postgres.discard_old_log(postgres.people_store(home))
    assert holding(home.data / "people", [canary]) == []
    with administering(home) as link:
        assert link.execute("SHOW wal_recycle").fetchone() == ("on",)
