"""Bringing back a backup of the key store, while nothing else runs.

Everything is read and proved before anything changes; the rows change in one transaction. Lines that the ledger of the backup
lacks are taken from the data, which has a copy of each that it has carried out; the keys that the ledger names are destroyed.
So a backup brings nobody back who was erased since. Safe to be cut off and to be run again. Source: PRI-24; docs/adr/0028.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from glasshouse.kernel.errors import NotFoundError
from glasshouse.operations import keystore, postgres, service
from glasshouse.operations.installation import Installation, InstallationError, KeyStoreError
from glasshouse.operations.processes import Supervisor, holding
from glasshouse.vault import backup_file
from glasshouse.vault.backup_file import BackupError, Header
from glasshouse.vault.root import FileRootKeys, read_secret

Report = Callable[[int], None]
LINE_COLUMNS = ("number", "kind", "subject", "at", "previous", "hash")
LINES, NEWER = f"SELECT {', '.join(LINE_COLUMNS)}", "WHERE number > %s ORDER BY number"


class Restored(NamedTuple):
    """What a restore brought back.

    keys: living ones; lines: of the ledger; taken_over: those among them that the backup lacked; destroyed: keys that these name;
    lost: persons and organisations of the data whose key is newer than the backup.
    """

    header: Header
    keys: int
    lines: int
    taken_over: int
    destroyed: int
    lost: int


def restore(home: Installation, path: Path, *, replace: bool, report: Report = lambda count: None) -> Restored:
    """Bring a backup back. replace: also over a key store that is whole, whose newer keys are lost then.

    report: called with how many rows are in so far. Raises BackupError, InstallationError, KeyStoreError.
    """
    header, day_key = _proved(home, path)
    home.prepare(restoring=True)
    with holding(home.data, home.keystore), _stores(home, replace=replace) as is_whole:
        _refuse_foreign(home, header)
        restored = _bring_back(home, path, header, day_key, is_whole, report)
        home.note_moved()
        _clean(home)
    return restored


def _proved(home: Installation, path: Path) -> tuple[Header, bytes]:
    """The header and the key of the day, after the whole backup was read once."""
    header = backup_file.header_of(path)
    day = date.fromisoformat(header.day)
    secret = home.keys / "people" / "epochs" / f"{day.isoformat()}.key"
    if not secret.exists():
        raise NotFoundError(
            f"{path} is of {day}, and the key of that day is not in {secret.parent}: backups can be opened for some days only. "
            "Take a newer backup, or put the keys folder back as it was."
        )
    day_key = read_secret(secret)
    if missing := set(header.roots) - set(FileRootKeys(home.keys / "people").generations()):
        raise BackupError(
            f"Keys in {path} are wrapped by root-{min(missing)}.key, which is not in {home.keys / 'people'}."
        )
    for _ in backup_file.read(path, day_key):
        pass
    return header, day_key


@contextmanager
def _stores(home: Installation, *, replace: bool) -> Iterator[bool]:
    """Both stores, without any door; whether the key store is whole. One that does not start is put aside, and a new one made."""
    (home.data / "logs").mkdir(exist_ok=True, mode=0o700)
    supervisor = Supervisor(say=lambda text: None)
    people, keys = postgres.stores(home)
    is_whole = False
    try:
        service.start_store(home, people, supervisor)
        try:
            service.start_store(home, keys, supervisor)
        except InstallationError:
            supervisor.parts.pop().end()
            aside = keys.folder.with_name(f"cluster.damaged-{time.time_ns()}")
            keys.folder.rename(aside)
            keys.folder.mkdir(mode=0o711)
            service.start_store(home, keys, supervisor)
        else:
            is_whole = _is_whole(home)
            if is_whole and not replace:
                raise InstallationError(
                    f"The key store in {home.keystore} is whole. A backup is older: keys made since would be lost, with "
                    "all that they seal. Nothing was changed. If you want that, run it again with --replace."
                )
        _make_tables(home)
        yield is_whole
    finally:
        with service.uninterrupted():
            supervisor.stop()


def _is_whole(home: Installation) -> bool:
    try:
        keystore.is_carried_out(home)
    except KeyStoreError:
        return False
    return True


def _make_tables(home: Installation) -> None:
    environment = service.people_environment(home) | {"GLASSHOUSE_ROLE": "owner"}
    command = [sys.executable, "-m", "glasshouse.operations.migrate", "keys"]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True)
    if finished.returncode:
        raise InstallationError(f"The tables of the key store could not be made: {finished.stderr.strip()[-2000:]}")


def _refuse_foreign(home: Installation, header: Header) -> None:
    with postgres.people_store(home).administering(postgres.PEOPLE) as link:
        row = link.execute("SELECT installation FROM ledger_installation").fetchone()
    if row and row[0] != header.installation:
        raise BackupError("This backup is of another installation's key store. Nothing was changed.")


def _bring_back(
    home: Installation, path: Path, header: Header, day_key: bytes, is_whole: bool, report: Report
) -> Restored:
    with postgres.key_store(home).administering(postgres.VAULT) as link, link.transaction():
        newer = _newer_lines(home, link, header, is_whole=is_whole)
        link.execute("ALTER TABLE vault_ledger DISABLE TRIGGER only_append")
        link.execute("TRUNCATE vault_ledger, vault_data_key, vault_state RESTART IDENTITY")
        link.execute("INSERT INTO vault_state (id, installation) VALUES (1, %s)", [header.installation])
        count = 0
        for count, line in enumerate(backup_file.read(path, day_key), 1):
            row = json.loads(line)
            table = row.pop("table")
            if table == "vault_data_key":
                row["wrapped"] = bytes.fromhex(row["wrapped"])
            _insert(link, table, row)
            report(count)
        for row in newer:
            _insert(link, "vault_ledger", row)
        if broken := _first(link, keystore.BROKEN):
            raise BackupError(f"Line {broken} of the ledger does not follow from the one before. Nothing was changed.")
        link.execute("ALTER TABLE vault_ledger ENABLE TRIGGER only_append")
        destroyed = link.execute(
            "UPDATE vault_data_key k SET wrapped = '', destroyed_at = coalesce(destroyed_at, l.at) FROM vault_ledger l "
            "WHERE l.subject = k.key_owner AND k.created_at < l.at AND length(k.wrapped) > 0"
        ).rowcount
        keys = _first(link, "SELECT count(*) FROM vault_data_key WHERE length(wrapped) > 0")
        lines = _first(link, "SELECT count(*) FROM vault_ledger")
        lost = _lost(home, link)
    return Restored(header, keys, lines, len(newer), destroyed, lost)


def _insert(link: "psycopg.Connection[Any]", table: str, row: dict[str, object]) -> None:
    if table not in ("vault_ledger", "vault_data_key"):
        raise BackupError(
            f"This backup holds rows of {table!r}, which this version does not know. Nothing was changed."
        )
    link.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() for _ in row),
        ),
        list(row.values()),
    )


def _newer_lines(
    home: Installation, link: "psycopg.Connection[Any]", header: Header, *, is_whole: bool
) -> list[dict[str, object]]:
    """The lines that the backup lacks: of the ledger that is replaced, where it is whole, else those that the data has."""
    if is_whole:
        rows = link.execute(f"{LINES} FROM vault_ledger {NEWER}".encode(), [header.lines]).fetchall()
    else:
        with postgres.people_store(home).administering(postgres.PEOPLE) as data:
            if not _first(data, "SELECT to_regclass('public.ledger_mark') IS NOT NULL"):
                return []  # Data of an earlier version.
            rows = data.execute(f"{LINES} FROM ledger_mark {NEWER}".encode(), [header.lines]).fetchall()
    return [dict(zip(LINE_COLUMNS, row, strict=True)) for row in rows]


def _lost(home: Installation, link: "psycopg.Connection[Any]") -> int:
    """How many persons and organisations of the data have no key: theirs was made after the backup."""
    with postgres.people_store(home).administering(postgres.PEOPLE) as data:
        owners = data.execute("SELECT id FROM accounts_person UNION SELECT id FROM access_organisation").fetchall()
    names = [str(owner) for (owner,) in owners]
    known = link.execute("SELECT DISTINCT key_owner FROM vault_data_key WHERE key_owner = ANY (%s)", [names]).fetchall()
    return len(names) - len(known)


def _clean(home: Installation) -> None:
    """Leave nothing of what was replaced in the files of the table and the log."""
    with postgres.key_store(home).administering(postgres.VAULT) as link:
        link.execute("VACUUM (FULL) vault_data_key")
        link.execute("SELECT pg_switch_wal()")
        link.execute("CHECKPOINT")


def _first(link: "psycopg.Connection[Any]", question: str) -> Any:
    row = link.execute(question.encode()).fetchone()
    return row[0] if row else None


def newest(home: Installation) -> Path:
    """The newest backup in the key store's own folder that can still be opened. Raises BackupError."""
    folder = home.keystore / "backups"
    epochs = {path.stem for path in (home.keys / "people" / "epochs").glob("*.key")}
    candidates: list[tuple[datetime, Path]] = []
    for path in folder.glob("*.keys") if folder.is_dir() else ():
        try:
            header = backup_file.header_of(path)
        except BackupError:
            continue
        if header.day in epochs:
            candidates.append((datetime.fromisoformat(header.made_at), path))
    if not candidates:
        raise BackupError(
            f"There is no backup in {folder} that can be opened. Name one: ./glasshouse keys restore BACKUP"
        )
    return max(candidates)[1]
