"""Which of several workers runs a scheduled job: each job is one worker's, until that one ends.

Rules:

1. A job is a worker's as long as its connection holds a lock of the database. The lock goes with the connection, so that another
   worker takes the job over within seconds of a worker's end.
2. Each job has a worker that is preferred, so that they share the work; the others try for it a while later.
3. Whoever lost the connection meanwhile may be in the midst of a run when another one begins: each job claims the items that it
   works on (`queues/api.py`), as ever.

Source: PostgreSQL's documentation, 13.3.5; decision record 40.
"""

import threading
import time
import zlib
from collections.abc import Callable

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from glasshouse.kernel.process_number import ProcessNumber

HEAD_START_S, LOOK_S = 10.0, 3.0
KEY = "hashtextextended('worker.job:' || %s, 0)"
LOCK = f"SELECT pg_try_advisory_lock({KEY})"


class JobLocks:
    """The jobs that are this worker's. Safe to use from many threads. clock: monotonic seconds."""

    def __init__(self, worker: ProcessNumber, clock: Callable[[], float] = time.monotonic) -> None:
        self._worker, self._clock = worker, clock
        self._lock, self._held = threading.Lock(), set[str]()
        self._asked_at: dict[str, float] = {}  # first, by job
        self._connection: BaseDatabaseWrapper | None = None

    def is_ours(self, job: str) -> bool:
        """Whether this worker runs a job now. False, too, where the database cannot be asked: then nobody knows."""
        if self._worker.of == 1:
            return True
        with self._lock:
            try:
                return self._holds(job)
            except DatabaseError:
                self.end()
                return False

    def end(self) -> None:
        """Let all jobs go."""
        self._held.clear()
        if self._connection is not None:
            self._connection.close()

    def _holds(self, job: str) -> bool:
        if self._connection is None:
            # One of its own, which no thread closes between two runs.
            self._connection = connections["default"].copy()
            self._connection.inc_thread_sharing()
        with self._connection.cursor() as cursor:
            if job in self._held:
                cursor.execute("SELECT 1")  # It is ours if the connection is still the one that has the lock.
                return True
            if not self._is_preferred(job) and self._waited_s(job) < HEAD_START_S:
                return False
            cursor.execute(LOCK, [job])
            if cursor.fetchone()[0]:
                self._held.add(job)
        return job in self._held

    def _waited_s(self, job: str) -> float:
        now = self._clock()
        return now - self._asked_at.setdefault(job, now)

    def _is_preferred(self, job: str) -> bool:
        return zlib.crc32(job.encode()) % self._worker.of == self._worker.number - 1
