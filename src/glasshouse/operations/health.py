"""Health of the parts: each does a little of its real work on request, so that a part that hangs is detected.

Rules of this module:

1. A probe runs in a thread of its own and has a deadline. One that hangs counts as failed, and holds up nobody.
2. A part is judged only after it was well once since its start, or after a long deadline for starting: it may have much to read.
3. Several failures in a row are a hang. A failure while a part that it needs is not well says nothing of it.
4. Time is monotonic: a clock that is set and a laptop that slept make nothing look hung.
"""

import os
import smtplib
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from glasshouse.kernel.doors import Door, trust
from glasshouse.kernel.places import starter_socket
from glasshouse.kernel.straight import Straight
from glasshouse.operations.postgres import Cluster
from glasshouse.operations.sandbox_starter import is_alive
from glasshouse.promises import file_reader as reader

MOST_BEAT = 64  # bytes of a heartbeat
Check = Callable[[float], None]  # given the seconds it may take; raises whatever, if the part is not well


@dataclass(frozen=True, slots=True)
class Patience:
    """every_s between probes; deadline_s for one; failures in a row that are a hang; start_s until a part must have been well."""

    every_s: float = 10.0
    deadline_s: float = 10.0
    failures: int = 4
    start_s: float = 1800.0


class UnwellError(Exception):
    """The part answered, but not as it should."""


@dataclass(slots=True)
class Probe:
    """What is known of one part. `needs`: the probes of the parts without which it cannot be well."""

    check: Check
    patience: Patience = field(default_factory=Patience)
    needs: tuple["Probe", ...] = ()
    clock: Callable[[], float] = time.monotonic
    was_well: bool = False
    failed: int = 0
    last: str = ""
    _since: float = 0.0
    _asking: threading.Thread | None = None
    _ending: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        """Start asking, in a thread of its own."""
        self.started()
        threading.Thread(target=self._go_on, daemon=True).start()

    def started(self) -> None:
        """The part was started just now: nothing of before counts."""
        self.was_well, self.failed, self.last, self._since = False, 0, "", self.clock()

    def end(self) -> None:
        """Ask no more."""
        self._ending.set()

    @property
    def hangs(self) -> bool:
        """Whether the part must be started again."""
        if self.was_well:
            return self.failed >= self.patience.failures
        return self.failed > 0 and self.clock() - self._since > self.patience.start_s

    def _go_on(self) -> None:
        while not self._ending.wait(self.patience.every_s):
            self.ask()

    def ask(self) -> None:
        """One probe, and what follows from it."""
        since, asked_at = self._since, self.clock()
        wrong = self._answer()
        if since != self._since:  # The part was started again meanwhile: this was about the one before it.
            return
        late = self.clock() - asked_at > 3 * self.patience.deadline_s
        if not wrong:
            self.was_well, self.failed, self.last = True, 0, ""
        elif late or any(other.failed or not other.was_well for other in self.needs):
            self.failed, self.last = 0, wrong  # We ourselves were stopped for a while, or it waits for another part.
        else:
            self.failed, self.last = self.failed + 1, wrong

    def _answer(self) -> str:
        """What is wrong; "" if nothing."""
        if self._asking is not None and self._asking.is_alive():
            return "the probe before hangs still"
        wrong = ["no answer in time"]

        def run() -> None:
            try:
                self.check(self.patience.deadline_s)
                wrong[0] = ""
            except Exception as error:  # noqa: BLE001 - whatever it is, the part is not well.
                wrong[0] = type(error).__name__

        self._asking = threading.Thread(target=run, daemon=True)
        self._asking.start()
        self._asking.join(self.patience.deadline_s)
        return wrong[0]


def store(cluster: Cluster) -> Check:
    """A store answers a question: to the administrator, whose places are kept free, where it is ours."""

    def check(deadline_s: float) -> None:
        with cluster.administering(within_s=max(2, int(deadline_s))) as link:
            link.execute("SELECT 1")

    return check


def https(door: Door, certificates: Path) -> Check:
    """The part says at /health that all is well. Its 503 is an answer too: something that it needs is not well."""

    def check(deadline_s: float) -> None:
        way = Straight(door, trust(certificates))
        with httpx.Client(base_url=door.origin, transport=way, timeout=deadline_s) as client:
            if client.get("/health").json().get("status") != "pass":
                raise UnwellError

    return check


def smtp(port: int) -> Check:
    """The mail listener greets."""

    def check(deadline_s: float) -> None:
        with smtplib.SMTP("localhost", port, timeout=deadline_s) as link:
            if link.noop()[0] != 250:
                raise UnwellError

    return check


def file_reader(data: Path) -> Check:
    """The file reader answers."""

    def check(deadline_s: float) -> None:
        reader.ask(data, {"verb": "ping"}, whole_s=deadline_s)

    return check


def sandbox_starter(data: Path) -> Check:
    """The sandbox starter answers."""

    def check(deadline_s: float) -> None:
        if not is_alive(starter_socket(data), deadline_s):
            raise UnwellError

    return check


def heartbeat(file: Path, oldest_s: float = 30.0) -> Check:
    """The part's file (`operations/heartbeat.py`) was renewed lately, measured by this machine's monotonic clock.

    The folder is the part's, and we may be root: no link is followed, nothing is waited for, and no more is read than it holds.
    """

    def check(deadline_s: float) -> None:
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as said:
            if not stat.S_ISREG(os.fstat(said.fileno()).st_mode):
                raise UnwellError
            beat_at = float(said.read(MOST_BEAT))
        if time.monotonic() - beat_at > oldest_s:
            raise UnwellError

    return check
