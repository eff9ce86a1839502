"""From the supervisor, which has no database, to the event log: that a part was started again, and why.

The supervisor leaves a small file for each restart; the worker records it as an event and takes the file away. A file that cannot
be read is set aside and stops nothing. Cut off between the two, the same restart is recorded twice, under the same id.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import structlog

from glasshouse.events.kinds import Kind
from glasshouse.kernel import users
from glasshouse.kernel.errors import stack_of
from glasshouse.kernel.ids import ALPHABET, LENGTH, new_id

log = structlog.stdlib.get_logger("glasshouse.worker")
MOST_FILES = 1000
PARTS = ("people store", "key store", *users.PARTS)
REASONS = ("ended", "hung")


def folder_in(data: Path) -> Path:
    """Where the files of an installation wait."""
    return data / "run" / "restarts"


def leave(data: Path, part: str, reason: str, code: int | None) -> None:
    """Leave a note of a restart. reason: one of REASONS; code: its exit code. Never raises: the restart goes first."""
    folder = folder_in(data)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if sum(1 for _ in folder.iterdir()) >= MOST_FILES:
            return
        note = {
            "part": part,
            "reason": reason,
            "code": code or 0,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        number = new_id()
        fresh = folder / f"{number}.new"
        # The folder is the worker's, who must be able to read the note: no link of it is followed.
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w") as file:
            users.give_to_owner_of(handle, folder)
            file.write(json.dumps(note))
        fresh.rename(folder / f"{number}.json")
    except OSError as error:
        log.error("restart not noted", stack=stack_of(error))


def record_restarts() -> int:
    """Record the restarts that were noted since; returns how many."""
    from django.conf import settings

    count = 0
    folder = folder_in(Path(settings.DATA_FOLDER))
    waiting = sorted(folder.glob("*.json"))[:MOST_FILES] if folder.is_dir() else []
    for path in waiting:
        try:
            note = _read(path)
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.error("note of a restart not read; it is set aside", stack=stack_of(error))
            path.rename(path.with_suffix(".bad"))
            continue
        _record(path.stem, note)
        path.unlink(missing_ok=True)
        count += 1
    return count


def _read(path: Path) -> dict[str, str | int]:
    """Only what we write ourselves becomes a fact of an event. Raises ValueError, KeyError, TypeError, OSError."""
    note = json.loads(path.read_bytes()[:2000])
    at = datetime.fromisoformat(note["at"]).isoformat(timespec="seconds")
    if note["part"] not in PARTS or note["reason"] not in REASONS or len(path.stem) != LENGTH:
        raise ValueError("This is no note of a restart.")
    if set(path.stem) - set(ALPHABET):
        raise ValueError("This is no note of a restart.")
    return {"part": note["part"].replace(" ", "-"), "reason": note["reason"], "code": int(note["code"]), "at": at}


def _record(number: str, note: dict[str, str | int]) -> None:
    from django.db import transaction

    from glasshouse.events import api as events
    from glasshouse.kernel.actor import JOB

    with transaction.atomic():
        events.record(JOB, Kind.PART_RESTARTED, number, **note)


def pause_s(failures: int) -> float:
    """How long (s) a part that failed so often in a row rests before it is started again."""
    return min(10.0, 0.2 * 2 ** min(failures, 10)) if failures else 0.0
