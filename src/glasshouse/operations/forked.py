"""How the supervisor starts parts of the fork server (`fork_server.py`), and knows how they are.

A part that cannot be forked (no Linux, no fork server, more environment than there is room for) is started as a program.
Source: decision record 53.
"""

import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import IO

from glasshouse.operations.fork_server import COMMAND_ROOM, ENVIRONMENT_ROOM, FORK, LINK, READY, ROOM, Order, encoded

READY_WITHIN_S, FORKED_WITHIN_S = 120.0, 30.0
LOST = -signal.SIGKILL  # the code of a part whose fork server died, and which died with it


class NotForkedError(Exception):
    """No part can be forked now."""


class ForkedChild:
    """A process that was forked for us, with the verbs of subprocess.Popen that the supervisor uses."""

    def __init__(self, link: socket.socket) -> None:
        """link: over which its number came, and its end will. Raises NotForkedError."""
        self._link = link
        self.returncode: int | None = None
        link.settimeout(FORKED_WITHIN_S)
        try:
            said, handles, _, _ = socket.recv_fds(link, 100, 1)
        except OSError:
            said, handles = b"", []
        if not said or not handles:
            link.close()
            raise NotForkedError("The fork server has not answered.")
        self.pid, self._pidfd = int(said), handles[0]

    def poll(self) -> int | None:
        """Its code, if it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its code, once it has ended. timeout: s. Raises subprocess.TimeoutExpired."""
        if self.returncode is not None:
            return self.returncode
        if not select.select([self._link], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("a forked part", timeout or 0)
        try:
            said = self._link.recv(100)
        except OSError:
            said = b""
        self.returncode = code = int(said) if said else LOST
        if not said:  # Whatever is left of it, so that it has ended when we say so.
            self.send_signal(signal.SIGKILL)
        self._link.close()
        os.close(self._pidfd)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        with suppress(ProcessLookupError, OSError):
            signal.pidfd_send_signal(self._pidfd, number)


class ForkServer:
    """The supervisor's own. It is started with the first part, if not before, and anew when it has died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._is_ready = False
        self._log: Path | None = None

    def begin(self, log: Path) -> None:
        """Start it, and do not wait until it has read the libraries. log: where it writes."""
        self._log = log
        if sys.platform == "linux":
            self._begin()

    def start(self, order: Order, log: IO[bytes] | None) -> ForkedChild:
        """Start a part. log: where it writes. Raises NotForkedError."""
        try:
            content = encoded(order)
        except ValueError as error:
            raise NotForkedError(str(error)) from None
        link = self._ready()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, os.fdopen(os.memfd_create("order"), "wb", 0) as order_file:
            order_file.write(content)
            handles = [theirs.fileno(), order_file.fileno(), *([log.fileno()] if log else [])]
            try:
                socket.send_fds(link, [FORK], handles)
            except OSError as error:
                ours.close()
                self.end()
                raise NotForkedError("The fork server takes no orders.") from error
        return ForkedChild(ours)

    def _ready(self) -> socket.socket:
        """The link to a server that takes orders. Raises NotForkedError."""
        if sys.platform != "linux":
            raise NotForkedError("Parts are forked on Linux only.")
        if self._link is None or self._process is None or self._process.poll() is not None:
            self.end()
            self._begin()
        assert self._link  # noqa: S101 - it was begun
        if not self._is_ready:
            self._link.settimeout(READY_WITHIN_S)
            with suppress(OSError):
                self._is_ready = self._link.recv(100) == READY
            if not self._is_ready:
                self.end()
                raise NotForkedError("The fork server did not start.")
            self._link.settimeout(FORKED_WITHIN_S)
        return self._link

    def _begin(self) -> None:
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ") if name in os.environ}
        source = str(Path(__file__).resolve().parents[2])
        with theirs, self._log.open("ab") if self._log else nullcontext() as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "glasshouse.operations.fork_server", "-" * COMMAND_ROOM],
                env=environment | {"PYTHONPATH": source, LINK: str(theirs.fileno()), ROOM: "-" * ENVIRONMENT_ROOM},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C reaches the supervisor alone.
                cwd="/",
            )

    def end(self) -> None:
        """End it, and what it forked; to be called when those have ended, or nobody waits for them."""
        if self._link:
            self._link.close()
        if self._process:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            self._process.kill()
            self._process.wait()
        self._link = self._process = None
        self._is_ready = False
