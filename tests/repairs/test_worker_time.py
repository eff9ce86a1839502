"""A job that is slow but gets on keeps the worker alive; one that hangs does not. No mail server holds the worker up.

The clock of the heartbeat and of the mail queue is moved by the tests.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from glasshouse.kernel.schedule import Job
from glasshouse.operations.installation import Installation
from tests.repairs.test_outgoing_mail import emptied, queued, tomorrow

__all__ = ["emptied"]


class Monotonic:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Watch:
    """Runs a job once as the worker does, on a moved clock; notes at each `passed` whether the worker counts as hung."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from glasshouse.operations import heartbeat as heart

        self.monotonic = Monotonic()
        self.heart = heart.Heart(self.monotonic)
        self.hung: list[str] = []
        monkeypatch.setattr(heart, "heart", self.heart)

    def passed(self, seconds: float) -> None:
        """So many seconds pass."""
        self.monotonic.now_s += seconds
        self.hung += self.heart.hung()

    def run(self, act: Callable[[], object], every_s: float = 1.0) -> None:
        """One turn of a job."""
        from glasshouse.operations import worker

        ending = threading.Event()

        def once() -> None:
            ending.set()
            act()

        once.__name__, once.__module__ = getattr(act, "__name__", "job"), act.__module__
        worker._run(ending, Job(once, every_s=every_s))


@pytest.fixture
def watch(home: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    yield Watch(monkeypatch)
    from glasshouse.queues.models import Failure

    Failure.objects.all().delete()


@contextlib.contextmanager
def stalling_server(accepted: Callable[[], None]) -> Iterator[int]:
    """The port of a mail server that takes connections and says nothing; accepted: called for each."""
    server, links = socket.create_server(("127.0.0.1", 0)), []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                links.append(server.accept()[0])
                accepted()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.close()
        for link in links:
            link.close()


def test_a_mail_server_that_stalls_does_not_make_the_worker_look_hung(
    watch: Watch, emptied: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.conf import settings

    from glasshouse.mail import api as mail
    from glasshouse.mail import smtp
    from glasshouse.mail.models import Message

    answer_s = float(smtp.ANSWER_S)
    monkeypatch.setattr(smtp, "ANSWER_S", 0.02)  # What passes on the moved clock is the real time-out.
    monkeypatch.setattr(mail, "monotonic", watch.monotonic, raising=False)
    with stalling_server(lambda: watch.passed(answer_s)) as port, tomorrow():
        while mail.deliver_due():  # What other tests left waiting would come first.
            pass
        monkeypatch.setattr(settings, "SMTP_HOST", "127.0.0.1")
        monkeypatch.setattr(settings, "SMTP_PORT", port)
        ids = [queued().id for _ in range(60)]
        begun_s = watch.monotonic()
        watch.run(mail.deliver_due)
        assert watch.hung == []
        assert watch.monotonic() - begun_s <= mail.MOST_S + smtp.DEADLINE_S
        tried = Message.objects.filter(id__in=ids, tries__gt=0).count()
        assert 0 < tried < 60
        watch.run(mail.deliver_due)  # The next turn goes on where this one stopped.
        assert Message.objects.filter(id__in=ids, tries__gt=0).count() > tried
        assert watch.hung == []


def _each(act: Callable[[], None]) -> None:
    from glasshouse.queues import api as queues

    queues.each("test.slow", [f"item-{number}" for number in range(5)], lambda item: act())


def _each_that_fails(act: Callable[[], None]) -> None:
    from glasshouse.queues import api as queues

    def fail(item: str) -> None:
        act()
        raise OSError

    queues.each("test.slow", [f"item-{number}" for number in range(5)], fail)


def _each_within(act: Callable[[], None]) -> None:
    from django.db import transaction

    from glasshouse.queues import api as queues
    from glasshouse.queues.models import Failure

    with transaction.atomic():
        rows = [Failure(id=f"{number:016}") for number in range(5)]
        queues.each_within("test.slow", rows, lambda row: act())


def _guarded(act: Callable[[], None]) -> None:
    from glasshouse.queues import api as queues

    for number in range(5):
        queues.guarded("test.slow", f"item-{number}", act)


@pytest.mark.parametrize("loop", [_each, _each_that_fails, _each_within, _guarded])
def test_a_job_that_gets_on_from_item_to_item_is_not_hung(watch: Watch, loop: Callable[..., None]) -> None:
    def job() -> None:
        loop(lambda: watch.passed(600))

    watch.run(job)
    assert watch.monotonic() == 4000, "each item was acted on"
    assert watch.hung == []


@pytest.mark.parametrize("loop", [_each, _each_that_fails, _each_within, _guarded])
def test_one_item_that_takes_too_long_is_hung(watch: Watch, loop: Callable[..., None]) -> None:
    def job() -> None:
        loop(lambda: watch.passed(901))

    watch.run(job)
    assert watch.hung


def test_a_job_that_ends_hides_no_other_of_the_same_name(watch: Watch) -> None:
    def quick() -> None:
        """Ends at once."""

    def slow() -> None:
        watch.run(quick)
        watch.passed(901)

    slow.__name__ = quick.__name__ = "tell_due"
    slow.__module__, quick.__module__ = "glasshouse.sources.api", "glasshouse.authorities.api"
    watch.run(slow)
    assert watch.hung == ["sources.api.tell_due"]


def test_a_large_export_gets_on_from_piece_to_piece(
    watch: Watch, customer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    from glasshouse.kernel import clock
    from glasshouse.subject import exports
    from glasshouse.subject.models import Export

    own, real_fill, real_tell = customer(), exports.fill, exports._note_progress
    monkeypatch.setattr(exports, "fill", lambda copy: None)
    number = exports.make_export(own.alone)
    monkeypatch.setattr(exports, "fill", real_fill)
    monkeypatch.setattr(exports, "TELL_EVERY", 2)

    def tell(copy: Export, done: int) -> None:
        watch.passed(600)
        real_tell(copy, done)

    monkeypatch.setattr(exports, "_note_progress", tell)
    with clock.frozen(clock.now() + timedelta(minutes=5)):
        watch.run(exports.fill_due)
    assert Export.objects.get(id=number).blob
    assert watch.monotonic() > 2500
    assert watch.hung == []


def test_an_agent_that_drips_its_answer_is_cut_off_at_a_deadline(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    import httpx

    from glasshouse.kernel import networks
    from glasshouse.requests import drp_callbacks

    server, over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def drip() -> None:
        link, _ = server.accept()
        with contextlib.suppress(OSError):
            link.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not over.wait(0.05):
                link.sendall(b"x")
        link.close()

    threading.Thread(target=drip, daemon=True).start()
    monkeypatch.setattr(drp_callbacks, "CALL_S", 0.5)
    # The server of this test is on loopback, where no callback goes.
    monkeypatch.setattr(networks, "is_outside", lambda address: True)
    monkeypatch.setattr(drp_callbacks, "_is_own", lambda address: False)
    begun_s = time.monotonic()
    with pytest.raises((TimeoutError, httpx.HTTPError)):
        drp_callbacks.call(f"http://127.0.0.1:{server.getsockname()[1]}/", {"status": "fulfilled"})
    over.set()
    server.close()
    assert time.monotonic() - begun_s < 5
