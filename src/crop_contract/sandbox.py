"""The sandbox: works on one foreign file in a process of its own, within limits. Nothing else of ours parses such a file.

Rules of this module:

1. A file gets a fresh process, which meets no other file and ends with it. The kernel bounds and confines it
   (`sandbox_child.py`, `sandbox_kernel.py`) before it takes the first byte.
2. It is told no secret: no environment of ours, no open file, no key. The file goes through a pipe; nothing touches a disk.
3. It has a deadline. When it ends, or we do, nothing of it is left.
4. Nothing that it answers is believed: the bytes are counted, and whoever calls `run` checks each answer's form.
5. What a kernel or a missing right does not let us restrict is named (`restrictions`), and the file is worked on all the same.

Source: decision record 31; OWASP ASVS 5.0, 5.2 and 15.2.5.
"""

import json
import re
import signal
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from crop_contract import sandbox_process
from crop_contract.sandbox_process import Child, End, NoProcessError
from crop_contract.sandbox_work import BROKEN, HEAD, HOLDS, MEMORY, NOTE, REFUSED

PLACE = re.compile(r"[A-Za-z_]{1,60} in (<frozen [a-z_.]{1,40}>|[a-z0-9_]{1,40}\.py):[0-9]{1,6}")
OUT_OF_MEMORY = -signal.SIGABRT  # how a library in C++ ends then


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one process: processor seconds, seconds in all, bytes of memory, bytes of its answers, open files.

    It writes no file and starts no process or thread, whatever the limits.
    """

    cpu_s: int
    whole_s: float
    memory_bytes: int
    answer_bytes: int
    open_files: int = 64


class SandboxError(Exception):
    """A file was not worked on to the end. Base of the errors of this module; none holds words of the file but RefusedError."""


class RefusedError(SandboxError):
    """What the worker says is wrong with the file. It may hold words of the file, and is no longer than 2,000 characters.

    values: what stands at the marks of the text: at most ten, each as long as that at most.
    """

    def __init__(self, text: str, field_name: str, values: "dict[str, str | int] | None" = None) -> None:
        super().__init__(text)
        self.field = field_name
        self.values = values or {}


class LimitError(SandboxError):
    """The process broke a limit, and was ended. limit: the name of a field of Limits."""

    def __init__(self, limit: str) -> None:
        super().__init__(f"The limit {limit} was broken.")
        self.limit = limit


class KilledError(SandboxError):
    """The process was killed, and not by us: by the system, which ran out of memory, or by hand."""


class BrokenError(SandboxError):
    """The worker failed on the file, or gave an answer that is none. where: class and place of its error."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.where = where


class NotStartedError(SandboxError):
    """The system starts no more processes at this moment."""


RESTRICTIONS = {
    "limits": "memory, processor time, open files, file size and processes are limited",
    "network": "it has a network of its own, which leads nowhere",
    "user": "it runs as a user of its own, who owns nothing",
    "rights": "it has no capability, and can gain no right",
    "files": "it can open our code and libraries for reading, and no other file",
    "calls": "the kernel refuses it sockets, programs, processes and the like",
}


@dataclass(frozen=True, slots=True)
class Restrictions:
    """Which restrictions hold for the process here, besides its deadline, fresh environment and closed files."""

    limits: bool = False
    network: bool = False
    user: bool = False
    rights: bool = False
    files: bool = False
    calls: bool = False

    @property
    def missing(self) -> list[str]:
        """The names of those that do not hold."""
        return [name for name in RESTRICTIONS if not getattr(self, name)]

    @property
    def mode(self) -> str:
        """In one word for people: "full"; "without an own user", as it is where root did not start us; "weaker"."""
        return {(): "full", ("user",): "without an own user"}.get(tuple(self.missing), "weaker")


def restrictions() -> Restrictions:
    """Which restrictions hold on this machine, for this user: asked of a process that is started for it. Raises SandboxError."""
    reported = [Restrictions()]
    limits = Limits(cpu_s=5, whole_s=30, memory_bytes=512 << 20, answer_bytes=10_000)
    for _ in run("crop_contract.sandbox_probe", {}, [], limits, holds=reported.append):
        pass
    return reported[-1]


def run(
    work: str,
    request: dict[str, Any],
    pieces: Iterable[bytes],
    limits: Limits,
    *,
    note: Callable[[bytes], None] = lambda content: None,
    holds: Callable[[Restrictions], None] = lambda restrictions: None,
) -> Iterator[bytes]:
    """Have a module's `work(request, body, answer)` work on a file; gives each answer as it comes.

    work: the module's name; its `prepare(request)`, if it has one, is called while the process is not confined yet.
    request: plain values, of ours; pieces: the file. note: told what the worker notes. holds: told which restrictions hold.
    What `note` raises, and leaving the iteration, ends the process. Raises SandboxError.
    """
    child, late = _start(), threading.Event()

    def end() -> None:
        late.set()
        child.kill()

    deadline = threading.Timer(limits.whole_s, end)  # It ends each waiting for the child, too.
    deadline.daemon = True
    deadline.start()
    try:
        order = {"work": work, "request": request, "limits": asdict(limits), "parent": child.parent}
        _hand_over(child, order, pieces)
        yield from _answers(child, limits, note, holds)
        # It may have closed its output and go on: the deadline ends that.
        _judge(child.wait(), limits, late=late.is_set())
    finally:
        deadline.cancel()
        child.kill()
        for pipe in (child.stdin, child.stdout):
            with suppress(OSError):  # What was not written yet has no reader any more.
                pipe.close()
        child.wait()


def _answers(
    child: Child, limits: Limits, note: Callable[[bytes], None], holds: Callable[[Restrictions], None]
) -> Iterator[bytes]:
    """Each answer of the child; what it notes, and which restrictions hold, is told on the way. Raises SandboxError."""
    for kind, content in _frames(child, limits):
        if kind == HOLDS:
            holds(_restrictions(content))
        elif kind == NOTE:
            note(content)
        elif kind in (REFUSED, MEMORY, BROKEN):
            _fail(kind, content)
        else:
            yield content


def _start() -> Child:
    try:
        return sandbox_process.start()
    except NoProcessError:
        raise NotStartedError("No process could be started.") from None


def _hand_over(child: Child, order: dict[str, Any], pieces: Iterable[bytes]) -> None:
    """Give the child its order and the file. It may end before it has all: its answer, or its status, says why."""
    order_bytes = json.dumps(order).encode()
    with suppress(BrokenPipeError):
        child.stdin.write(struct.pack("!I", len(order_bytes)) + order_bytes)
        for piece in pieces:
            child.stdin.write(piece)
        child.stdin.close()


def _frames(child: Child, limits: Limits) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each frame until the child ends, also in the middle of one. Raises LimitError."""
    bytes_left = limits.answer_bytes
    while len(head := child.stdout.read(HEAD.size)) == HEAD.size:
        kind, length = HEAD.unpack(head)
        bytes_left -= length + HEAD.size
        if bytes_left < 0:
            raise LimitError("answer_bytes")
        content = child.stdout.read(length)
        if len(content) < length:
            return
        yield kind, content


def _fail(kind: bytes, content: bytes) -> NoReturn:
    """The error that a frame tells of."""
    if kind == MEMORY:
        raise LimitError("memory_bytes")
    said = _plain(content)
    if kind == REFUSED and isinstance(said, dict):
        raise RefusedError(_line(said.get("text")), _line(said.get("field"))[:40], _values(said.get("values")))
    place = _line(said)
    raise BrokenError(
        place if PLACE.fullmatch(place) else "unknown"
    )  # It goes into a log, and may be a sender's words.


def _plain(content: bytes) -> Any:
    """The JSON of a frame; None where it is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _line(said: object) -> str:
    """What the child says as text that can be shown and stored."""
    return str(said if isinstance(said, str) else "")[:2000].encode(errors="replace").decode().replace("\0", "")


def _values(said: object) -> dict[str, str | int]:
    """The values at the marks of what the child says."""
    pairs = list(said.items())[:10] if isinstance(said, dict) else []
    return {
        _line(name)[:40]: value if isinstance(value, int) and abs(value) < 1 << 60 else _line(value)
        for name, value in pairs
    }


def _restrictions(content: bytes) -> Restrictions:
    said = _plain(content)
    return Restrictions(**{name: isinstance(said, dict) and said.get(name) is True for name in RESTRICTIONS})


def _judge(end: End, limits: Limits, *, late: bool) -> None:
    """Raises the error that a child's end tells of, once there is nothing more to read of it."""
    if late:
        raise LimitError("whole_s")
    if not end.status:
        return
    if end.status == -signal.SIGXCPU or (end.status == -signal.SIGKILL and end.spent_s >= limits.cpu_s):
        raise LimitError("cpu_s")
    if end.status == -signal.SIGKILL:
        raise KilledError("The process was killed.")
    raise LimitError("memory_bytes") if end.status == OUT_OF_MEMORY else BrokenError(f"status {end.status}")
