"""Has a customer's file read in the sandbox: the only way in which the service reads one.

Rules of this module:

1. No thread of the web part or the worker parses a file. It waits for the sandbox (`crop_contract/sandbox.py`), which works on
   it in a process that the kernel bounds and confines.
2. At most two such processes run on an installation, one for an organisation, one for imports. The places are locks on files,
   which end with the process that holds them. Pages do not wait for a place (OverloadedError), jobs do.
3. The file goes through a pipe, in pieces as it is unsealed. Nothing of it is written to a disk.
4. An answer is checked whole, types and text, before anything of it is used. What breaks a limit is an InvalidError that says
   what to do.

Source: decision records 22 and 31.
"""

import fcntl
import json
import os
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, BinaryIO, NamedTuple

import structlog
from django.conf import settings
from pydantic import Field, TypeAdapter, ValidationError

from crop_contract import sandbox
from crop_contract.sandbox import Limits
from glasshouse.greenhouse.file_rows import MOST_READINGS
from glasshouse.greenhouse.file_shapes import COUNTS, FileChoices, ImportIssue, Layout, Proposal, Reading, Series
from glasshouse.greenhouse.statements import Statement
from glasshouse.greenhouse.tables import FIRST_BYTES, is_packed
from glasshouse.kernel import users
from glasshouse.kernel.errors import InvalidError, OverloadedError, UnavailableError
from glasshouse.kernel.foreign_files import where_of
from glasshouse.kernel.ids import OrganisationId

log = structlog.stdlib.get_logger("glasshouse.imports")
WORK = "glasshouse.greenhouse.file_work"
PLACES = 2
BUSY = "Another file is being read; try again in a moment."
MOST_SAID = 2_000  # characters of what a sandbox says is wrong, or concludes
MOST_REASON, MOST_NOTES = 400, 100  # characters of why a column is left out; conclusions
PAUSE_S = 0.25

# A page waits for a proposal; nobody waits for an import, and it may be of ten years.
TO_PROPOSE = Limits(cpu_s=20, whole_s=60, memory_bytes=768 << 20, answer_bytes=8 << 20)
TO_READ = Limits(cpu_s=240, whole_s=600, memory_bytes=1536 << 20, answer_bytes=(64 << 20) + 16 * MOST_READINGS)
WAIT_S = 300.0  # for a place, of an import

Count = Annotated[int, Field(ge=0, le=1 << 40)]


class _Facts(NamedTuple):
    """What is answered of a reading before its numbers. series: the names of the columns."""

    rows: Count
    refused: Count
    left_out: Count
    flagged: Count
    cells: Count
    empty: Count
    repeats: Count
    wide: Count
    series: list[str]
    issues: list[ImportIssue]


# They refuse a wrong type, half a surrogate pair, a number without end and deep nesting.
_PROPOSAL, _FACTS, _PROGRESS = TypeAdapter(Proposal), TypeAdapter(_Facts), TypeAdapter(tuple[Count, Count])
_SAID = TypeAdapter(Statement)


@contextmanager
def place(organisation: OrganisationId, *, for_import: bool = False, wait_s: float = 0.0) -> Iterator[None]:
    """Hold one of the places for a reading process. wait_s: how long to wait for it. Raises OverloadedError."""
    ends = time.monotonic() + wait_s
    while (lock := _take_place(f"{'import' if for_import else 'page'} {organisation}")) is None:
        if time.monotonic() >= ends:
            raise OverloadedError(BUSY)
        time.sleep(PAUSE_S)
    with lock:
        yield


def _take_place(holder: str) -> BinaryIO | None:
    """The lock of a free place, closed by whoever holds it; None where all are taken. holder: kind, organisation."""
    folder = Path(settings.DATA_FOLDER) / "reading"
    folder.mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(users.open_shared(folder / "lock", os.O_RDWR | os.O_CREAT), "ab") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        free: list[BinaryIO] = []
        holders: list[str] = []
        for number in range(PLACES):
            handle = users.open_shared(folder / f"place-{number}", os.O_RDWR | os.O_CREAT | os.O_APPEND)
            file = os.fdopen(handle, "a+b")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                free.append(file)
            except BlockingIOError:
                file.seek(0)
                holders.append(file.read(100).decode())
                file.close()
        conflicts = {part for holder_text in holders for part in holder_text.split()} & set(holder.split()) - {"page"}
        chosen = None if conflicts or not free else free.pop(0)
        for unused in free:
            unused.close()
        if chosen:
            chosen.truncate(0)
            chosen.write(holder.encode())
            chosen.flush()
        return chosen


def propose(pieces: Iterable[bytes], zone: str, choices: FileChoices, limits: Limits = TO_PROPOSE) -> Proposal:
    """How a file would be read. To be called while holding a place. Raises InvalidError, UnavailableError."""
    answers = list(_answers(pieces, {"zone": zone, "choices": asdict(choices), "layout": None}, limits))
    return _bounded(_checked(_PROPOSAL, b"".join(answers)))


def _bounded(proposal: Proposal) -> Proposal:
    """The proposal with statements that a page can show: a value may stand in a text several times."""
    left_out = tuple(replace(left, reason=left.reason.bounded(MOST_REASON)) for left in proposal.layout.left_out)
    return replace(
        proposal,
        layout=replace(proposal.layout, left_out=left_out),
        notes=[note.bounded(MOST_SAID) for note in proposal.notes[:MOST_NOTES]],
        problem=proposal.problem and proposal.problem.bounded(MOST_SAID),
    )


def read(
    pieces: Iterable[bytes],
    layout: Layout,
    progress: Callable[[int, int], None] = lambda done, total: None,
    limits: Limits = TO_READ,
) -> Reading:
    """Every row of a file. To be called while holding a place. progress: as of `files.read`.

    Raises InvalidError, UnavailableError.
    """
    request = {"zone": layout.zone, "choices": None, "layout": layout.as_json()}
    answers = _answers(pieces, request, limits, lambda content: progress(*_checked(_PROGRESS, content)))
    facts, numbers = b"".join(answers[:1]), answers[1:]
    known: _Facts = _checked(_FACTS, facts)
    names = known.series
    counts = {name: getattr(known, name) for name in COUNTS}
    reading = Reading(**counts, issues=known.issues)
    whole = all(len(times) == len(values) and not len(times) % 8 for times, values in _pairs(numbers))
    if len(numbers) != 2 * len(names) or len(set(names)) < len(names) or not whole:
        raise _unreadable("an answer of another length")
    if not set(names) <= {column.name for column in layout.columns}:
        raise _unreadable("a column that was not asked for")
    for name, (times, values) in zip(names, _pairs(numbers), strict=True):
        reading.points[name] = Series(array("d", times), array("d", values))
    return reading


def _pairs(numbers: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The bytes of the times and of the values of each column."""
    return zip(numbers[::2], numbers[1::2], strict=False)


def _answers(
    pieces: Iterable[bytes],
    request: dict[str, Any],
    limits: Limits,
    note: Callable[[bytes], None] = lambda content: None,
) -> list[bytes]:
    """What the sandbox answers. Raises InvalidError, UnavailableError."""
    source = iter(pieces)
    first = b""
    while len(first) < FIRST_BYTES and (piece := next(source, b"")):
        first += piece
    try:
        return list(
            sandbox.run(WORK, request | {"workbook": is_packed(first)}, chain([first], source), limits, note=note)
        )
    except sandbox.RefusedError as error:
        said = _checked(_SAID, json.dumps({"text": str(error), "values": error.values}).encode()).bounded(MOST_SAID)
        raise InvalidError(said.text, field=error.field, values=dict(said.values) or None) from None
    except sandbox.LimitError as error:
        if error.limit == "whole_s":  # The machine is busy: of the file's own work `cpu_s` speaks.
            log.error("file not read in time", limit_s=limits.whole_s)
            raise UnavailableError(
                "The service is busy, and did not read the file in time. Try again in some minutes."
            ) from None
        raise _broken(error.limit, limits) from None
    except sandbox.KilledError:
        log.error("process that reads a file was killed")
        raise InvalidError(
            "Reading this file was cut off: the machine may have run out of memory. Try again. If it happens again: Split the "
            "file, or save the sheet as CSV.",
            field="file",
        ) from None
    except sandbox.BrokenError as error:
        raise _unreadable(error.where) from None
    except sandbox.NotStartedError:
        raise UnavailableError("The file cannot be read right now. It is safe; try again in a moment.") from None


BROKEN = {
    "answer_bytes": "What this file holds is more than is read of one file. Split the file, or save the sheet as CSV.",
    "cpu_s": "This file takes more than %(most)s seconds of computing to read. Split the file, or save the sheet as CSV.",
    "memory_bytes": "This file takes more than %(most)s MB of memory to read. Split the file, or save the sheet as CSV.",
}


def _broken(limit: str, limits: Limits) -> InvalidError:
    """What a broken limit means, and what to do."""
    most = {"cpu_s": limits.cpu_s, "memory_bytes": limits.memory_bytes >> 20}
    message = BROKEN.get(limit, BROKEN["memory_bytes"])
    return InvalidError(message, field="file", values={"most": most[limit]} if limit in most else None)


def _checked(form: "TypeAdapter[Any]", content: bytes) -> Any:
    """An answer, once it has the form that it must have. Raises InvalidError."""
    try:
        return form.validate_json(content, strict=True)
    except ValidationError as error:
        raise _unreadable(where_of(error)) from None


def _unreadable(where: str) -> InvalidError:
    log.error("process that reads a file failed", where=where)
    return InvalidError(
        "This file could not be read: our reader failed on it. Export it as CSV anew. If that does not help, "
        "tell the people who run this service.",
        field="file",
    )
