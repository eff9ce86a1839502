"""The stores as PostgreSQL servers of the operator's own: what a DSN may say, what a server must be like, what is refused."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from glasshouse.kernel.servers import from_parts, server
from glasshouse.operations import configuration, database, database_needs, owners, postgres
from glasshouse.operations.installation import Databases, Installation, InstallationError
from glasshouse.promises import file_reader, old_copy
from glasshouse.promises.findings import State, Steps
from tests import prepared
from tests.keystore.place import Place
from tests.outside import DBA, HBA, PASSWORD, Authority, Outside, outside
from tests.ports import free_ports

ROOT_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
WANTING = "ssl_ca_file = '{ca}'"  # a setting of a server that looks at its clients' certificates
GOOD = f"host=db.example dbname=people sslmode=verify-full sslrootcert={ROOT_CERTIFICATES}"


# -- what a DSN may say ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("host=db.example dbname=people", "sslmode=verify-full"),
        ("host=db.example dbname=people sslmode=verify-ca", "sslmode=verify-full"),
        ("host=/run/postgresql,db.example dbname=people", "sslmode=verify-full"),
        ("host=db.example dbname=people sslmode=verify-full", "sslrootcert"),
        ("host=db.example dbname=people sslmode=verify-full sslrootcert=system", "sslrootcert"),
        (f"{GOOD} password=hidden-one", "password"),
        ("postgresql://me:hidden-one@db.example/people?sslmode=verify-full", "password"),
        (f"{GOOD} service=mine", "service cannot be used"),
        (f"{GOOD} options='-c row_security=off'", "options cannot be used"),
        (f"{GOOD} require_auth=password", "require_auth cannot be used"),
        (GOOD.replace("host=db.example", "hostaddr=10.0.0.1"), "Name the host"),
        (GOOD.replace("dbname=people", ""), "Name the database"),
        (f"{GOOD} target_session_attrs=standby", "read-write"),
        ("host=/run/postgresql hostaddr=10.0.0.1 dbname=people", "Take hostaddr out"),
        (f"{GOOD} ssl_min_protocol_version=TLSv1.1", "TLSv1.2 or TLSv1.3"),
        (f"{GOOD} ssl_min_protocol_version=''", "TLSv1.2 or TLSv1.3"),
        (f"{GOOD} sslcert={ROOT_CERTIFICATES}", "sslcert and sslkey"),
        (f"{GOOD} sslcert={ROOT_CERTIFICATES} sslkey=/nowhere/hidden-one", "sslcert and sslkey"),
        (f"host=/run/postgresql dbname=people sslkey={ROOT_CERTIFICATES}", "Take sslkey out"),
        ("hidden-one", "no connection string"),
    ],
)
def test_a_dsn_that_proves_nothing_or_hides_something_is_refused_with_advice(written: str, advice: str) -> None:
    with pytest.raises(ValueError, match=r"[A-Z]") as refused:
        server(written)
    assert advice in str(refused.value) and "hidden-one" not in str(refused.value)
    read = configuration.read(None, {"GLASSHOUSE_PEOPLE_DATABASE": written}, look=False)
    assert advice in read.problems[0] and "hidden-one" not in read.problems[0]


def test_what_the_parts_are_given_has_no_user_and_takes_no_other_way_than_ours() -> None:
    given = server(f"{GOOD} user=dba port=5433 connect_timeout=2")
    reached = from_parts(given.for_parts(Path("/keys/ca.crt")))
    assert given.user == "dba" and "user" not in reached
    assert reached["sslrootcert"] == "/keys/ca.crt" and reached["sslmode"] == "verify-full"
    assert (reached["require_auth"], reached["gssencmode"]) == ("scram-sha-256", "disable")
    assert (reached["target_session_attrs"], reached["connect_timeout"]) == ("read-write", "2")
    assert from_parts(server("host=/run/postgresql dbname=people").text)["host"] == "/run/postgresql"


def test_hosts_are_looked_at_one_by_one_with_their_own_ports() -> None:
    places = server(GOOD.replace("db.example", "a.example,b.example") + " port=5432,5433").one_by_one()
    assert [(place["host"], place["port"]) for place in places] == [("a.example", "5432"), ("b.example", "5433")]
    assert {place["target_session_attrs"] for place in places} == {"any"}


def test_a_password_without_a_server_is_told() -> None:
    read = configuration.read(None, {"GLASSHOUSE_KEYS_DATABASE_PASSWORD": "hidden-one"}, look=False)
    assert "database.keys is not" in read.problems[0] and "hidden-one" not in read.problems[0]


@pytest.mark.parametrize(
    ("servers", "stores"),
    [
        ("PEOPLE", "the people store lie"),
        ("KEYS", "the key store lie"),
        ("PEOPLE KEYS", "the people store and the key store"),
    ],
)
def test_a_check_that_searches_files_tells_which_store_it_cannot_see(
    monkeypatch: pytest.MonkeyPatch, servers: str, stores: str
) -> None:
    for name in ("PEOPLE", "KEYS"):
        monkeypatch.setattr(settings, f"{name}_SERVER", GOOD if name in servers.split() else "")
    steps = Steps()
    steps.expect("nothing is readable", True)
    steps.cannot_tell(old_copy.NO_COPY)
    file_reader.tell_elsewhere(steps)
    finding = steps.judged()
    assert finding.state == State.CANNOT_TELL and stores in finding.figure
    assert finding.figure.endswith("as promised") and len(finding.figure) < 300


# -- servers ---------------------------------------------------------------------------------------------------------

Servers = tuple[Installation, Outside, Outside]


@contextmanager
def a_folder() -> Iterator[Path]:
    """One that the stores' own user may enter, too."""
    with tempfile.TemporaryDirectory(dir=prepared.apart(), ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)
        yield Path(made)


def installation(folder: Path, people: str, keys: str = "", password: str = "") -> Installation:
    port = free_ports()
    named = Databases(server(people), server(keys) if keys else None, password, password if keys else "")
    return Installation(
        folder / "data", folder / "keys", port, port + 1, port + 2, demo=True, testing=True, databases=named
    )


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Two servers that a database administrator prepared with what `glasshouse database sql` prints."""
    with a_folder() as folder:
        authority = Authority(folder / "ca")
        with (
            outside(folder / "one", authority, "people.example") as one,
            outside(folder / "two", authority, "keys.example") as two,
        ):
            home = installation(folder, one.dsn("people"), two.dsn("vault"))
            home.prepare()
            for cluster, place in zip(postgres.stores(home), (one, two), strict=True):
                assert cluster.server is not None
                script = "\n".join(database_needs.script(cluster, cluster.server.database))
                for _ in range(2):  # It may be run again.
                    ran = place.psql(script)
                    assert ran.returncode == 0 and not ran.stderr, ran.stderr
                secrets = [path.read_text() for path in home.keys.rglob("*.secret")]
                assert secrets and not any(secret in script + place.log.read_text() for secret in secrets)
            yield home, one, two


@pytest.mark.slow
def test_what_an_administrator_ran_is_all_that_is_needed(servers: Servers) -> None:
    home, _, two = servers
    for cluster in postgres.stores(home):
        assert database.faults(cluster) == []
        database.ready(home, cluster)
    with two.as_dba("vault") as link:
        assert postgres.first_value(link, "SHOW wal_recycle") == "off"


@pytest.mark.slow
def test_a_server_that_wants_a_certificate_gets_ours_from_every_role() -> None:
    with a_folder() as folder:
        authority = Authority(folder / "ca")
        ours = folder / "ours"
        ours.mkdir()
        authority.issue(ours, ("glasshouse",))
        certificate = {"sslcert": str(ours / "server.crt"), "sslkey": str(ours / "server.key")}
        wanting = (
            HBA.replace("all all 127", "all +glasshouse_app,+glasshouse_job 127").strip() + " clientcert=verify-ca\n"
        )
        with outside(
            folder / "one", authority, "people.example", WANTING.format(ca=authority.file), wanting + HBA
        ) as one:
            home = installation(folder, one.dsn("people", user=DBA, **certificate), password=PASSWORD)
            home.prepare()
            database.take_authorities(home)
            owners.settle(home)
            cluster = postgres.store_of(home, "people")
            database.ready(home, cluster)
            parts = from_parts(home.environment()["GLASSHOUSE_PEOPLE_SERVER"])
            secret = (home.keys / "people" / "app.secret").read_text()
            with psycopg.connect(**parts, user="glasshouse_app", password=secret) as link:  # type: ignore[arg-type]
                shown = link.execute("SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
            assert shown == ("/CN=glasshouse",)
            assert Path(parts["sslkey"]).parent == home.keys / "tls"
            assert Path(parts["sslkey"]).stat().st_mode & 0o037 == 0
            without = parts | {"sslcert": "/nowhere", "sslkey": "/nowhere"}
            with pytest.raises(psycopg.OperationalError, match="client certificate"):
                psycopg.connect(**without, user="glasshouse_app", password=secret)  # type: ignore[arg-type]


BREAKAGES = {
    "values in the log": (
        "people",
        "ALTER DATABASE people SET log_min_error_statement = 'error'",
        "log_min_error_statement",
    ),
    "statements in the log": ("people", "ALTER ROLE glasshouse_app SET log_statement = 'all'", "log_statement = none"),
    "slow statements in the log": ("vault", "ALTER DATABASE vault SET log_min_duration_statement = 0", "duration"),
    "who bypasses policies": ("people", "ALTER ROLE glasshouse_app BYPASSRLS", "attribute"),
    "rights of another role": ("people", "GRANT pg_read_all_data TO glasshouse_relay", "no other role"),
    "support without asking": ("people", "GRANT glasshouse_support TO glasshouse_job WITH INHERIT TRUE", "support"),
    "everybody enters": ("people", "GRANT CONNECT ON DATABASE people TO PUBLIC", "nobody else enters"),
    "another database": ("people", "GRANT CONNECT ON DATABASE postgres TO PUBLIC", "can enter the database postgres"),
    "large objects": ("people", "GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC", "large objects"),
    "tables of everybody's": ("people", "GRANT CREATE ON SCHEMA public TO PUBLIC", "makes tables"),
    "the log is not shortened": ("vault", "REVOKE pg_checkpoint FROM glasshouse_ledger", "shortened"),
    "the log is kept": ("vault", "ALTER SYSTEM SET wal_keep_size = '1GB'", "wal_keep_size"),
    "a slot keeps the log": ("vault", "SELECT pg_create_physical_replication_slot('forgotten', true)", "slot"),
    "keys are published": ("vault", "CREATE PUBLICATION all_keys FOR ALL TABLES", "published"),
}


@pytest.mark.slow
@pytest.mark.parametrize("breakage", BREAKAGES)
def test_what_is_not_as_it_must_be_is_refused_with_the_statement_that_mends_it(servers: Servers, breakage: str) -> None:
    home, one, two = servers
    name, statement, told = BREAKAGES[breakage]
    cluster, place = postgres.store_of(home, name), two if name == "vault" else one
    with place.as_dba(name) as link:
        link.execute(statement)  # type: ignore[call-overload]
        link.execute("SELECT pg_reload_conf(), pg_sleep(0.1)")
    try:
        with pytest.raises(InstallationError) as refused:
            database.ready(home, cluster)
        assert told in str(refused.value) and f"database sql {database.store_word(cluster)}" in str(refused.value)
    finally:
        with place.as_dba(name) as link:
            for fault in database.faults(cluster):
                assert fault.statement
                link.execute(fault.statement)  # type: ignore[call-overload]
            link.execute("SELECT pg_reload_conf(), pg_sleep(0.1)")
    assert database.faults(cluster) == []


@pytest.mark.slow
def test_only_a_server_that_proves_who_it_is_is_used(servers: Servers, tmp_path: Path) -> None:
    home, one, _ = servers
    stranger = Authority(tmp_path / "stranger")

    def told(dsn: str, of: Installation = home) -> str:
        people = replace(of, databases=Databases(server(dsn)))
        return "\n".join(database.tried(people))

    assert told(one.dsn("people")) == ""
    assert "does not match host name" in told(one.dsn("people", host="other.example"))
    assert "certificate verify failed" in told(one.dsn("people", sslrootcert=str(stranger.file)))
    # The first host is dead, and the other one is found.
    dead = str(free_ports())
    both = {"host": "dead.example,people.example", "hostaddr": "127.0.0.1,127.0.0.1", "port": f"{dead},{one.port}"}
    assert told(one.dsn("people", **both)) == ""
    # Before the first start nobody has a password there, and the rest is told all the same.
    fresh = installation(tmp_path, one.dsn("people"))
    assert told(one.dsn("people"), fresh) == ""
    assert "certificate verify failed" in told(one.dsn("people", sslrootcert=str(stranger.file)), fresh)
    # Roles of another installation are left as they are.
    fresh.prepare()
    asked = replace(fresh, databases=Databases(server(one.dsn("people", user=DBA)), None, PASSWORD))
    with pytest.raises(InstallationError, match="glasshouse_owner cannot sign in"):
        database.ready(asked, postgres.people_store(asked))
    assert database.faults(postgres.people_store(home)) == []


@pytest.mark.slow
def test_a_server_that_asks_for_no_password_or_speaks_in_the_clear_is_not_used(tmp_path: Path) -> None:
    with a_folder() as folder:
        authority = Authority(folder / "ca")
        trusting = "hostssl all dba all scram-sha-256\nhostssl all all all trust\nhostnossl all all all scram-sha-256\n"
        with outside(folder / "one", authority, hba=trusting) as one:
            home = installation(folder, one.dsn("people", user=DBA), password=PASSWORD)
            home.prepare()
            with pytest.raises(InstallationError, match="authentication method requirement"):
                database.ready(home, postgres.people_store(home))
            (one.folder / "cluster" / "postgresql.auto.conf").write_text("ssl = off\n")
            (one.folder / "cluster" / "pg_hba.conf").write_text("host all all all scram-sha-256\n")
            with one.as_dba() as link:
                link.execute("SELECT pg_reload_conf(), pg_sleep(0.3)")
            with pytest.raises(InstallationError, match="does not support SSL"):
                database.ready(home, postgres.people_store(home))


@pytest.mark.slow
def test_the_dsns_user_prepares_as_much_as_it_may_and_the_rest_is_told() -> None:
    with a_folder() as folder:
        authority = Authority(folder / "ca")
        with outside(folder / "one", authority) as one:
            with one.as_dba() as link:
                link.execute(f"CREATE ROLE lesser LOGIN CREATEROLE CREATEDB PASSWORD '{PASSWORD}'")
            home = installation(folder, one.dsn("people", user="lesser"), password=PASSWORD)
            home.prepare()
            people = postgres.people_store(home)
            with pytest.raises(InstallationError, match="not as it must be"):
                database.ready(home, people)
            left = database.faults(people)
            assert all(
                "lo_" in fault.statement or "SET log_" in fault.statement or "REVOKE" in fault.statement
                for fault in left
            )
            with one.as_dba("people") as link:
                for fault in left:
                    link.execute(fault.statement)  # type: ignore[call-overload]
                owners = link.execute(
                    "SELECT count(*) FROM pg_auth_members WHERE member = 'lesser'::regrole AND (inherit_option OR set_option)"
                ).fetchone()
            database.ready(home, people)
            assert owners == (0,), "the user that prepared has no right to what it made"


@pytest.mark.slow
def test_both_stores_on_one_server_are_refused(servers: Servers) -> None:
    home, one, _ = servers
    same = replace(home, databases=Databases(server(one.dsn("people")), server(one.dsn("people"))))
    with pytest.raises(InstallationError, match="same PostgreSQL server"):
        database.refuse_other(same)


# Which persons are there, and whether their names can be read.
NAMES = """
import os
from glasshouse.accounts.models import Person
answer({person.id: bool(person.name) for person in Person.objects.filter(id__in=os.environ["PERSONS"].split())})
"""


# -- the service -----------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.slow
def test_a_service_lives_on_servers_of_the_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start, a grower, an erasure, a second start without the user that prepared, the first host dead, keys brought back."""
    with a_folder() as folder:
        authority = Authority(folder / "ca")
        with (
            outside(folder / "one", authority, "people.example") as one,
            outside(folder / "two", authority, "keys.example") as two,
        ):
            place = Place.__new__(Place)
            place.folder = folder
            made = installation(folder, one.dsn("people", user=DBA), two.dsn("vault", user=DBA), PASSWORD)
            place.home = replace(made, testing=False)  # Its checks want mail to leave.
            dead = {"host": "dead.example,people.example", "hostaddr": "127.0.0.1,127.0.0.1"}
            later = one.dsn("people", **dead, port=f"{free_ports()},{one.port}")
            monkeypatch.setenv("GLASSHOUSE_PEOPLE_DATABASE", later)
            monkeypatch.setenv("GLASSHOUSE_KEYS_DATABASE", two.dsn("vault"))
            with place.doors():
                first, second = place.grower(), place.grower()
                assert place.command("erase", first["address"]).returncode == 0
            place.home = replace(place.home, databases=Databases(server(later), server(two.dsn("vault"))))
            with place.doors():
                assert "whole" in place.command("keys", "status").stdout
                told = ("SEC-08", "SEC-10", "PRI-19", "PRI-24")
                asked = place.command("promises", *told, "SEC-03", "--json", within_s=900)
                states = {row["id"]: row for row in json.loads(asked.stdout) if row["state"] != "not checked"}
                assert states["SEC-03"]["state"] == "verified", states["SEC-03"]
                for promise in told:
                    assert states[promise]["state"] == "cannot tell", states[promise]
                    assert "operator's" in states[promise]["figure"] and "as promised" in states[promise]["figure"]
                assert place.command("database", "check", "people").returncode == 0
                assert place.command("keys", "backup").returncode == 0
            with two.as_dba() as link:
                link.execute("DROP DATABASE vault WITH (FORCE)")
                link.execute("CREATE DATABASE vault OWNER glasshouse_owner TEMPLATE template0 ENCODING 'UTF8'")
            prepared_again = "\n".join(database_needs.script(postgres.key_store(place.home), "vault"))
            assert two.psql(prepared_again).returncode == 0
            with pytest.raises(InstallationError), place.doors():
                pass
            restored = place.command("keys", "restore")
            assert restored.returncode == 0, restored.stderr
            with place.doors():
                names = place.run(NAMES, PERSONS=f"{first['person']} {second['person']}")
                assert names == {second["person"]: True}
            monkeypatch.delenv("GLASSHOUSE_PEOPLE_DATABASE")
            embedded = place.command("promises")
            assert embedded.returncode != 0
