"""Backups of the key store: made by the worker and by command, lapsing by day.

Rules:

1. A backup holds the living keys, wrapped as they are, and the whole ledger, as of one moment. The key of its day seals it.
2. The key of a day is destroyed after KEY_BACKUP_DAYS, with the backups of that day. Copies of those, wherever, open no more.
3. Nothing is destroyed before a backup under today's key is on the disk. So a clock that jumps, or a service that rested for
   weeks, loses nothing that is needed.
4. Backups never lie beside the root keys. A root key that wraps nothing any more stays until the backups of its time have lapsed.

Source: PRI-24, SEC-08; docs/adr/0028.
"""

import json
import secrets
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connections, transaction

from glasshouse.kernel import clock
from glasshouse.vault import api, backup_file, epochs
from glasshouse.vault.backup_file import BackupError, Header
from glasshouse.vault.keys import questions
from glasshouse.vault.put_aside import remove_put_aside


class Backup(NamedTuple):
    """A backup on a disk."""

    path: Path
    header: Header

    @property
    def is_open(self) -> bool:
        """Whether the key of its day is there still."""
        return date.fromisoformat(self.header.day) in epochs.days()


def default_folder() -> Path:
    """Where backups lie unless told otherwise: beside the key store's cluster, apart from data and keys."""
    path = Path(settings.KEYSTORE_FOLDER) / "backups"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def back_up(folder: Path | None = None) -> Backup:
    """Make a backup now; it is durable before this returns. Raises BackupError."""
    folder = folder or default_folder()
    _refuse_beside_keys(folder)
    with transaction.atomic(using="vault"), connections["vault"].cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        header = _header(cursor)
        moment = header.made_at.replace(":", "").replace("-", "")[:15]
        path = folder / f"{moment}Z-{secrets.token_hex(2)}{backup_file.SUFFIX}"
        try:
            backup_file.write(path, header, _lines(cursor), epochs.key_of_today())
        except OSError as error:
            raise BackupError(f"The backup could not be written to {folder}: {error.strerror}.") from None
    return Backup(path, header)


def _refuse_beside_keys(folder: Path) -> None:
    keys = Path(settings.KEYS_FOLDER).resolve().parent
    place = folder.resolve()
    if not place.is_dir():
        raise BackupError(f"{folder} is no folder. Make it first, or name another one.")
    if place == keys or keys in place.parents or list(place.glob("root-*")):
        raise BackupError(f"{folder} holds the root keys: a backup beside them would be open. Name another folder.")
    cluster = Path(settings.KEYSTORE_FOLDER).resolve() / "cluster"
    if place == cluster or cluster in place.parents:
        raise BackupError(f"{folder} is in the key store itself, and would be lost with it. Name another folder.")
    data = Path(settings.DATA_FOLDER).resolve()
    if place == data or data in place.parents:
        raise BackupError(
            f"{folder} is in the data folder, whose copies must bring no keys along. Name another folder."
        )


def _header(cursor: Any) -> Header:
    cursor.execute(
        "SELECT count(*), coalesce(array_agg(DISTINCT root_generation), '{}') FROM vault_data_key WHERE wrapped <> ''"
    )
    keys, roots = cursor.fetchone()
    cursor.execute(questions.HEAD)
    lines, head = cursor.fetchone() or (0, "")
    cursor.execute(questions.INSTALLATION)
    installation = cursor.fetchone()[0]
    moment = clock.now()
    return Header(
        day=epochs.today().isoformat(),
        made_at=moment.isoformat(),
        installation=installation,
        keys=keys,
        lines=lines,
        head=head,
        roots=sorted(roots),
        salt=secrets.token_hex(16),
    )


def _lines(cursor: Any) -> Iterator[str]:
    """Every row as JSON: the ledger's first, then the keys; of a destroyed key its owner and times alone."""
    for table, columns in ((questions.LEDGER, questions.LINE_COLUMNS), (questions.KEYS, questions.KEY_COLUMNS)):
        name = f"backup_{secrets.token_hex(4)}"
        cursor.execute(f"DECLARE {name} NO SCROLL CURSOR FOR SELECT {', '.join(columns)} FROM {table} ORDER BY 1, 2")
        while True:
            cursor.execute(f"FETCH 2000 FROM {name}")
            if not (rows := cursor.fetchall()):
                break
            for row in rows:
                yield json.dumps({"table": table} | dict(zip(columns, map(_plain, row), strict=True)))


def _plain(value: object) -> object:
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return value.isoformat() if hasattr(value, "isoformat") else value


def there(folder: Path | None = None) -> list[Backup]:
    """The backups in a folder, the oldest first. What is no backup is left out."""
    files = backup_file.files_in(folder or default_folder())
    backups = [Backup(file.path, file.header) for file in files if file.header is not None]
    return sorted(backups, key=lambda backup: backup.header.made_at)


def keep_up() -> None:
    """Back the key store up where something changed or a day began, and let lapse what is old. For the worker, each hour."""
    backups = there()
    newest = backups[-1] if backups else None
    if newest is None or newest.header.day != epochs.today().isoformat() or _changed_since(newest.header):
        backups.append(back_up())
    _thin_out(backups)
    lapse()


def _changed_since(header: Header) -> bool:
    with connections["vault"].cursor() as cursor:
        now = _header(cursor)
        cursor.execute(questions.NEWER_THAN, {"moment": header.made_at})
        is_newer = cursor.fetchone()[0]
    return bool(is_newer) or (now.keys, now.lines, now.roots) != (header.keys, header.lines, header.roots)


def _thin_out(backups: list[Backup]) -> None:
    """Of days before today, the last backup alone stays."""
    last = {backup.header.day: backup.path for backup in backups}
    for backup in backups:
        if backup.header.day != epochs.today().isoformat() and backup.path != last[backup.header.day]:
            backup.path.unlink(missing_ok=True)


def lapse() -> list[date]:
    """Destroy the keys of days that are over, with their backups, and root keys that nothing needs any more; returns the days.

    A day that lies ahead is over as well: the clock was wrong then. Nothing goes before a backup under today's key is there.
    """
    today, backups = epochs.today(), there()
    if not any(backup.header.day == today.isoformat() for backup in backups):
        return []
    oldest = today - timedelta(days=settings.KEY_BACKUP_DAYS)
    over = [day for day in epochs.days() if day <= oldest or day > today + timedelta(days=1)]
    for day in over:
        epochs.destroy(day)
    for backup in backups:
        if not backup.is_open:
            backup.path.unlink(missing_ok=True)
    remove_put_aside(Path(settings.KEYSTORE_FOLDER), settings.KEY_BACKUP_DAYS)
    _remove_partial()
    in_use = {number for backup in there() for number in backup.header.roots}
    roots, before = api.roots(), clock.now() - timedelta(days=settings.KEY_BACKUP_DAYS)
    for number, retired_at in roots.retired().items():
        if retired_at <= before and number not in in_use and number not in api.roots_in_use():
            roots.remove(number)
    return over


def _remove_partial() -> None:
    oldest = clock.now().timestamp() - timedelta(days=settings.KEY_BACKUP_DAYS).total_seconds()
    for path in default_folder().glob(f"*{backup_file.SUFFIX}.partial-*"):
        if path.lstat().st_mtime < oldest:
            path.unlink(missing_ok=True)
