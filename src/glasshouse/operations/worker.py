"""The worker part: runs the schedule (mail, event chain, promise checks and others) and the queued jobs.

In the tests' own service (`Installation.testing`) there is no schedule: a test that needs a job calls its verb.
"""

import asyncio
import signal
import threading
import time
from functools import partial
from typing import Any

import django

from crop_contract import plain_structlog  # noqa: F401 - it comes before structlog

# isort: split
import structlog

from crop_contract import logs
from glasshouse.kernel import process_number
from glasshouse.kernel.errors import stack_of
from glasshouse.kernel.schedule import Job, scheduled
from glasshouse.operations import heartbeat as heart
from glasshouse.operations import restarts
from glasshouse.operations.job_locks import LOOK_S, JobLocks

log = structlog.stdlib.get_logger("glasshouse.worker")
JOBS_AT_ONCE, STALLED_S = 2, 20
OFTEN_S = 5.0
AGAIN = "worker.again"
ALWAYS = JobLocks(process_number.ALONE)


def _run(ending: threading.Event, job: Job, locks: JobLocks = ALWAYS) -> None:
    """Run a scheduled job until the end, as long as it is this worker's."""
    from django.db import close_old_connections, connections

    from glasshouse.queues import api as queues
    from glasshouse.queues import progress

    name, limit_s = job.name, heart.limit_of(job.every_s)
    ending.wait(job.first_s)
    while not ending.is_set():
        if not locks.is_ours(name):
            ending.wait(LOOK_S)
            continue
        try:
            # A job may take as long as it has items; each of them must be done within the limit.
            with (
                heart.heart.working(name, limit_s),
                progress.reported_to(partial(heart.heart.alive, name, limit_s)),
            ):
                queues.guarded("worker.schedule", name, job.verb)
        except Exception as error:  # noqa: BLE001 - the failure itself could not be noted: the database is away
            log.error("job failed; it is tried again", job=name, stack=stack_of(error))
        if job.every_s < OFTEN_S:
            close_old_connections()
        else:
            connections.close_all()  # The store's places are for pages; a job that rests keeps none.
        ending.wait(job.every_s)


async def _jobs(locks: JobLocks) -> None:
    """Run queued jobs until cancelled; those that a killed worker left are run again."""
    from procrastinate.contrib.django import app as door
    from procrastinate.contrib.django.django_connector import DjangoConnector

    with door.replace_connector(DjangoConnector().get_worker_connector()) as app:
        async with app.open_async():
            again = asyncio.create_task(_again(app, locks))
            try:
                await app.run_worker_async(
                    concurrency=JOBS_AT_ONCE,
                    install_signal_handlers=False,
                    delete_jobs="successful",
                    update_heartbeat_interval=5,
                )
            finally:
                again.cancel()


async def _again(app: Any, locks: JobLocks) -> None:
    """Run again what a killed worker left. One job that cannot be put back does not keep the others."""
    while True:
        heart.heart.alive("the queued jobs", heart.LEAST_S)
        if not await asyncio.to_thread(locks.is_ours, AGAIN):  # Two that put back the same job could have it run twice.
            await asyncio.sleep(LOOK_S)
            continue
        try:
            stalled = list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_S))
        except Exception as error:  # noqa: BLE001 - noted in the log, without its text
            log.error("jobs of killed workers not looked for; it is tried again", stack=stack_of(error))
            stalled = []
        for job in stalled:
            try:
                await app.job_manager.retry_job(job)
            except Exception as error:  # noqa: BLE001 - noted in the log, without its text
                log.error("job not put back; it is tried again", job=job.id, stack=stack_of(error))
        await asyncio.sleep(5)


def _work_jobs(ending: threading.Event, locks: JobLocks) -> None:
    while not ending.is_set():
        try:
            asyncio.run(_jobs(locks))
        except Exception as error:  # noqa: BLE001 - noted in the log, without its text
            log.error("job worker ended; it is started again", stack=stack_of(error))
        ending.wait(2)


def schedule() -> list[Job]:
    """What runs by itself: what the areas bring, and the record of the parts' own restarts."""
    return [*scheduled(), Job(restarts.record_restarts, every_s=2, first_s=1)]


def main() -> None:
    """Work until told to stop."""
    django.setup()
    from django.conf import settings

    ending = threading.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: ending.set())
    jobs = [] if settings.TESTING else schedule()
    locks = JobLocks(process_number.of_this_process())
    threads = [threading.Thread(target=_run, args=(ending, job, locks), daemon=True) for job in jobs]
    threads.append(threading.Thread(target=_work_jobs, args=(ending, locks), daemon=True))
    for thread in threads:
        thread.start()
    heart.begin()
    logs.take_uncaught()
    while not ending.is_set():
        time.sleep(0.2)


if __name__ == "__main__":
    main()
