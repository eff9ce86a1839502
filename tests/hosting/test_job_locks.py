"""Several workers share the scheduled jobs; what a process is told of its number."""

import time
import uuid
from collections.abc import Callable

from glasshouse.kernel.process_number import ALONE, ProcessNumber, of_this_process, side_by_side
from glasshouse.operations.installation import Installation
from glasshouse.operations.job_locks import HEAD_START_S, JobLocks
from tests.conftest import administering


def soon(is_so: Callable[[], bool]) -> None:
    """The database lets a lock go when it sees that the connection has ended, a moment later."""
    ends = time.monotonic() + 90
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_a_process_that_is_alone_is_told_nothing() -> None:
    assert [each.variables() for each in side_by_side(1)] == [{}] and of_this_process({}) == ALONE
    assert [of_this_process(each.variables()) for each in side_by_side(3)] == list(side_by_side(3))


def test_one_worker_alone_asks_no_database() -> None:
    assert JobLocks(ALONE).is_ours("any") is True


def test_each_job_is_one_workers_and_passes_on_when_that_one_ends(home: Installation) -> None:
    now = [0.0]
    first, second = (JobLocks(ProcessNumber(number, 2), lambda: now[0]) for number in (1, 2))
    jobs = [f"job.{uuid.uuid4().hex}" for _ in range(12)]

    def held(by: JobLocks) -> set[str]:
        return {job for job in jobs if by.is_ours(job)}

    try:
        of_first, of_second = held(first), held(second)
        assert of_first and of_second and not of_first & of_second and of_first | of_second == set(jobs)
        now[0] = HEAD_START_S
        assert (held(first), held(second)) == (of_first, of_second)
        first.end()
        soon(lambda: held(second) == set(jobs))
        assert held(first) == set()
        # Its connection is lost: so are its jobs, to whoever asks first.
        connection = second._connection
        assert connection is not None
        with administering(home) as link:
            link.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
        assert not second.is_ours(jobs[0])
        soon(lambda: first.is_ours(jobs[0]))
        soon(lambda: held(second) == set(jobs[1:]))
    finally:
        first.end()
        second.end()


def test_where_no_database_answers_no_job_is_anybodys(home: Installation) -> None:
    locks = JobLocks(ProcessNumber(1, 2), lambda: 1000.0)
    name = next(name for name in (f"job.{number}" for number in range(100)) if locks._is_preferred(name))
    try:
        assert locks.is_ours(name)
        assert locks._connection is not None
        locks._connection.close()
        locks._connection.settings_dict = locks._connection.settings_dict | {"PORT": "1"}
        assert not locks.is_ours(name)
    finally:
        locks.end()
