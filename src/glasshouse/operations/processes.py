"""The supervisor: starts the parts, starts a dead one again, stops them all, in order, with nothing left running."""

import ctypes
import fcntl
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from glasshouse.kernel import closed_folders, users
from glasshouse.kernel.users import PartUser
from glasshouse.operations import log_files
from glasshouse.operations.fork_server import Order
from glasshouse.operations.forked import ForkedChild, ForkServer, NotForkedError
from glasshouse.operations.health import Probe
from glasshouse.operations.installation import InstallationError
from glasshouse.operations.restarts import pause_s

GRACE_S, HANG_GRACE_S = 20.0, 5.0
LOG_PAUSE_S = 60.0
HOUR_S = 3_600.0
FORKED = (users.WEB, users.MAIL, users.WORKER)  # They share the memory of the libraries that they read.
MOST_OPEN_FILES = 1 << 16  # Each connection is one; shells give 1,024, which a crowd of idle connections uses up.


def _lock(folder: Path, option: str) -> IO[str]:
    """Hold a folder for this process. option: that names it. Raises InstallationError when another one holds it."""
    file = (folder / "running.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise InstallationError(
            f"Glasshouse is running on {folder} already (process {holder}). Stop that one, or name another folder with {option}."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


@contextmanager
def holding(data: Path, keystore: Path) -> Iterator[None]:
    """Hold both folders for this process the length of the block. Raises InstallationError when another one holds one of them."""
    with ExitStack() as locks:
        for folder, option in ((data, "--data"), (keystore, "--keystore")):
            locks.enter_context(_lock(folder, option))
        yield


@dataclass(slots=True)
class Part:
    """One child process. `stop` is the signal that ends it cleanly; `user` who it runs as, None: as we do.

    name: what it is, with a number from the second of its kind on ("web 2").

    opened: closed folders that its user needs something of, which it gets to see at their places.
    forks: who forks it, where it is one of FORKED.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    stop: signal.Signals = signal.SIGTERM
    user: PartUser | None = None
    child: subprocess.Popen[bytes] | ForkedChild | None = None
    started_at: float = 0.0
    failures: int = 0
    log: Path | None = None
    probe: Probe | None = None
    opened: closed_folders.Plan = field(default_factory=dict)
    forks: ForkServer | None = None

    @property
    def kind(self) -> str:
        """What it is, without its number."""
        return self.name.rstrip(" 0123456789")

    def start(self) -> None:
        """Start the child; it dies with us."""
        output = self.log.open("ab") if self.log else None
        self.child = self._forked(output) or subprocess.Popen(
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
        if self.probe:
            self.probe.started()

    def _forked(self, output: IO[bytes] | None) -> ForkedChild | None:
        """Its process, where it can be forked."""
        if self.kind not in FORKED or self.forks is None:
            return None
        opened = {folder: list(paths) for folder, paths in self.opened.items()}
        order = Order(self.command, self.environment, self.user, opened, _open_files()[0], self.stop)
        try:
            return self.forks.start(order, output)
        except NotForkedError:
            return None

    def _before_exec(self) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, _open_files())
        if self.user:
            closed_folders.open_up(self.opened)
            users.become(self.user)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(1, self.stop)

    def end(self, grace_s: float = GRACE_S) -> None:
        """Stop the child cleanly; after a while, by force, with all that it started."""
        if self.child is None or self.child.poll() is not None:
            return
        self.child.send_signal(self.stop)
        try:
            self.child.wait(grace_s)
        except subprocess.TimeoutExpired:
            below = descendants(
                self.child.pid
            )  # The people store's processes leave our group; they would hold its folder.
            with suppress(
                ProcessLookupError
            ):  # One that is forked leads its group a moment later, and is gone at once.
                os.killpg(self.child.pid, signal.SIGKILL)
            self.child.send_signal(signal.SIGKILL)
            self.child.wait()
            for pid in below:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _open_files() -> tuple[int, int]:
    """How many files a part may have open, and how many it may ask for."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_OPEN_FILES if most == resource.RLIM_INFINITY else min(most, MOST_OPEN_FILES), most


def descendants(pid: int) -> list[int]:
    """Processes that a process started, and those started these, while they have their parents. Linux only; else none."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        parents.setdefault(parent, []).append(int(path.parent.name))
    below, waiting = [], [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        below += children
        waiting += children
    return below


@dataclass(slots=True)
class Supervisor:
    """Parts in the order of their start; stopped in the reverse one.

    noted: called with each restart (part, reason, code); hourly: called each hour, for what only root may do.
    """

    parts: list[Part] = field(default_factory=list)
    say: Callable[[str], None] = print
    ending: bool = False
    noted: Callable[[str, str, int | None], None] = lambda part, reason, code: None
    hang_grace_s: float = HANG_GRACE_S
    hourly: Callable[[], object] = lambda: None
    forks: ForkServer = field(default_factory=ForkServer)
    _observed: list[Probe] = field(default_factory=list)
    _next_hour: float = 0.0
    _next_look: dict[str, float] = field(default_factory=dict)  # at logs that could not be put aside

    def add(self, part: Part) -> None:
        """Start a part and watch over it."""
        part.forks = self.forks
        part.start()
        if part.probe:
            part.probe.begin()
        self.parts.append(part)

    def observe(self, probe: Probe) -> None:
        """Ask something that is no part of ours, and that nobody here can start again: parts that need it wait for it."""
        probe.begin()
        self._observed.append(probe)

    def watch(self, also: Callable[[], object] = lambda: None) -> None:
        """Restart what died or hangs until asked to end, more slowly the more often it does. also: called at each turn."""
        while not self.ending:
            also()
            if time.monotonic() >= self._next_hour:
                self._next_hour = time.monotonic() + HOUR_S
                self.hourly()
            for part in self.parts:
                if self.ending or part.child is None:
                    continue
                self._keep_log_small(part)
                code = part.child.poll()
                if code is not None:
                    self._restart(part, "ended", code)
                elif part.probe and part.probe.hangs:
                    self.say(f"{part.name} hangs ({part.probe.last}); stopping it")
                    part.end(self.hang_grace_s)
                    self._restart(part, "hung", part.child.poll())
            time.sleep(0.2)

    def _keep_log_small(self, part: Part) -> None:
        if part.log is None or time.monotonic() < self._next_look.get(part.name, 0.0):
            return
        try:
            log_files.keep_small(part.log)
        except OSError as error:  # A full disk: said once, until it works again, and not tried all the time.
            if part.name not in self._next_look:
                self.say(f"{part.log} cannot be put aside ({error.strerror}); it goes on growing")
            self._next_look[part.name] = time.monotonic() + LOG_PAUSE_S
        else:
            self._next_look.pop(part.name, None)

    def _restart(self, part: Part, reason: str, code: int | None) -> None:
        lived = time.monotonic() - part.started_at
        part.failures = 0 if lived > 60 else part.failures + 1
        if self.ending:  # `stop` ended it, or is about to end all.
            return
        self.say(f"{part.name} {reason} ({code}); starting it again")
        self.noted(part.kind, reason, code)
        time.sleep(pause_s(part.failures))
        if not self.ending:
            part.start()

    def stop(self) -> None:
        """End all parts."""
        self.ending = True
        for probe in self._observed:
            probe.end()
        for part in reversed(self.parts):
            if part.probe:
                part.probe.end()
            part.end()
        self.forks.end()
