"""The supervisor: starts the parts, starts a dead one again, stops them all, in order, with nothing left running."""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from glasshouse.cli.installation import InstallationError

GRACE_S = 20.0


def lock(data: Path) -> IO[str]:
    """Hold the data folder for this process. Raises InstallationError when another one holds it."""
    file = (data / "running.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise InstallationError(
            f"Glasshouse is running on {data} already (process {holder}). Stop that one, or name another folder with --data."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


@dataclass(slots=True)
class Part:
    """One child process. `stop` is the signal that ends it cleanly; `user` the (uid, gid) it runs as."""

    name: str
    command: list[str]
    environment: dict[str, str]
    stop: signal.Signals = signal.SIGTERM
    user: tuple[int, int] | None = None
    child: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    log: Path | None = None

    def start(self) -> None:
        """Start the child; it dies with us."""
        output = self.log.open("ab") if self.log else None
        self.child = subprocess.Popen(
            self.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops the parts in order.
            preexec_fn=self._before_exec,
            cwd="/",
        )
        if output:
            output.close()
        self.started_at = time.monotonic()

    def _before_exec(self) -> None:
        if self.user:
            os.setgroups([])
            os.setgid(self.user[1])
            os.setuid(self.user[0])
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(1, self.stop)

    def end(self) -> None:
        """Stop the child cleanly; after a while, by force."""
        if self.child is None or self.child.poll() is not None:
            return
        self.child.send_signal(self.stop)
        try:
            self.child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()


@dataclass(slots=True)
class Supervisor:
    """Parts in the order of their start; they are stopped in the reverse one."""

    parts: list[Part] = field(default_factory=list)
    say: Callable[[str], None] = print
    ending: bool = False

    def add(self, part: Part) -> None:
        """Start a part and watch over it."""
        part.start()
        self.parts.append(part)

    def watch(self) -> None:
        """Until told to end: start again whatever died, more slowly the more often it does."""
        while not self.ending:
            for part in self.parts:
                code = part.child.poll() if part.child else None
                if code is None or self.ending:
                    continue
                lived = time.monotonic() - part.started_at
                part.failures = 0 if lived > 60 else part.failures + 1
                self.say(f"{part.name} ended ({code}); starting it again")
                time.sleep(min(10.0, 0.2 * 2**part.failures) if part.failures else 0.0)
                part.start()
            time.sleep(0.2)

    def stop(self) -> None:
        """End all parts."""
        self.ending = True
        for part in reversed(self.parts):
            part.end()
