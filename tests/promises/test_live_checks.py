"""The live checks: verified on a healthy service, and seen to fail when what they look at is broken."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from glasshouse.operations.installation import Installation
from tests.conftest import Customer


def state(promise: str) -> tuple[str, str]:
    from glasshouse.promises.runner import run

    finding = run(promise)
    return str(finding.state), finding.figure


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "promise",
    [
        "SEC-08",
        "PRI-02",
        "PRI-18",
        "PRI-19",
        "PRI-21",
        "PRI-22",
        "PRI-24",
    ],
)
def test_a_healthy_service_is_verified(promise: str) -> None:
    from glasshouse.retention import api as retention

    if promise == "PRI-18":  # The tests' own service has no schedule, and other tests make rows that are old.
        retention.run_deletions()
    found = state(promise)
    assert found[0] == "verified", found


@pytest.mark.usefixtures("home")
def test_a_promise_without_a_check_is_not_checked() -> None:
    from glasshouse.promises.register import REGISTER

    assert len(REGISTER) == 44
    assert state("PRI-14") == ("not checked", "no check yet")


@pytest.mark.usefixtures("home")
def test_sec_08_sees_a_value_that_is_stored_unsealed(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.vault import api

    honest, opener = api.seal, api.open_sealed
    monkeypatch.setattr(
        api, "seal", lambda plain, *, place: b"P" + plain if place[1] == "name" else honest(plain, place=place)
    )
    monkeypatch.setattr(
        api, "open_sealed", lambda body, *, place: body[1:] if body[:1] == b"P" else opener(body, place=place)
    )
    found = state("SEC-08")
    assert found[0] == "not verified", found
    assert "readable in people/" in found[1]


@pytest.mark.usefixtures("home")
def test_sec_08_sees_a_log_that_tells_a_tag(home: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.promises import probe

    honest = probe._send
    leak = home.data / "logs" / "leak.log"

    def leaky(token: str, line: str) -> None:
        leak.write_text(line)
        honest(token, line)

    monkeypatch.setattr(probe, "_send", leaky)
    try:
        assert "logs/leak.log" in state("SEC-08")[1]
    finally:
        leak.unlink()


def test_sec_08_sees_a_crop_file_that_is_not_encrypted(home: Installation) -> None:
    stray = home.data / "crops" / "raw" / "sealed" / "stray.bin"
    stray.write_bytes(b"plain")
    try:
        found = state("SEC-08")
        assert found[0] == "not verified", found
    finally:
        stray.unlink()


def test_a_canary_is_found_wherever_in_a_large_file_it_stands(tmp_path: Path) -> None:
    from glasshouse.promises import evidence

    at = evidence.BLOCK - 3
    (tmp_path / "large").write_bytes(b"x" * at + b"canary" + b"y" * 100)
    (tmp_path / "wide").write_bytes("a canary".encode("utf-16-le"))
    (tmp_path / "clean").write_bytes(b"nothing here")
    count, found = evidence.holding(tmp_path, ["canary"])
    assert (count, sorted(found)) == (3, ["large", "wide"])


def test_pri_02_sees_a_column_that_nobody_classed(home: Installation) -> None:
    import psycopg

    from glasshouse.kernel.places import socket_folder

    secret = (home.keys / "store" / "admin.secret").read_text()
    with psycopg.connect(
        host=str(socket_folder(home.data)), user="glasshouse_admin", password=secret, dbname="people", autocommit=True
    ) as link:
        link.execute("ALTER TABLE accounts_person ADD COLUMN nickname text")
        try:
            assert state("PRI-02") == ("not verified", "people.accounts_person.nickname")
        finally:
            link.execute("ALTER TABLE accounts_person DROP COLUMN nickname")


@contextmanager
def as_admin(home: Installation) -> Iterator[Any]:
    """A superuser's connection to the people store, to break things with."""
    import psycopg

    from glasshouse.kernel.places import socket_folder

    secret = (home.keys / "store" / "admin.secret").read_text()
    with psycopg.connect(
        host=str(socket_folder(home.data)), user="glasshouse_admin", password=secret, dbname="people", autocommit=True
    ) as link:
        yield link


def test_one_layer_lost_does_not_open_the_data(home: Installation, customer: Callable[[], Customer], web: Any) -> None:
    """SEC-01, layer by layer: the named one is switched off in this test deployment, and the others still refuse."""
    from glasshouse.access import api as access
    from glasshouse.greenhouse import api as greenhouse
    from glasshouse.kernel.errors import NotFoundError

    one, other = customer(), customer()
    stranger = other.actor.for_organisation(one.actor.organisation)
    with as_admin(home) as link:
        # The database's policies off: the application's rights and queries refuse.
        for table in ("greenhouse_site", "access_membership", "access_organisation"):
            link.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        try:
            with pytest.raises(NotFoundError):
                greenhouse.sites(stranger)
            assert web(other).get(f"/o/{one.organisation}/sites").status_code == 404
            # Whoever reads the table itself, past every policy, reads sealed bytes.
            assert b"Site " not in bytes(link.execute("SELECT name FROM greenhouse_site LIMIT 1").fetchone()[0])
        finally:
            for table in ("greenhouse_site", "access_membership", "access_organisation"):
                link.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    # The application's rights off: the database shows no row.
    honest = access.rights_of
    with access.organisation_transaction(one.actor):
        everything = honest(one.actor)
    try:
        access.rights_of = lambda actor: everything  # type: ignore[assignment]
        assert greenhouse.sites(stranger) == []
    finally:
        access.rights_of = honest


@pytest.mark.usefixtures("home")
def test_pri_18_sees_a_row_that_is_too_old() -> None:
    from datetime import timedelta

    from glasshouse.kernel import clock
    from glasshouse.kernel.ids import KeyOwnerId, new_id
    from glasshouse.mail import api as mail
    from glasshouse.mail.models import Message

    key_owner = KeyOwnerId(new_id())
    mail.keep_sent(key_owner, "probe", "x", body="x")
    Message.objects.filter(key_owner=key_owner).update(sent_at=clock.now() - timedelta(days=40))
    try:
        found = state("PRI-18")
        assert found[0] == "not verified"
        assert "mail_message" in found[1]
    finally:
        Message.objects.filter(key_owner=key_owner).delete()


@pytest.mark.usefixtures("home")
def test_pri_19_sees_a_sweep_that_leaves_rows_or_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.retention import api as retention

    monkeypatch.setattr(retention, "_destroy_unused_keys", lambda: 0)
    assert state("PRI-19") == ("not verified", "after a deletion run its key opens it")
    monkeypatch.setattr(retention, "run_deletions", lambda: None)
    assert "the row is there" in state("PRI-19")[1]
    from glasshouse.mail.models import Message

    Message.objects.filter(kind="probe").delete()


@pytest.mark.usefixtures("home")
def test_pri_21_sees_a_view_that_leaves_something_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.mail.models import Message
    from glasshouse.subject import inventory as views

    honest = views.held_models()
    monkeypatch.setattr(views, "held_models", lambda: [model for model in honest if model is not Message])
    found = state("PRI-21")
    assert found[0] == "not verified", found
    assert "mail_message" in found[1]


@pytest.mark.usefixtures("home")
def test_pri_22_sees_a_copy_that_is_not_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.subject import exports as exports

    honest = exports.view
    monkeypatch.setattr(
        exports, "view", lambda actor: [item for item in honest(actor) if item.place != "accounts_person.name"]
    )
    assert state("PRI-22")[0] == "not verified"


@pytest.mark.usefixtures("home")
def test_pri_22_sees_a_copy_that_lost_one_value_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.subject import exports as exports

    honest = exports.view
    monkeypatch.setattr(exports, "view", lambda actor: list(honest(actor))[1:])
    assert state("PRI-22")[0] == "not verified"


@pytest.mark.usefixtures("home")
def test_pri_24_sees_a_key_that_outlives_its_person(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.vault import api as vault

    monkeypatch.setattr(vault, "destroy", lambda key_owner: None)
    assert state("PRI-24") == ("not verified", "the key lives")


@pytest.mark.usefixtures("home")
def test_pri_24_sees_a_mail_that_is_left_under_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.subject import erasure as rights

    monkeypatch.setattr(rights, "_delete_addressed", lambda rows: set())
    found = state("PRI-24")
    assert found[0] == "not verified"
    assert "rows are there" in found[1]
