"""The worker part: runs the schedule (mail, event chain, promise checks and others) and the queued jobs.

In the tests' own service (`Installation.testing`) there is no schedule: a test that needs a job calls its verb.
"""

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import django

from glasshouse.kernel.errors import stack_of
from glasshouse.operations import heartbeat as heart
from glasshouse.operations import restarts

log = logging.getLogger("glasshouse.worker")
FIRST_CHECK_S, CHECKS_EVERY_S = 15.0, 3600.0
JOBS_AT_ONCE, STALLED_S = 2, 20
OFTEN_S = 5.0


def _beat(ending: threading.Event, first_s: float, every_s: float, act: Callable[[], object]) -> None:
    from django.db import close_old_connections, connections

    from glasshouse.queues import api as queues
    from glasshouse.queues import progress

    name, limit_s = f"{act.__module__.removeprefix('glasshouse.')}.{act.__name__}"[:64], heart.limit_of(every_s)
    ending.wait(first_s)
    while not ending.is_set():
        try:
            # A job may take as long as it has items; each of them must be done within the limit.
            with (
                heart.heart.working(name, limit_s),
                progress.reported_to(partial(heart.heart.alive, name, limit_s)),
            ):
                queues.guarded("worker.schedule", name, act)
        except Exception as error:  # noqa: BLE001 - the failure itself could not be noted: the database is away
            log.error("%s failed; it is tried again\n%s", act.__name__, stack_of(error))
        if every_s < OFTEN_S:
            close_old_connections()
        else:
            connections.close_all()  # The store's places are for pages; a beat that rests keeps none.
        ending.wait(every_s)


async def _jobs() -> None:
    """Run queued jobs until cancelled; those that a killed worker left are run again."""
    from procrastinate.contrib.django import app as door
    from procrastinate.contrib.django.django_connector import DjangoConnector

    with door.replace_connector(DjangoConnector().get_worker_connector()) as app:
        async with app.open_async():
            again = asyncio.create_task(_again(app))
            try:
                await app.run_worker_async(
                    concurrency=JOBS_AT_ONCE,
                    install_signal_handlers=False,
                    delete_jobs="successful",
                    update_heartbeat_interval=5,
                )
            finally:
                again.cancel()


async def _again(app: Any) -> None:
    """Run again what a killed worker left. One job that cannot be put back does not keep the others."""
    while True:
        heart.heart.alive("the queued jobs", heart.LEAST_S)
        try:
            stalled = list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_S))
        except Exception as error:  # noqa: BLE001 - noted in the log, without its text
            log.error("jobs of killed workers could not be looked for; it is tried again\n%s", stack_of(error))
            stalled = []
        for job in stalled:
            try:
                await app.job_manager.retry_job(job)
            except Exception as error:  # noqa: BLE001 - noted in the log, without its text
                log.error("job %s could not be put back; it is tried again\n%s", job.id, stack_of(error))
        await asyncio.sleep(5)


def _work_jobs(ending: threading.Event) -> None:
    while not ending.is_set():
        try:
            asyncio.run(_jobs())
        except Exception as error:  # noqa: BLE001 - noted in the log, without its text
            log.error("the job worker ended; it is started again\n%s", stack_of(error))
        ending.wait(2)


def schedule() -> list[tuple[float, float, Callable[[], object]]]:
    """What runs by itself: first after so many seconds, then every so many seconds, the verb."""
    from glasshouse.accounts import resets
    from glasshouse.authorities import api as demands
    from glasshouse.disclosures import mergers
    from glasshouse.events import api as events
    from glasshouse.mail import api as mail
    from glasshouse.notices import api as notices
    from glasshouse.promises import api as promises
    from glasshouse.requests import drp, referrals
    from glasshouse.requests import reminders as deadlines
    from glasshouse.retention import api as retention
    from glasshouse.sources import api as sources
    from glasshouse.subject import erasure as rights
    from glasshouse.subject import exports as copies
    from glasshouse.web import once

    return [
        (0.0, 1.0, mail.deliver_due),
        (0.0, 2.0, events.chain_waiting),
        (5.0, 60.0, resets.finish_resets),
        (90.0, 86_400.0, retention.sweep),
        (20.0, 15.0, rights.finish_erasures),
        (22.0, 60.0, rights.erase_late),
        (33.0, 60.0, copies.fill_due),
        (3.0, 10.0, notices.announce_due),
        (30.0, 60.0, mergers.tell_due),
        (35.0, 300.0, deadlines.escalate_due),
        (37.0, 3600.0, deadlines.give_up_due),
        (40.0, 300.0, referrals.warn_due),
        (45.0, 30.0, drp.tell_agents),
        (25.0, 60.0, sources.tell_due),
        (50.0, 300.0, demands.tell_due),
        (55.0, 300.0, demands.finish_due),
        (1.0, 2.0, restarts.record_restarts),
        (15.0, 60.0, once.delete_expired),
        (10.0, 86_400.0, rights.replay),  # at each start: a backup may have been restored before it
        (FIRST_CHECK_S, CHECKS_EVERY_S, promises.check_all),  # once the other parts have opened their doors
    ]


def main() -> None:
    """Work until told to stop."""
    django.setup()
    from django.conf import settings

    ending = threading.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: ending.set())
    beats = [] if settings.TESTING else schedule()
    threads = [threading.Thread(target=_beat, args=(ending, *beat), daemon=True) for beat in beats]
    threads.append(threading.Thread(target=_work_jobs, args=(ending,), daemon=True))
    for thread in threads:
        thread.start()
    heart.begin()
    while not ending.is_set():
        time.sleep(0.2)


if __name__ == "__main__":
    main()
