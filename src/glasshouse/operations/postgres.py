"""The embedded PostgreSQL 18 out of a wheel, on Unix sockets, passwords (SCRAM) for every role: people store and key store.

Two clusters, each with a folder, an administrator and settings of its own. PostgreSQL refuses to run as root; started by root,
each runs as a system user of its own, made when missing.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from glasshouse.kernel import programs, users
from glasshouse.kernel.places import key_socket_folder, socket_folder
from glasshouse.kernel.programs import StoreUser
from glasshouse.kernel.servers import Server
from glasshouse.operations.installation import Installation, InstallationError

PEOPLE, VAULT = "people", "vault"  # databases
MOST_LOG_FILES = 70
HBA = "local all all scram-sha-256\nlocal replication glasshouse_backup scram-sha-256\n"
# Large objects lie in no table that a policy, a retention rule or the data map knows.
NO_LARGE_OBJECTS = """
DO $$ DECLARE made regprocedure; BEGIN
FOR made IN SELECT oid::regprocedure FROM pg_proc
  WHERE pronamespace = 'pg_catalog'::regnamespace AND (proname LIKE 'lo\\_%' OR proname IN ('loread', 'lowrite'))
LOOP EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', made); END LOOP; END $$
"""
# Of a statement that fails nothing is logged here: its error may quote rows and values. Whoever made it logs the error's class.
CONF = """
listen_addresses = ''
unix_socket_permissions = 0777
password_encryption = 'scram-sha-256'
max_connections = 200
shared_buffers = '{memory}'
log_min_messages = log
log_error_verbosity = terse
log_checkpoints = off
log_min_error_statement = panic
log_parameter_max_length_on_error = 0
log_statement = 'none'
max_replication_slots = 0
"""
# Of the key store nothing that was deleted stays: a log file is removed and not written anew later on.
CONF_OF_KEYS = """
wal_level = minimal
max_wal_senders = 0
wal_recycle = off
min_wal_size = '2MB'
max_wal_size = '32MB'
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One of the two embedded stores.

    folder: of its files; sockets: of its socket; secrets: of its roles' passwords, one file each; admin: file with the
    administrator's password; user: of the system; database: what it holds, with the roles that may connect; options: of initdb.
    server: where the store is the operator's own PostgreSQL (`database.py`); folder, sockets, admin and user mean nothing then.
    """

    name: str
    folder: Path
    sockets: Path
    admin: Path
    secrets: Path
    user: str
    database: str
    roles: tuple[str, ...]
    conf: str
    options: tuple[str, ...] = ()
    server: Server | None = None

    def secret(self, role: str) -> Path:
        """The file with a role's password; the owner's lies beside the administrator's."""
        return (self.admin.parent if role == "owner" else self.secrets) / f"{role}.secret"

    def has(self, database: str) -> bool:
        """Whether a database is there."""
        if self.server:
            return database == self.database
        with self.administering() as link:
            return link.execute("SELECT FROM pg_database WHERE datname = %s", [database]).fetchone() is not None

    @contextmanager
    def administering(self, database: str = "postgres", within_s: int = 0) -> Iterator["psycopg.Connection[Any]"]:
        """A connection as the administrator, whom the service itself never is. Raises psycopg.OperationalError.

        Of the operator's server we are no administrator: there it is the tables' owner, in our own database. within_s: until it
        is there; 0: as long as it takes.
        """
        with self.signed_in("owner") if self.server else self._as_administrator(database, within_s) as link:
            yield link

    def _as_administrator(self, database: str, within_s: int = 0) -> "psycopg.Connection[Any]":
        return psycopg.connect(
            host=str(self.sockets),
            user="glasshouse_admin",
            password=self.admin.read_text(),
            dbname=database,
            autocommit=True,
            connect_timeout=within_s,
        )

    def signed_in(self, role: str) -> "psycopg.Connection[Any]":
        """A connection to its database as one of our roles. Raises OSError, psycopg.OperationalError."""
        place = self.server.parameters if self.server else {"host": str(self.sockets), "dbname": self.database}
        link: psycopg.Connection[Any] = psycopg.connect(
            **place,  # type: ignore[arg-type]
            user=f"glasshouse_{role}",
            password=self.secret(role).read_text(),
            autocommit=True,
        )
        return link

    @contextmanager
    def reading_all(self) -> Iterator["psycopg.Connection[Any]"]:
        """A connection that sees every row, whatever the policies say: the administrator; where it is not ours, the auditor."""
        with self.signed_in("auditor") if self.server else self._as_administrator(self.database) as link:
            yield link

    def answers(self) -> bool:
        """Whether a server takes connections."""
        try:
            with self.administering():
                return True
        except (OSError, psycopg.OperationalError):
            return False

    def is_alive(self) -> bool:
        """Whether a server of ours still works on the cluster, by the process number in its lock file."""
        try:
            number = int((self.folder / "postmaster.pid").read_text().split()[0])
            return b"postgres" in Path(f"/proc/{number}/cmdline").read_bytes()
        except (OSError, ValueError, IndexError):
            return False


def people_store(home: Installation) -> Cluster:
    """The cluster of accounts, organisations and everything personal, sealed."""
    return Cluster(
        name="people store",
        folder=home.data / "people",
        sockets=socket_folder(home.data),
        admin=home.keys / "store" / "admin.secret",
        secrets=home.keys / "people",
        user=programs.PEOPLE_USER,
        database=PEOPLE,
        roles=("owner", "app", "person", "job", "relay", "support", "auditor", "backup"),
        conf=CONF.format(memory="128MB"),
        server=home.databases.people,
    )


def key_store(home: Installation) -> Cluster:
    """The cluster of wrapped data keys and of the ledger of erasures."""
    return Cluster(
        name="key store",
        folder=home.keystore / "cluster",
        sockets=key_socket_folder(home.keystore),
        admin=home.keys / "store" / "keystore-admin.secret",
        secrets=home.keys / "people",
        user=programs.KEYS_USER,
        database=VAULT,
        roles=("owner", "vault", "ledger", "erasure", "auditor"),
        conf=CONF.format(memory="8MB") + CONF_OF_KEYS,
        options=("--wal-segsize=1",),
        server=home.databases.keys,
    )


def stores(home: Installation) -> tuple[Cluster, Cluster]:
    """Both clusters, in the order of their start."""
    return people_store(home), key_store(home)


def store_of(home: Installation, database: str) -> Cluster:
    """The cluster that holds a database."""
    return key_store(home) if database == VAULT else people_store(home)


def system_user(cluster: Cluster) -> StoreUser | None:
    """Who a store runs as, or None for the present user. Makes the user where it is missing."""
    return programs.system_user(cluster.user)


def prepare(cluster: Cluster) -> list[str]:
    """Make the cluster if there is none; returns the command line that runs the store in the foreground."""
    folder, user = programs.binaries(), system_user(cluster)
    make_sockets(cluster)
    if user:
        _refuse_closed_parents(cluster)
        os.chown(cluster.folder, *user)
    cluster.folder.chmod(0o700)
    if not (cluster.folder / "PG_VERSION").exists():
        _initdb(cluster, folder, user)
    for name, text in (("pg_hba.conf", HBA), ("glasshouse.conf", cluster.conf)):
        _write(cluster.folder / name, text, user)
    main = cluster.folder / "postgresql.conf"
    if "glasshouse.conf" not in main.read_text():
        _write(main, "\ninclude 'glasshouse.conf'\n", user, flags=os.O_APPEND)
    return [str(folder / "postgres"), "-D", str(cluster.folder), "-k", str(cluster.sockets)]


def make_sockets(cluster: Cluster) -> None:
    """Make the folder of its socket. Raises InstallationError where a link stands in its place.

    It may lie in a folder that is the store's user's: root would give away whatever a link of theirs names.
    """
    try:
        cluster.sockets.mkdir(parents=True, exist_ok=True, mode=0o755)
        handle = os.open(cluster.sockets, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise InstallationError(
            f"{cluster.sockets} cannot be made: {error.strerror}. A link there is not followed."
        ) from None
    try:
        if user := system_user(cluster):
            # A part that works with neither store cannot even knock at one.
            os.fchown(handle, user.uid, users.number(users.PEOPLE))
            os.fchmod(handle, 0o750)
    finally:
        os.close(handle)


def _write(path: Path, text: str, user: StoreUser | None, flags: int = os.O_TRUNC) -> None:
    """Write a file of the cluster. The store's user owns the folder, so no link of it is followed: root would write anywhere."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | flags, 0o600)
    except OSError as error:
        raise InstallationError(f"{path} cannot be written: {error.strerror}. A link there is not followed.") from None
    with os.fdopen(handle, "w") as file:
        file.write(text)
        if user:
            os.fchown(file.fileno(), *user)


def _refuse_closed_parents(cluster: Cluster) -> None:
    option = "--keystore" if cluster.database == VAULT else "--data"
    for parent in cluster.folder.resolve().parents:
        if not parent.stat().st_mode & 0o001:
            raise InstallationError(
                f"{parent} is closed to the user that the {cluster.name} runs as ({cluster.user}). "
                f"Name another folder with {option}, or run: chmod o+x {parent}"
            )


def _initdb(cluster: Cluster, folder: Path, user: StoreUser | None) -> None:
    """Make a cluster in a folder beside its own, and give it its name when it is whole: whoever is cut off begins anew.

    folder: of the programs.
    """
    making = cluster.folder.with_name(f"{cluster.folder.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    try:
        # In a folder that is ours: no shared temporary folder ever holds the password.
        with tempfile.NamedTemporaryFile(dir=cluster.folder.parent) as password:
            password.write(cluster.admin.read_bytes())
            password.flush()
            if user:
                os.chown(password.name, *user)
                os.chown(making, *user)
            command = [
                str(folder / "initdb"),
                *("-D", str(making), "-U", "glasshouse_admin", "--auth=scram-sha-256", f"--pwfile={password.name}"),
                *("--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", *cluster.options),
            ]
            _run_alone(cluster, command, making, user)
        cluster.folder.rmdir()  # It is empty, or it is not ours to replace.
        making.rename(cluster.folder)
    except OSError as error:
        raise InstallationError(f"The {cluster.name} could not be made in {cluster.folder}: {error}") from None
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _run_alone(cluster: Cluster, command: list[str], folder: Path, user: StoreUser | None) -> None:
    """Run a program of PostgreSQL as the store's user; nothing that it started outlives an interruption of ours."""
    drop = {"user": user[0], "group": user[1], "extra_groups": []} if user else {}
    child = subprocess.Popen(  # type: ignore[call-overload]
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        start_new_session=True,
        **drop,
    )
    try:
        _, errors = child.communicate()
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise
    if child.returncode:
        raise InstallationError(f"The {cluster.name} could not be made in {cluster.folder}: {errors.strip()}")


def make_roles(cluster: Cluster) -> None:
    """Make roles and the database that are missing. None of the roles is a superuser or may bypass row security."""
    with cluster.administering() as link:
        there = {row[0] for row in link.execute("SELECT rolname FROM pg_roles")}
        for role in cluster.roles:
            name = sql.Identifier(f"glasshouse_{role}")
            password = sql.Literal(cluster.secret(role).read_text())
            verb = sql.SQL("ALTER" if f"glasshouse_{role}" in there else "CREATE")
            # It copies the files, whose values are sealed, and may not connect to a database.
            copies = sql.SQL("REPLICATION" if role == "backup" else "NOREPLICATION")
            link.execute(
                sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS {} PASSWORD {}").format(
                    verb, name, copies, password
                )
            )
        base = sql.Identifier(cluster.database)
        if not cluster.has(cluster.database):
            link.execute(sql.SQL("CREATE DATABASE {} OWNER glasshouse_owner").format(base))
        link.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(base))
        for role in cluster.roles:
            if role not in ("owner", "backup"):
                grant = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
                link.execute(grant.format(base, sql.Identifier(f"glasshouse_{role}")))
        # Every role of the cluster may enter these two and make tables there, unless it is refused.
        link.execute("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
    with cluster.administering(cluster.database) as link:
        link.execute(NO_LARGE_OBJECTS)
    (_let_keys_be_cleaned if cluster.database == VAULT else _let_roles_be_taken)(cluster)


def _let_roles_be_taken(cluster: Cluster) -> None:
    with cluster.administering() as link:
        # The application may become support for a transaction, but has none of its rights while it is itself.
        link.execute(
            "GRANT glasshouse_support TO glasshouse_app, glasshouse_person, glasshouse_job WITH INHERIT FALSE, SET TRUE"
        )
        # A person's own acts and the jobs do what pages do, and more: policies look at who has signed in.
        link.execute("GRANT glasshouse_app TO glasshouse_person, glasshouse_job WITH INHERIT TRUE, SET FALSE")


def _let_keys_be_cleaned(cluster: Cluster) -> None:
    """After a key is destroyed, the log is switched and a checkpoint taken, which only administrators may else."""
    with cluster.administering() as link:
        link.execute("GRANT pg_checkpoint TO glasshouse_ledger, glasshouse_erasure, glasshouse_owner")
        link.execute("REVOKE pg_checkpoint FROM glasshouse_vault")  # Earlier versions gave it.
    with cluster.administering(cluster.database) as link:
        link.execute(
            "GRANT EXECUTE ON FUNCTION pg_switch_wal() TO glasshouse_ledger, glasshouse_erasure, glasshouse_owner"
        )
        link.execute("REVOKE ALL ON FUNCTION pg_switch_wal() FROM glasshouse_vault")


def discard_old_log(cluster: Cluster) -> None:
    """Delete the store's write-ahead log up to now: a migration that sealed columns, or moved keys, leaves them in it.

    PostgreSQL keeps old files for new use, with the old content in them until that is written over; so those that wait are
    written over (16 MB each, 64 at most), and then all are deleted. What was copied before (backups), and what a disk keeps of
    deleted files, is out of its reach. So is the log of the operator's own server.
    """
    if cluster.server:
        return
    with cluster.administering() as link:
        link.execute("ALTER SYSTEM SET wal_recycle = off")
        try:
            _reloaded(link, "off")
            last = first_value(link, "SELECT max(name) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'")
            for _ in range(MOST_LOG_FILES):
                link.execute("SELECT pg_logical_emit_message(true, 'glasshouse', '')")  # An empty file is not switched.
                link.execute("SELECT pg_switch_wal()")
                if first_value(link, "SELECT pg_walfile_name(pg_current_wal_insert_lsn())") > last:
                    break
            link.execute("CHECKPOINT")
        finally:
            link.execute("ALTER SYSTEM RESET wal_recycle")
            _reloaded(link, "on")


def first_value(link: "psycopg.Connection[Any]", question: LiteralString, *values: object) -> Any:
    """The first value of an answer's first row; None where it has no row."""
    row = link.execute(question, values or None).fetchone()
    return row[0] if row else None


def _reloaded(link: "psycopg.Connection[Any]", value: str) -> None:
    """Have every process of the store read its settings again; they are signalled at the same time as our own connection."""
    link.execute("SELECT pg_reload_conf()")
    ends = time.monotonic() + 10
    while first_value(link, "SHOW wal_recycle") != value and time.monotonic() < ends:
        time.sleep(0.02)
