"""A real copy of the people store, as a backup would be, started apart from the service to see what can still be read in it.

The copy is made by PostgreSQL's own program for it, under a role that may do nothing else. It is started on a socket of its own,
and read by the auditor's role; the present keys are tried on it by the check's own decryption (`opened.py`). Nothing of it stays.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.conf import settings

from glasshouse.kernel import programs
from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.ids import new_id
from glasshouse.promises import opened, oracle
from glasshouse.promises.opened import Held

NO_COPY = (
    "a copy of the people store: it is a PostgreSQL server of the operator's, whose files cannot be copied from here"
)
COPY_S, START_S = 600.0, 60.0
SPARE = 1.3  # how much room there must be, for what the copy needs


@dataclass(frozen=True, slots=True)
class OldCopy:
    """A copy of the store's files, of the moment when it was taken."""

    folder: Path

    @property
    def cluster(self) -> Path:
        """Its files."""
        return self.folder / "cluster"

    @contextmanager
    def started(self) -> Iterator[str]:
        """While the block lasts, the copy takes connections; gives the folder of its socket. Raises UnavailableError."""
        user, log = programs.system_user(programs.PEOPLE_USER), self.folder / "log"
        sockets = _sockets(self.folder, user)
        command = [
            str(programs.binaries() / "postgres"),
            *("-D", str(self.cluster), "-k", str(sockets), "-c", "listen_addresses=", "-c", "max_connections=10"),
            *("-c", "shared_buffers=16MB", "-c", "autovacuum=off", "-c", "fsync=off"),
        ]
        with log.open("xb") as file:  # follows no link
            child = subprocess.Popen(
                command, stdout=file, stderr=file, cwd="/", start_new_session=True, preexec_fn=lambda: _become(user)
            )
        try:
            _until_open(str(sockets), child)
            yield str(sockets)
        finally:
            child.send_signal(signal.SIGQUIT)  # At once: nothing of it is needed any more.
            with suppress(subprocess.TimeoutExpired):
                child.wait(20)
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
            if sockets != self.folder:
                shutil.rmtree(sockets, ignore_errors=True)


def _sockets(folder: Path, user: "programs.StoreUser | None") -> Path:
    """Where the copy's socket lies. Its path may have 107 bytes, so a deep folder gets another place."""
    if len(str(folder)) < 85:
        return folder
    short = Path("/tmp") / f"glasshouse-{new_id()}"  # noqa: S108 - the name cannot be guessed
    short.mkdir(mode=0o700)
    if user is not None:
        os.chown(short, *user)
    return short


def _become(user: "programs.StoreUser | None") -> None:
    if user is not None:
        os.setgroups([])
        os.setgid(user.gid)
        os.setuid(user.uid)


def _until_open(sockets: str, child: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + START_S
    while time.monotonic() < ends and child.poll() is None:
        with suppress(psycopg.OperationalError), oracle.connected({"host": sockets, "dbname": oracle.PEOPLE}):
            return
        time.sleep(0.05)
    raise UnavailableError("The copy of the people store could not be started.")


@contextmanager
def taken() -> Iterator[OldCopy | None]:
    """A copy of the people store as it is now, removed after the block; None where its files lie on a server of the operator's.

    Raises UnavailableError, also where the disk is short.
    """
    if settings.PEOPLE_SERVER:
        yield None
        return
    folder = Path(settings.DATA_FOLDER) / "run" / "copies" / f"copy-{new_id()}"
    _clear_abandoned(folder.parent)
    _refuse_short(folder.parent)
    parent = _reachable(folder)
    try:
        _take(parent)
        yield OldCopy(parent)
    finally:
        shutil.rmtree(parent, ignore_errors=True)


def _reachable(folder: Path) -> Path:
    """The folder, made. A command that root runs gives it to the store's own user: PostgreSQL refuses to run as root."""
    folder.mkdir(mode=0o700)
    if user := programs.system_user(programs.PEOPLE_USER):
        os.chown(folder, *user)
    return folder


def _clear_abandoned(parent: Path) -> None:
    """Remove what a check that was killed has left."""
    for path in parent.glob("copy-*"):
        if time.time() - path.stat().st_mtime > 2 * COPY_S:
            shutil.rmtree(path, ignore_errors=True)


def _refuse_short(folder: Path) -> None:
    size = int(oracle.value("SELECT pg_database_size(current_database())"))
    free = shutil.disk_usage(folder).free
    if free < SPARE * size + (64 << 20):
        raise UnavailableError(
            f"The disk is too short for a copy of the people store: {size >> 20} MB are needed, {free >> 20} MB are free."
        )


def _take(folder: Path) -> None:
    user = programs.system_user(programs.PEOPLE_USER)
    command = [
        str(programs.binaries() / "pg_basebackup"),
        *("-h", settings.REACHED[oracle.PEOPLE]["host"], "-U", "glasshouse_backup", "-D", str(folder / "cluster")),
        *("--checkpoint=fast", "--wal-method=fetch", "--no-sync", "--no-password"),
    ]
    secret = (settings.KEYS_FOLDER / "backup.secret").read_text()
    try:
        finished = subprocess.run(
            command,
            env={"PGPASSWORD": secret, "PATH": os.environ.get("PATH", "")},
            capture_output=True,
            timeout=COPY_S,
            cwd="/",
            preexec_fn=lambda: _become(user),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError("The copy of the people store took too long.") from None
    if finished.returncode:
        raise UnavailableError("The people store could not be copied.")


@dataclass(frozen=True, slots=True)
class Tried:
    """What the present keys open in a copy. count: sealed values that were tried; opening: those that opened."""

    count: int
    opening: list[Held]


def tried(sockets: str, names: list[str], key_owners: set[str]) -> Tried:
    """The sealed values in rows of a started copy that name somebody, each tried with the present keys.

    key_owners: whose keys are tried, besides the owners that the rows name.
    """
    with oracle.connected({"host": sockets, "dbname": oracle.PEOPLE}) as link:
        rows = opened.rows_in(link, names)
    owners = set(key_owners)
    for row in rows:
        owners |= {
            str(value) for column, value in row.values.items() if column in ("key_owner", "person", "id") and value
        }
    keys = {owner: opened.keys_of(owner) for owner in owners}
    sealed = [value for value in opened.held(rows) if opened.is_sealed(value.body)]
    return Tried(len(sealed), [value for value in sealed if _opens(value, keys)])


def _opens(value: Held, keys: dict[str, dict[int, bytes]]) -> bool:
    return any(opened.open_value(value, owner, own_keys) is not None for owner, own_keys in keys.items())


def left_of(values: list[Held], names: list[str]) -> list[Held]:
    """Those among values of a copy whose row is gone from the running store: it was to be deleted, and can be read still."""
    there = {(value.table, value.key) for value in opened.held(opened.rows_naming(names))}
    return [value for value in values if (value.table, value.key) not in there]
