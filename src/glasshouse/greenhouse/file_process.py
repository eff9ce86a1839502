"""Reads a customer's file in a process of its own, within bounds: the only way in which the service reads one.

Rules of this module:

1. No thread of the web part or the worker parses a file. It waits for a process that the kernel bounds (`file_process_child.py`).
2. At most two such processes run on an installation, one for an organisation, one for imports. The places are locks on files,
   which end with the process that holds them. Pages do not wait for a place (OverloadedError), jobs do.
3. The file goes through a pipe, in pieces as it is unsealed. Nothing of it is written to a disk.
4. Nothing that the process answers is believed beyond a size. What breaks a bound is an InvalidError that says what to do.

Source: decision record 22.
"""

import fcntl
import json
import signal
import struct
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import structlog
from django.conf import settings

from glasshouse.greenhouse.file_process_child import BROKEN, HEAD, MEMORY, NUMBERS, PROGRESS, REFUSED
from glasshouse.greenhouse.file_rows import MOST_READINGS
from glasshouse.greenhouse.file_shapes import FileChoices, ImportIssue, Layout, Proposal, Reading, Series
from glasshouse.kernel.errors import InvalidError, OverloadedError, UnavailableError
from glasshouse.kernel.ids import OrganisationId

log = structlog.stdlib.get_logger("glasshouse.imports")
SOURCE = str(Path(__file__).resolve().parents[2])
# It is given nothing of our environment, which names where the keys are. It may start no thread (the kernel counts threads as
# processes, of every user but root), and numpy's library for linear algebra, which openpyxl brings, would start one a core.
ENVIRONMENT = {"PYTHONPATH": SOURCE, "LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
PLACES = 2
BUSY = "Another file is being read; try again in a moment."
ADVICE = "Split the file, or save the sheet as CSV."
PAUSE_S = 0.25


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one process: processor seconds, seconds in all, bytes of memory, bytes of its answers."""

    cpu_s: int
    whole_s: float
    memory: int
    answer: int


# A page waits for a proposal; nobody waits for an import, and it may be of ten years.
TO_PROPOSE = Bounds(cpu_s=20, whole_s=40, memory=768 << 20, answer=8 << 20)
TO_READ = Bounds(cpu_s=240, whole_s=600, memory=1536 << 20, answer=(64 << 20) + 16 * MOST_READINGS)
WAIT_S = 300.0  # for a place, of an import


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
    with (folder / "lock").open("ab") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        free: list[BinaryIO] = []
        holders: list[str] = []
        for number in range(PLACES):
            file = (folder / f"place-{number}").open("a+b")
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


def propose(pieces: Iterable[bytes], zone: str, choices: FileChoices, bounds: Bounds = TO_PROPOSE) -> Proposal:
    """How a file would be read. To be called while holding a place. Raises InvalidError."""
    request = {"what": "propose", "zone": zone, "choices": asdict(choices)}
    answers = list(_answers(request, pieces, bounds))
    return Proposal.from_json(json.loads(answers[0].content))


def read(
    pieces: Iterable[bytes],
    layout: Layout,
    progress: Callable[[int, int], None] = lambda done, total: None,
    bounds: Bounds = TO_READ,
) -> Reading:
    """Every row of a file. To be called while holding a place. progress: as of `files.read`. Raises InvalidError."""
    reading, names, numbers = Reading(), list[str](), list[bytes]()
    for frame in _answers({"what": "read", "layout": layout.as_json()}, pieces, bounds):
        if frame.kind == PROGRESS:
            progress(*json.loads(frame.content))
        elif frame.kind == NUMBERS:
            numbers.append(frame.content)
        else:
            facts = json.loads(frame.content)
            names, issues = facts.pop("series"), [ImportIssue(**issue) for issue in facts.pop("issues")]
            reading = Reading(issues=issues, **facts)
    for name, times, values in zip(names, numbers[::2], numbers[1::2], strict=True):
        reading.points[name] = Series(array("q", times), array("d", values))
    return reading


class _Frame(NamedTuple):
    """One answer of the process that reads. kind: a byte of `file_process_child`; content: JSON, or the bytes of an array."""

    kind: bytes
    content: bytes


def _answers(request: dict[str, Any], pieces: Iterable[bytes], bounds: Bounds) -> Iterator[_Frame]:
    """The frames that a new process answers. Raises InvalidError, UnavailableError."""
    child, late = _start(), threading.Event()

    def end() -> None:
        late.set()
        child.kill()

    deadline = threading.Timer(bounds.whole_s, end)  # It ends each waiting for the child, too.
    deadline.daemon = True
    deadline.start()
    try:
        _hand_over(child, request | {"cpu_s": bounds.cpu_s, "memory": bounds.memory}, pieces)
        yield from _frames(child, bounds)
        status = child.wait()
        if late.is_set() or status:
            raise _broken(status, bounds, late=late.is_set())
    finally:
        deadline.cancel()
        child.kill()
        for pipe in (child.stdin, child.stdout):
            with suppress(OSError):  # What was not written yet has no reader any more.
                pipe.close()  # type: ignore[union-attr]
        child.wait()


def _start() -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-B", "-m", "glasshouse.greenhouse.file_process_child"]
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
            cwd="/",
        )
    except OSError:
        raise UnavailableError("The file cannot be read right now. It is safe; try again in a moment.") from None


def _hand_over(child: "subprocess.Popen[bytes]", request: dict[str, Any], pieces: Iterable[bytes]) -> None:
    """Give the child its request and the file. It may end before it has all: its answer, or its status, says why."""
    assert child.stdin is not None  # noqa: S101 - a pipe was asked for
    request_bytes = json.dumps(request).encode()
    with suppress(BrokenPipeError):
        child.stdin.write(struct.pack("!I", len(request_bytes)) + request_bytes)
        for piece in pieces:
            child.stdin.write(piece)
        child.stdin.close()


def _frames(child: "subprocess.Popen[bytes]", bounds: Bounds) -> Iterator[_Frame]:
    """The frames until the child ends, also in the middle of one. Raises InvalidError for those that tell of a failure."""
    assert child.stdout is not None  # noqa: S101 - a pipe was asked for
    bytes_left = bounds.answer
    while len(head := child.stdout.read(HEAD.size)) == HEAD.size:
        kind, length = HEAD.unpack(head)
        bytes_left -= length + HEAD.size
        if bytes_left < 0:
            raise InvalidError(f"What this file holds is more than is read of one file. {ADVICE}", field="file")
        content = child.stdout.read(length)
        if len(content) < length:
            return
        if kind == REFUSED:
            refusal = json.loads(content)
            raise InvalidError(refusal["text"], field=refusal["field"])
        if kind == MEMORY:
            raise _too_much_memory(bounds)
        if kind == BROKEN:
            raise _unreadable(json.loads(content))
        yield _Frame(kind, content)


def _broken(status: int, bounds: Bounds, *, late: bool) -> InvalidError:
    """What a child's end means that gave no whole answer. status: as of subprocess."""
    if late:
        return InvalidError(
            f"This file was not read within {bounds.whole_s:g} seconds. Try again later. {ADVICE}", field="file"
        )
    if status == -signal.SIGXCPU:
        return InvalidError(
            f"This file takes more than {bounds.cpu_s} seconds of computing to read. {ADVICE}", field="file"
        )
    if status in (-signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT):
        return _too_much_memory(bounds)
    return _unreadable(f"status {status}")


def _too_much_memory(bounds: Bounds) -> InvalidError:
    return InvalidError(f"This file takes more than {bounds.memory >> 20} MB of memory to read. {ADVICE}", field="file")


def _unreadable(where: str) -> InvalidError:
    log.error("process that reads a file failed", where=where)
    return InvalidError(
        "This file could not be read: our reader failed on it. Export it as CSV anew. If that does not help, "
        "tell the people who run this service.",
        field="file",
    )
