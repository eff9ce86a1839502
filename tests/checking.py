"""Promise checks in tests: the shared service has no schedule, so that mail and events are seen to while a check runs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import connections

from glasshouse.events import api as events
from glasshouse.mail import api as mail
from glasshouse.retention import api as retention

if TYPE_CHECKING:
    from glasshouse.promises.findings import Finding


@contextmanager
def worker_running() -> Iterator[None]:
    """Mail leaves and events are chained, as the worker does it all the time."""
    ending = threading.Event()

    def work() -> None:
        while not ending.wait(0.1):
            mail.deliver_due()
            events.chain_waiting()
            retention.run_for_probes()
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def checked(promise: str) -> "Finding":
    """What the check of a promise finds, with the worker at work."""
    from glasshouse.promises.runner import run

    with worker_running():
        return run(promise)
