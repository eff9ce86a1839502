"""The file reader: a part that may read all files and look into all processes, and answers the worker's checks about them.

Rules of this module:

1. It listens on a Unix socket, in a folder that the worker alone can pass, and asks the kernel who calls: the worker, root, and
   its own user. Nobody else is read a byte of.
2. A question is one line, bounded in length and in the time to send it; each connection asks one. MOST_CALLERS are served at
   once, and one search at a time.
3. Before it listens it gives up what it never needs: programs, new sockets, writing, and tracing or signalling others.
4. While it works it tells its progress; who hangs up has ended the work.

Source: decision record 34.
"""

import ctypes
import json
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from crop_contract import plain_structlog  # noqa: F401 - it comes before structlog

# isort: split
import structlog

from crop_contract import logs, sandbox_kernel
from crop_contract.processes import die_with_parent
from glasshouse.kernel import users
from glasshouse.kernel.errors import UnavailableError, stack_of
from glasshouse.kernel.places import reader_socket_folder
from glasshouse.promises import file_reading
from glasshouse.promises.file_reader import SOCKET
from glasshouse.promises.file_reading import Places, RefusedError

log = structlog.stdlib.get_logger("glasshouse.file_reader")
MOST_CALLERS, MOST_QUESTION, SENT_WITHIN_S, WHOLE_S, TELL_S = 4, 1 << 20, 5.0, 300.0, 1.0
# What it still does of what the sandbox's filter refuses: it takes connections, and tries as another user in a child.
STILL_CALLED = ("accept", "accept4", "clone", "fork", "vfork", "sched_setaffinity")
_NO_NEW_PRIVILEGES = 38
_PEER = struct.Struct("3i")  # process, user, group


class Reader:
    """Listens, and answers each caller in a thread."""

    def __init__(self, places: Places, allowed: frozenset[int]) -> None:
        self._places, self._allowed = places, allowed
        self._callers = threading.BoundedSemaphore(MOST_CALLERS)
        self._searching = threading.Lock()

    def serve(self, listener: socket.socket) -> None:
        """Take callers until the listener is closed."""
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            if not self._callers.acquire(blocking=False):
                with suppress(OSError), link:
                    link.sendall(b'{"error": "busy"}\n')
                continue
            threading.Thread(target=self._served, args=(link,), daemon=True).start()

    def _served(self, link: socket.socket) -> None:
        try:
            with suppress(OSError), link:
                link.settimeout(SENT_WITHIN_S)
                if peer_of(link) in self._allowed:
                    link.sendall(json.dumps(self._answer(link)).encode() + b"\n")
        finally:
            self._callers.release()

    def _answer(self, link: socket.socket) -> dict[str, Any]:
        try:
            question = json.loads(_line(link))
            if not isinstance(question, dict):
                raise RefusedError("no question")
            progress = _progress_to(link)
            if question.get("verb") != "search":
                return {"answer": file_reading.answer(self._places, question, progress)}
            while not self._searching.acquire(timeout=TELL_S):
                progress(0)
            try:
                return {"answer": file_reading.answer(self._places, question, progress)}
            finally:
                self._searching.release()
        except RefusedError as error:
            return {"error": f"refused, {error}"}
        except UnavailableError as error:
            return {"error": str(error)}
        except BrokenPipeError:
            raise  # Nobody is there any more.
        except Exception as error:  # noqa: BLE001 - told by its class; noted in the log, without its text
            log.error("question not answered", stack=stack_of(error))
            return {"error": type(error).__name__}


def peer_of(link: socket.socket) -> int:
    """The user of the process at the other end, as the kernel knows it."""
    return int(_PEER.unpack(link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[1])


def _line(link: socket.socket) -> bytes:
    """The question. Raises RefusedError for one that is too long or too slow."""
    received, ends = bytearray(), time.monotonic() + SENT_WITHIN_S
    while not received.endswith(b"\n"):
        piece = link.recv(1 << 16)
        received += piece
        if not piece or len(received) > MOST_QUESTION or time.monotonic() > ends:
            raise RefusedError("too long, too slow, or cut off")
    return bytes(received)


def _progress_to(link: socket.socket) -> Callable[[int], None]:
    """Tells the caller, once in a while; ends the work where nobody is there any more, or it takes too long."""
    began = last = time.monotonic()

    def tell(count: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - began > WHOLE_S:
            raise UnavailableError("It took too long.")
        if now - last >= TELL_S:
            last = now
            try:
                link.sendall(json.dumps({"progress": count}).encode() + b"\n")
            except OSError:
                raise BrokenPipeError from None

    return tell


def listen(path: Path, waiting: int = 16) -> socket.socket:
    """A socket in a folder from which it takes the group: that of the callers. waiting: callers that may."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o660)
    listener.listen(waiting)
    return listener


def _has_own_user() -> bool:
    return os.geteuid() == users.number(users.READER)


def _give_up() -> None:
    """Refuse ourselves what the reader never needs, for good."""
    ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if not sandbox_kernel.filter_system_calls(STILL_CALLED):
        log.warning("the kernel refuses the file reader no system call: it has no filter for this machine")


def main() -> None:
    """Answer until told to stop."""
    logs.configure()
    die_with_parent()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    places = Places(
        Path(os.environ["GLASSHOUSE_DATA"]),
        Path(os.environ["GLASSHOUSE_KEYS"]).parent,
        Path(os.environ["GLASSHOUSE_KEYSTORE"]),
    )
    own = os.geteuid()
    allowed = {own, 0, users.number(users.WORKER)} if _has_own_user() else {own}
    listener = listen(reader_socket_folder(places.data) / SOCKET)
    _give_up()
    logs.take_uncaught()
    Reader(places, frozenset(allowed)).serve(listener)


if __name__ == "__main__":
    main()
