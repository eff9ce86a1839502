"""How the process of the sandbox comes to be: started by us, or by the sandbox starter where root gave one to this process.

A part that is not root cannot give its child another user. The starter can, and does nothing else: it is handed two pipes over a
Unix socket, starts the one program of the sandbox on them as a user who owns nothing, and tells how that ended. The connection
is the child's life: who closes it has killed the child.

Source: decision records 31 and 43.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

SOURCE = str(Path(__file__).resolve().parents[1])
STARTER = "GLASSHOUSE_SANDBOX_STARTER"  # path of the starter's socket
# It may start no thread, and numpy's library for linear algebra, which a reader may bring, would start one a core.
ENVIRONMENT = {"PYTHONPATH": SOURCE, "LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
COMMAND = [sys.executable, "-B", "-P", "-s", "-m", "crop_contract.sandbox_child"]
START, MOST_LINE, STARTS_WITHIN_S = b"start\n", 1_000, 10.0


class NoProcessError(Exception):
    """No process could be started."""


@dataclass(frozen=True, slots=True)
class End:
    """How a process ended. status: its exit code, or minus the signal that killed it; spent_s: processor seconds."""

    status: int
    spent_s: float


class Child(Protocol):
    """A process of the sandbox."""

    @property
    def stdin(self) -> IO[bytes]:
        """Where it takes its order and the file."""

    @property
    def stdout(self) -> IO[bytes]:
        """Where it answers."""

    @property
    def parent(self) -> int:
        """The process id that it finds as its parent's."""

    def kill(self) -> None:
        """End it by force; from any thread, and also when it has ended already."""

    def wait(self) -> End:
        """Wait for its end."""


def start() -> Child:
    """Start a process of the sandbox. Raises NoProcessError."""
    path = os.environ.get(STARTER, "")
    return _Handed(path) if path else _Own()


class _Own:
    """A child of this process, with its user."""

    def __init__(self) -> None:
        try:
            self._process = subprocess.Popen(
                COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=ENVIRONMENT,
                cwd="/",
                close_fds=True,
                start_new_session=True,  # A signal to our group is not for it.
            )
        except OSError:
            raise NoProcessError from None
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101 - pipes were asked for
        self.stdin: IO[bytes] = self._process.stdin
        self.stdout: IO[bytes] = self._process.stdout
        self.parent, self._spent_s = os.getpid(), 0.0

    def kill(self) -> None:
        self._process.kill()

    def wait(self) -> End:
        if self._process.returncode is None:
            try:
                _, wait_status, usage = os.wait4(self._process.pid, 0)
                self._process.returncode = os.waitstatus_to_exitcode(wait_status)
                self._spent_s = usage.ru_utime + usage.ru_stime
            except ChildProcessError:  # Its end was noticed by the thread that killed it.
                self._process.wait()
        assert self._process.returncode is not None  # noqa: S101 - it has ended
        return End(self._process.returncode, self._spent_s)


class _Handed:
    """A child of the sandbox starter."""

    def __init__(self, path: str) -> None:
        self._end: End | None = None
        self._link = socket.socket(socket.AF_UNIX)
        to_child, ours_in = os.pipe()
        ours_out, from_child = os.pipe()
        self.stdin: IO[bytes] = os.fdopen(ours_in, "wb")
        self.stdout: IO[bytes] = os.fdopen(ours_out, "rb")
        try:
            self._link.settimeout(STARTS_WITHIN_S)
            self._link.connect(path)
            socket.send_fds(self._link, [START], [to_child, from_child])
            self._lines = self._link.makefile("rb")
            said = json.loads(self._lines.readline(MOST_LINE) or b"null")
            self.parent = int(said["parent"])
            self._link.settimeout(None)
        except (OSError, ValueError, TypeError, KeyError):
            self._link.close()
            self.stdin.close()
            self.stdout.close()
            raise NoProcessError from None
        finally:
            os.close(to_child)
            os.close(from_child)

    def kill(self) -> None:
        with suppress(OSError):  # It has ended, and the link with it.
            self._link.shutdown(socket.SHUT_WR)

    def wait(self) -> End:
        if self._end is None:
            try:
                said = json.loads(self._lines.readline(MOST_LINE) or b"null")
                self._end = End(int(said["status"]), float(said["spent_s"]))
            except (OSError, ValueError, TypeError, KeyError):
                self._end = End(-signal.SIGKILL, 0.0)  # The starter has ended, and its children with it.
            finally:
                self._lines.close()
                self._link.close()
        return self._end
