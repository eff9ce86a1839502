"""Data of commit 16a847e starts with this version: nothing is lost, and what must be sealed is sealed."""

import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from glasshouse.operations import postgres
from glasshouse.operations.installation import Installation
from glasshouse.operations.service import people_environment
from tests.conftest import administering, post
from tests.ports import free_ports
from tests.prepared import apart

HERE = Path(__file__).parent
EXPECTED: dict[str, Any] = json.loads((HERE / "expected.json").read_text())
# Values that forms, mails and interfaces put into columns which that commit kept readable.
READABLE_THEN = (
    "Passport NLD-4711",
    "dpo-contact@textprovider.example",
    "Fair Source Ltd",
    "callback/secret-path",
    "agents-own-number-77",
)


class Upgraded:
    """An installation with that commit's data, run by this version's `glasshouse demo`."""

    def __init__(self, folder: Path) -> None:
        shutil.unpack_archive(HERE / "data-16a847e.tar.xz", folder, "xztar")
        port = free_ports()
        self.home = Installation(folder / "data", folder / "keys", port, port + 1, port + 2, demo=True)
        cluster = self.home.data / "people"
        cluster.chmod(0o700)
        if user := postgres.system_user(postgres.people_store(self.home)):
            for path in (cluster, *cluster.rglob("*")):
                os.chown(path, *user)
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start, and wait until it says that it is open."""
        place = ["--data", str(self.home.data), "--keys", str(self.home.keys), "--port", str(self.home.port)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "glasshouse.cli", "demo", *place],
            env=os.environ | {"PYTHONPATH": str(HERE.parents[1] / "src")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        seen: list[str] = []
        for line in self.process.stdout:
            seen.append(line)
            if "Ctrl-C" in line:
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return
        raise AssertionError("it did not start: " + "".join(seen)[-3000:])

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, cleanly unless told otherwise."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(90)

    def says(self) -> dict[str, Any]:
        """What its verbs say."""
        environment = people_environment(self.home) | {"PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-m", "tests.upgrade.inside", json.dumps(EXPECTED)]
        done = subprocess.run(
            command, env=environment, cwd=HERE.parents[1], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def client(self) -> httpx.Client:
        """A browser without a screen."""
        trust = ssl.create_default_context(cafile=self.home.keys / "tls" / "ca.crt")
        return httpx.Client(
            base_url=self.home.origin, verify=trust, headers={"Referer": f"{self.home.origin}/"}, timeout=60
        )


def folder_for_stores() -> Path:
    """A folder that the stores' own users can pass through, whatever another run of tests does with pytest's folders."""
    folder = Path(tempfile.mkdtemp(prefix="glasshouse-upgrade-", dir=apart()))
    folder.chmod(0o711)
    return folder


@pytest.fixture(scope="module")
def upgraded() -> Iterator[Upgraded]:
    folder = folder_for_stores()
    place = Upgraded(folder)
    place.start()
    yield place
    place.stop()
    shutil.rmtree(folder, ignore_errors=True)


def text_columns(link: "psycopg.Connection[Any]") -> list[tuple[str, str]]:
    """(table, column) of everything that can hold text, from the catalogue."""
    rows = link.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
        "AND data_type IN ('text', 'character varying', 'json', 'jsonb', 'ARRAY')"
    )
    return [(str(table), str(column)) for table, column in rows]


def test_what_was_sealed_by_the_upgrade_reads_the_same(upgraded: Upgraded) -> None:
    said = upgraded.says()
    assert said["identity"] == "Passport NLD-4711 seen by Petra"
    assert said["contact"] == "dpo-contact@textprovider.example"
    assert said["source"] == "Fair Source Ltd"
    assert said["supplied"] == ["Supplied Farm"]
    assert said["callback"] == "https://agent.example/callback/secret-path"
    assert said["agent_request"] == "agents-own-number-77"
    assert said["agents"] == ["Agent Upgrade & Co"]


def test_documents_of_before_stay_in_force_and_new_texts_wait_for_the_officer(upgraded: Upgraded) -> None:
    """Whoever accepted the notice and the terms of that commit is asked for nothing at the upgrade."""
    said = upgraded.says()
    notice_and_terms = [row for row in said["documents"] if row[0] in ("notice", "terms")]
    assert notice_and_terms == [["notice", 0, False], ["notice", 1, True], ["terms", 0, False], ["terms", 1, True]]
    assert ["cookies", 2, True] in said["documents"], "nobody has to accept this one"
    assert said["earlier_rules"] is True, "a provider without a dated agreement goes on"


def test_no_column_holds_a_value_that_was_readable_then(upgraded: Upgraded) -> None:
    readable = []
    with administering(upgraded.home) as link:
        for table, column in text_columns(link):
            for value in READABLE_THEN:
                query = sql.SQL("SELECT count(*) FROM {} WHERE {}::text LIKE %s").format(
                    sql.Identifier(table), sql.Identifier(column)
                )
                row = link.execute(query, [f"%{value}%"]).fetchone()
                if row and row[0]:
                    readable.append((table, column, value))
    assert readable == []


def test_the_event_chain_of_that_commit_is_whole_and_goes_on(upgraded: Upgraded) -> None:
    said = upgraded.says()
    assert said["breaks"] == []
    assert said["events"] >= EXPECTED["events"]


def test_people_sign_in_with_the_passwords_they_had(upgraded: Upgraded) -> None:
    for address in EXPECTED["addresses"]:
        with upgraded.client() as client:
            answer = post(client, "/sign-in", address=address, password=EXPECTED["password"])
            assert answer.status_code == 302, answer.text
            assert client.get("/", follow_redirects=True).status_code == 200


def test_a_sign_up_link_that_carries_a_password_makes_no_account(upgraded: Upgraded) -> None:
    with upgraded.client() as client:
        page = client.get(f"/prove/{EXPECTED['sign_up']}", follow_redirects=True)
        assert page.status_code in (404, 410)
        answer = post(client, "/sign-in", address="pending@polder.example", password=EXPECTED["password"])
        assert answer.status_code == 400, "the password that came with the link opens nothing"


def test_devices_keep_their_keys_and_readings_survive_a_killed_service(upgraded: Upgraded) -> None:
    trust = ssl.create_default_context(cafile=upgraded.home.keys / "tls" / "ca.crt")
    head = {"Authorization": f"Token {EXPECTED['device_token']}"}
    written = [f"{number % 30}.25" for number in range(EXPECTED["small_writes"])]
    assert [f"{float(value):.2f}" for value in upgraded.says()["small"]] == written
    address = f"{upgraded.home.crops_origin}/api/v2/write?precision=s"
    line = f"small air_temp=20.5 {EXPECTED['small_start'] - 60}"
    answer = httpx.post(address, content=line, headers=head, verify=trust)
    assert answer.status_code == 204, answer.text
    upgraded.stop(signal.SIGKILL)
    upgraded.start()
    assert [f"{float(value):.2f}" for value in upgraded.says()["small"]] == ["20.50", *written]


# Names of indexes and constraints aside: Django makes some of them from the name that a column had.
TABLES = {
    "columns": "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default "
    "FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'procrastinate%'",
    "constraints": "SELECT conrelid::regclass::text, contype::text, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE 'procrastinate%'",
    "indexes": "SELECT tablename, regexp_replace(indexdef, 'INDEX .* ON', 'INDEX ON') FROM pg_indexes "
    "WHERE schemaname = 'public' AND tablename NOT LIKE 'procrastinate%'",
    "triggers": "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger "
    "WHERE NOT tgisinternal AND tgrelid::regclass::text NOT LIKE 'procrastinate%'",
    "storage": "SELECT relname, reloptions::text FROM pg_class WHERE relnamespace = 'public'::regnamespace "
    "AND reloptions IS NOT NULL",
    "policies": "SELECT tablename, policyname, permissive, roles::text, cmd, qual, with_check FROM pg_policies",
    "migrations": "SELECT app, name FROM django_migrations",
}


def test_the_way_from_before_leads_to_the_tables_of_a_new_installation(upgraded: Upgraded, home: Installation) -> None:
    def of(installation: Installation, database: str) -> dict[str, set[Any]]:
        with administering(installation, database) as link:
            return {what: set(link.execute(sql).fetchall()) for what, sql in TABLES.items()}  # type: ignore[arg-type]

    for database in ("people", "vault"):
        fresh, carried = of(home, database), of(upgraded.home, database)
        assert {what: carried[what] ^ fresh[what] for what in TABLES} == {what: set() for what in TABLES}, database
    assert len(fresh["columns"]) > 3


HELD = (
    "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c' AND starts_with(conname, 'holds_')"
)


def test_rows_of_before_meet_what_the_columns_may_hold(upgraded: Upgraded) -> None:
    """A row that does not could never be changed again: each change of a row is held to all of its CHECKs."""
    broken, tried = [], 0
    for database in ("people", "vault"):
        with administering(upgraded.home, database) as link, link.transaction(force_rollback=True):
            for table, name in link.execute(HELD).fetchall():
                tried += 1
                validate = sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT {}")
                try:
                    with link.transaction():
                        link.execute(validate.format(sql.Identifier(table), sql.Identifier(name)))
                except psycopg.errors.CheckViolation as error:
                    broken.append(f"{table} {name}: {error}")
    assert broken == []
    assert tried > 180
