"""The worker part: delivers mail, chains events, runs the promise checks, each on its own beat."""

import logging
import signal
import threading
import time
from collections.abc import Callable

import django

log = logging.getLogger("glasshouse.worker")
CHECKS_EVERY_S = 3600.0


def _beat(ending: threading.Event, every_s: float, act: Callable[[], object]) -> None:
    from django.db import close_old_connections

    while not ending.is_set():
        try:
            act()
        except Exception:
            log.exception("%s failed; it is tried again", act.__name__)
        close_old_connections()
        ending.wait(every_s)


def main() -> None:
    """Work until told to stop."""
    django.setup()
    from glasshouse.events import api as events
    from glasshouse.mail import api as mail
    from glasshouse.promises import api as promises

    ending = threading.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: ending.set())
    beats: list[tuple[float, Callable[[], object]]] = [
        (1.0, mail.deliver_due),
        (2.0, events.chain_new),
        (CHECKS_EVERY_S, promises.check_all),
    ]
    threads = [threading.Thread(target=_beat, args=(ending, *beat), daemon=True) for beat in beats]
    for thread in threads:
        thread.start()
    while not ending.is_set():
        time.sleep(0.2)


if __name__ == "__main__":
    main()
