"""Bringing back a backup of the key store, while nothing else runs.

Everything is read and proved before anything changes; the rows change in one transaction. What the data has sealed under
keys that the backup lacks cannot be read any more: where there is such, it is counted, and nothing changes unless that is
accepted. Those keys are noted as destroyed, so that none is made anew in their place. Lines that the ledger of the backup
lacks are taken from the data, which has a copy of each that it has carried out; the keys that the ledger names are destroyed.
So a backup brings nobody back who was erased since. Safe to be cut off and to be run again. Source: PRI-24; docs/adr/0028.
"""

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from glasshouse.kernel.errors import GlasshouseError, NotFoundError
from glasshouse.ledger import questions as marks
from glasshouse.operations import database, keystore, lost_keys, major_upgrade, owners, postgres, service
from glasshouse.operations.installation import Installation, InstallationError, KeyStoreError
from glasshouse.operations.lost_keys import Lost
from glasshouse.operations.processes import Supervisor, holding
from glasshouse.vault import backup_file
from glasshouse.vault.backup_file import BackupError, Header
from glasshouse.vault.keys import questions
from glasshouse.vault.root import FileRootKeys, read_secret

Report = Callable[[int], None]


class InterruptedRestoreError(GlasshouseError):
    """Somebody pressed Ctrl-C; the message says whether anything changed and what to run next."""

    exit_code = 130


class Restored(NamedTuple):
    """What a restore brought back.

    keys: living ones; lines: of the ledger; taken_over: those among them that the backup lacked; destroyed: keys that these name;
    lost: what the data has sealed under keys that are newer than the backup.
    """

    header: Header
    keys: int
    lines: int
    taken_over: int
    destroyed: int
    lost: Lost


def restore(
    home: Installation, path: Path, *, replace: bool, accept_loss: bool = False, report: Report = lambda count: None
) -> Restored:
    """Bring a backup back. replace: also over a key store that is whole, whose newer keys are lost then.

    accept_loss: also where something of the data cannot be read with this backup. report: called with how many rows are in so
    far. Raises BackupError, InstallationError, KeyStoreError, InterruptedRestoreError.
    """
    _refuse_folder(home, path)
    header, day_key = _proved(home, path)
    major_upgrade.refuse_unfinished(home)
    home.prepare(restoring=True)
    restored: Restored | None = None
    try:
        with holding(home.data, home.keystore), _stores(home, replace=replace) as is_whole:
            _refuse_foreign(home, header)
            restored = _bring_back(home, path, header, day_key, is_whole, accept_loss, report)
            home.note_moved()
            _clean(home)
    except KeyboardInterrupt:
        options = (" --replace" if replace else "") + (" --accept-loss" if accept_loss else "")
        again = home.command(f"keys restore{options} {shlex.quote(str(path))}")
        raise InterruptedRestoreError(
            f"Interrupted after the keys of {path} were back; only what was there before is not cleaned out of the files of the "
            f"key store yet. Run it once more before you start the service: {again}"
            if restored
            else f"Interrupted: no key was changed or brought back. Run it again: {again}"
        ) from None
    return restored


def _refuse_folder(home: Installation, path: Path) -> None:
    if not path.is_dir():
        return
    newest_one = _newest_in(home, path)
    advice = (
        f"The newest backup in it that opens is {newest_one}: {home.command(f'keys restore {shlex.quote(str(newest_one))}')}"
        if newest_one
        else "There is no backup in it that can be opened."
    )
    raise BackupError(f"{path} is a folder. {advice}")


def _proved(home: Installation, path: Path) -> tuple[Header, bytes]:
    """The header and the key of the day, after the whole backup was read once."""
    header = backup_file.header_of(path)
    day = date.fromisoformat(header.day)
    secret = home.day_keys / f"{day.isoformat()}.key"
    if not secret.exists():
        raise NotFoundError(
            f"{path} is of {day}, and the key of that day is not in {secret.parent}: backups can be opened for some days only. "
            "Take a newer backup, or put the keys folder back as it was."
        )
    day_key = read_secret(secret)
    roots = FileRootKeys(home.keys / "people")
    if missing := set(header.roots) - {*roots.generations(), *roots.retired()}:
        raise BackupError(
            f"Keys in {path} are wrapped by root-{min(missing)}.key, which is not in {home.keys / 'people'}."
        )
    for _ in backup_file.read(path, day_key):
        pass
    return header, day_key


@contextmanager
def _stores(home: Installation, *, replace: bool) -> Iterator[bool]:
    """Both stores, without any door; whether the key store is whole. One that does not start is put aside, and a new one made."""
    database.take_authorities(home)
    owners.settle(home)
    supervisor = Supervisor(say=lambda text: None)
    people, keys = postgres.stores(home)
    is_whole = False
    try:
        service.start_store(home, people, supervisor)
        try:
            service.start_store(home, keys, supervisor)
        except InstallationError:
            _put_aside(keys, supervisor)
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


def _put_aside(keys: postgres.Cluster, supervisor: Supervisor) -> None:
    """Put a key store aside whose server ended by itself, in the handling of the error that told of it; else raise that again."""
    if keys.server:
        raise
    part = supervisor.parts[-1]
    if part.name != keys.name or part.child is None or part.child.poll() is None:
        raise
    supervisor.parts.pop()
    aside = keys.folder.with_name(f"cluster.damaged-{time.time_ns()}")
    keys.folder.rename(aside)
    keys.folder.mkdir(mode=0o711)


def put_aside(home: Installation) -> list[Path]:
    """Clusters that restores put aside. They hold wrapped keys, also of whoever was erased later."""
    return sorted(home.keystore.glob("cluster.damaged-*"))


def _is_whole(home: Installation) -> bool:
    try:
        keystore.is_carried_out(home)
    except KeyStoreError:
        return False
    return True


def _make_tables(home: Installation) -> None:
    finished = service.run_module(home, "glasshouse.operations.migrate", "owner", "keys")
    if finished.returncode:
        raise InstallationError(f"The tables of the key store could not be made: {finished.stderr.strip()[-2000:]}")


def _refuse_foreign(home: Installation, header: Header) -> None:
    with postgres.people_store(home).administering(postgres.PEOPLE) as link:
        is_there = postgres.first_value(link, marks.THERE)
        own = postgres.first_value(link, marks.INSTALLATION) if is_there else None
    if own not in (None, header.installation):
        raise BackupError("This backup is of another installation's key store. Nothing was changed.")


def _bring_back(
    home: Installation,
    path: Path,
    header: Header,
    day_key: bytes,
    is_whole: bool,
    accept_loss: bool,
    report: Report,
) -> Restored:
    with postgres.key_store(home).administering(postgres.VAULT) as link, link.transaction():
        newer = _newer_lines(home, link, header, is_whole=is_whole)
        for statement in questions.EMPTY:
            link.execute(statement)
        link.execute(questions.PUT_INSTALLATION, [header.installation])
        count = 0
        for count, line in enumerate(backup_file.read(path, day_key), 1):
            _put(link, json.loads(line))
            report(count)
        for row in newer:
            link.execute(questions.PUT_LINE[0], row)
        if broken := postgres.first_value(link, questions.BROKEN):
            raise BackupError(f"Line {broken} of the ledger does not follow from the one before. Nothing was changed.")
        link.execute(questions.FILLED)
        destroyed = link.execute(questions.DESTROY_NAMED, [[]]).rowcount
        lost = lost_keys.look(home, link)
        if lost.owners and not accept_loss:
            raise _loss(home, path, header, lost)
        lost_keys.note(link)
        keys, _, lines = link.execute(questions.COUNTS).fetchone() or (0, 0, 0)
    return Restored(header, keys, lines, len(newer), destroyed, lost)


def _put(link: "psycopg.Connection[Any]", row: dict[str, Any]) -> None:
    if (table := row.get("table")) not in questions.PUT:
        raise BackupError(
            f"This backup holds rows of {table!r}, which this version does not know. Nothing was changed."
        )
    statement, columns = questions.PUT[table]
    values = [row[column] for column in columns]
    link.execute(
        statement,
        [bytes.fromhex(value) if column == "wrapped" else value for column, value in zip(columns, values, strict=True)],
    )


def _newer_lines(
    home: Installation, link: "psycopg.Connection[Any]", header: Header, *, is_whole: bool
) -> list[tuple[Any, ...]]:
    """The lines that the backup lacks: of the ledger that is replaced, where it is whole, else those that the data has."""
    if is_whole:
        return link.execute(questions.LINES_AFTER, [header.lines]).fetchall()
    with postgres.people_store(home).administering(postgres.PEOPLE) as data:
        if not postgres.first_value(data, marks.THERE):
            return []  # Data of an earlier version.
        rows = data.execute(marks.MARKS_AFTER, [header.lines]).fetchall()
    if rows and (count := _still_there(home, [str(subject) for _, _, subject, *_ in rows])):
        raise BackupError(
            f"The data says of {count} persons or organisations that are there that they were erased: its copy of the ledger was "
            "tampered with, or the data is not whole. Nothing was changed."
        )
    return rows


def _still_there(home: Installation, subjects: list[str]) -> int:
    """How many of these the data holds as persons or organisations."""
    environment = service.people_environment(home) | {"GLASSHOUSE_ROLE": "job"}
    command = [sys.executable, "-m", "glasshouse.operations.still_there"]
    finished = subprocess.run(command, env=environment, input="\n".join(subjects), capture_output=True, text=True)
    if finished.returncode:
        raise InstallationError(f"The data could not be asked whom it holds: {finished.stderr.strip()[-500:]}")
    return int(finished.stdout)


def _loss(home: Installation, path: Path, header: Header, lost: Lost) -> InstallationError:
    return InstallationError(
        f"With {path}, made {header.made_at[:16]} UTC, keys of {lost.owners} key owners would be missing: they were made since, "
        "or took the place of those in it (keys rotate --data-keys). What is sealed under them could never be read again. "
        f"Rows of which: {lost}. Nothing was changed. Take a newer backup if there is one "
        f"({home.command('keys status')} tells which open). "
        f"To lose all that: {home.command('keys restore --accept-loss ' + shlex.quote(str(path)))}"
    )


def _clean(home: Installation) -> None:
    """Leave nothing of what was replaced in the files of the table and the log."""
    with postgres.key_store(home).administering(postgres.VAULT) as link:
        for statement in questions.CLEAN:
            link.execute(statement)


def newest(home: Installation) -> Path:
    """The newest backup in the key store's own folder that can still be opened. Raises BackupError."""
    path = _newest_in(home, home.key_backups)
    if path is None:
        raise BackupError(
            f"There is no backup in {home.key_backups} that can be opened. Name one: {home.command('keys restore BACKUP')}"
        )
    return path


def _newest_in(home: Installation, folder: Path) -> Path | None:
    days = {path.stem for path in home.day_keys.glob("*.key")}
    candidates = [
        (datetime.fromisoformat(header.made_at), path)
        for path, header in backup_file.files_in(folder)
        if header and header.day in days
    ]
    now = datetime.now(UTC) + timedelta(minutes=5)  # One of a clock that ran ahead counts only where there is no other.
    return max(candidates, key=lambda candidate: (candidate[0] <= now, candidate[0]))[1] if candidates else None
