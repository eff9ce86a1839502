"""One sender's burst does not stop everybody else: places for passwords, places of a peer, the supervisor's question."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpResponse, StreamingHttpResponse

from glasshouse.accounts import passwords
from glasshouse.vault.spool import Spool
from glasshouse.web.asgi import Application
from glasshouse.web.threads import Bounds, BrokenOffError, DjangoThreads
from tests.repairs.test_bodies import Client, Handler, scope

pytestmark = pytest.mark.usefixtures("home")


def test_few_threads_wait_for_a_password_to_be_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.kernel.errors import OverloadedError

    going_on, entered = threading.Event(), threading.Semaphore(0)

    def slow(*_: Any, **__: Any) -> bool:
        entered.release()
        assert going_on.wait(20)
        return False

    monkeypatch.setattr(passwords, "check_password", slow)
    threads = [
        threading.Thread(target=passwords.matches, args=("x" * 12, "encoded"))
        for _ in range(passwords.AT_ONCE + passwords.IN_LINE)
    ]
    for thread in threads:
        thread.start()
    for _ in range(passwords.AT_ONCE):
        assert entered.acquire(timeout=60)
    while passwords._places.acquire(blocking=False):  # until the last of them stands in line
        passwords._places.release()
    with pytest.raises(OverloadedError):
        passwords.matches("x" * 12, "encoded")
    going_on.set()
    for thread in threads:
        thread.join(20)
    assert Bounds().threads > passwords.AT_ONCE + passwords.IN_LINE, "pages that hash nothing find a thread"
    assert passwords.matches("x" * 12, "encoded") is False


def _burst(per_peer: int, act: Callable[[Any], Any]) -> Any:
    ready, go = threading.Semaphore(0), threading.Event()

    def make(_: Any) -> Any:
        ready.release()
        go.wait(20)
        return HttpResponse(b"done")

    async def run() -> Any:
        door = DjangoThreads(Bounds(threads=1, waiting=50, per_peer=per_peer), Handler(make))  # type: ignore[arg-type]
        try:
            return await act(door)
        finally:
            go.set()

    return asyncio.run(run())


def test_a_peer_has_a_bounded_number_of_requests_under_way() -> None:
    from glasshouse.web.threads import ThreadQueueFullError

    async def keep(_: dict[str, Any]) -> None:
        return None

    async def act(door: Any) -> None:
        def begin(peer: str) -> "asyncio.Task[None]":
            return asyncio.create_task(door.answer(scope("POST"), Spool(), Client(), keep, peer))

        waiting = [begin("loud") for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(ThreadQueueFullError) as busy:
            await begin("loud")
        assert busy.value.of_peer
        other = begin("quiet")
        await asyncio.sleep(0)
        assert not other.done(), "another peer stands in line"
        assert door.of_peers == {"loud": 3, "quiet": 1}
        for task in (*waiting, other):
            task.cancel()
        await asyncio.gather(*waiting, other, return_exceptions=True)
        assert not door.of_peers

    _burst(3, act)


def test_a_long_line_is_not_stuck_but_threads_without_progress_are() -> None:
    async def keep(_: dict[str, Any]) -> None:
        return None

    async def act(door: Any) -> None:
        assert not door.is_stuck
        tasks = [asyncio.create_task(door.answer(scope("POST"), Spool(), Client(), keep, "p")) for _ in range(5)]
        await asyncio.sleep(0.05)
        assert not door.is_stuck
        door.moved_at -= door.bounds.stuck_s + 1
        assert door.is_stuck
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert not door.is_stuck

    _burst(50, act)


def test_the_supervisors_question_is_answered_while_every_thread_is_taken() -> None:
    go = threading.Event()

    def make(_: Any) -> Any:
        go.wait(20)
        return HttpResponse(b"done")

    async def run() -> list[int]:
        application = Application(bounds=Bounds(threads=1))
        application.threads = DjangoThreads(Bounds(threads=1), Handler(make))  # type: ignore[arg-type]
        statuses: list[int] = []

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        head = scope("GET") | {"headers": [(b"host", b"localhost")]}
        taken = [asyncio.create_task(application(head, Client(b""), send)) for _ in range(5)]
        await asyncio.sleep(0.05)
        await asyncio.wait_for(application(head | {"path": "/health", "raw_path": b"/health"}, Client(b""), send), 10)
        application.threads.moved_at -= 3600
        await asyncio.wait_for(application(head | {"path": "/health", "raw_path": b"/health"}, Client(b""), send), 10)
        go.set()
        for task in taken:
            task.cancel()
        await asyncio.gather(*taken, return_exceptions=True)
        return statuses[:2]

    assert asyncio.run(run()) == [200, 503]


def test_a_reader_who_goes_away_is_no_error_of_the_server() -> None:
    """What the application raises the server writes into the log, with a traceback."""

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 1000

    async def run() -> bool:
        application = Application(bounds=Bounds(threads=1))
        handler = Handler(lambda request: StreamingHttpResponse(endless()))
        application.threads = DjangoThreads(Bounds(threads=1), handler)  # type: ignore[arg-type]
        client = Client(b"")

        async def send(message: dict[str, Any]) -> None:
            client.gone.set()
            await asyncio.sleep(0.01)

        await asyncio.wait_for(application(scope("GET"), client, send), 60)
        return client.gone.is_set()

    assert asyncio.run(run())


def test_an_answer_that_breaks_off_is_cut() -> None:
    def failing() -> Iterator[bytes]:
        yield b"x"
        raise RuntimeError

    async def run() -> None:
        application = Application(bounds=Bounds(threads=1))
        handler = Handler(lambda request: StreamingHttpResponse(failing()))
        application.threads = DjangoThreads(Bounds(threads=1), handler)  # type: ignore[arg-type]

        async def send(message: dict[str, Any]) -> None:
            return None

        await asyncio.wait_for(application(scope("GET"), Client(b""), send), 60)

    with pytest.raises(BrokenOffError):
        asyncio.run(run())
