"""The worker's heartbeat: a file that is renewed as long as each of its loops gets on.

A loop says what it is doing (`working`) or that it goes round (`alive`). When one hangs, the file is renewed no longer, and the
supervisor starts the worker again. The file holds one number, the monotonic time of this machine in seconds.
Of several web processes each has such a file, too.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from glasshouse.kernel import process_number, users
from glasshouse.kernel.errors import stack_of

log = structlog.stdlib.get_logger("glasshouse.worker")
NAME = "heartbeat"
RENEW_S = 2.0
LEAST_S, MOST_S = 900.0, 6 * 3600.0


def limit_of(every_s: float) -> float:
    """How long (s) one item of a job that is due every so many seconds may take before the job counts as hung."""
    return min(max(LEAST_S, every_s), MOST_S)


class Heart:
    """Knows what each loop is doing since when. Safe to use from many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def working(self, name: str, limit_s: float) -> Iterator[None]:
        """The block must end within limit_s, or say so with `alive` meanwhile, or the worker hangs."""
        self.alive(name, limit_s)
        try:
            yield
        finally:
            with self._lock:
                self._until.pop(name, None)

    def alive(self, name: str, limit_s: float) -> None:
        """The loop goes round, and will say so again within limit_s."""
        with self._lock:
            self._until[name] = self._clock() + limit_s

    def hung(self) -> list[str]:
        """Names of the loops that took too long."""
        with self._lock:
            return sorted(name for name, until in self._until.items() if self._clock() > until)

    def beat(self, file: Path) -> bool:
        """Renew the file, unless a loop hangs; whether it was renewed."""
        if hung := self.hung():
            log.error("no heartbeat: jobs took too long", jobs=hung)
            return False
        fresh = file.with_suffix(".new")
        fresh.write_text(repr(self._clock()))
        fresh.rename(file)
        return True

    def begin(self, file: Path) -> None:
        """Renew the file every RENEW_S, in a thread of its own."""
        file.parent.mkdir(mode=0o700, exist_ok=True)
        threading.Thread(target=self._go_on, args=(file,), daemon=True).start()

    def _go_on(self, file: Path) -> None:
        while True:
            try:
                self.beat(file)
            except OSError as error:
                log.error("heartbeat not written", stack=stack_of(error))
            time.sleep(RENEW_S)


def folder_in(data: Path, part: str = users.WORKER) -> Path:
    """The folder with the heartbeats of a part's processes."""
    return data / "run" / part


def file_in(data: Path, part: str = users.WORKER, number: int = 1) -> Path:
    """Where the heartbeat of a process is. number: of those of its part."""
    return folder_in(data, part) / (NAME if number == 1 else f"{NAME}-{number}")


heart = Heart()


def begin(part: str = users.WORKER) -> None:
    """Let this process's heart beat. part: what it is."""
    heart.begin(file_in(Path(os.environ["GLASSHOUSE_DATA"]), part, process_number.of_this_process().number))
