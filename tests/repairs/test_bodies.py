"""The door's own parts without a service: paces, places, spools, streams."""

import asyncio
import io
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse, StreamingHttpResponse

from glasshouse.kernel.networks import network_key
from glasshouse.vault.spool import BLOCK, Spool, folder
from glasshouse.web.bodies import Allowance, Bodies, DisconnectedError, Pace, RefusedError, Rules
from glasshouse.web.threads import Bounds, BrokenOffError, DjangoThreads, ThreadQueueFullError

pytestmark = pytest.mark.usefixtures("home")


class Client:
    """Sends the given pieces, then nothing more until told."""

    def __init__(self, *pieces: bytes, whole: bool = True, every_s: float = 0.0) -> None:
        self.pieces, self.whole, self.every_s = list(pieces), whole, every_s
        self.gone = asyncio.Event()

    async def __call__(self) -> dict[str, Any]:
        await asyncio.sleep(self.every_s)
        if self.pieces:
            piece = self.pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self.pieces) or not self.whole}
        await self.gone.wait()
        return {"type": "http.disconnect"}


async def nobody() -> None:
    return None


def rules() -> Any:
    return Rules(form=Pace(0.3, 0.1, 100), upload=Pace(0.3, 0.1, 100), per_peer=2, in_all=3, large_per_sender=1)


def refusal(client: Client, declared: int | None, limit: int = 1000, vouch: Any = nobody) -> tuple[int, int]:
    async def read() -> tuple[int, int]:
        with pytest.raises(RefusedError) as refused:
            await Bodies(rules()).read(client, "peer", declared, limit, vouch)
        return refused.value.status, refused.value.limit

    return asyncio.run(read())


def test_a_body_that_stops_or_trickles_is_not_waited_for() -> None:
    async def both() -> None:
        pass

    assert refusal(Client(b"a", whole=False), 900)[0] == 408
    assert refusal(Client(*[b"a"] * 50, every_s=0.02), 50)[0] == 408
    assert refusal(Client(*[b"a" * 100] * 50, every_s=0.02), None, limit=10_000)[0] == 408  # the deadline for the whole


def test_a_body_of_another_length_than_declared_is_refused() -> None:
    assert refusal(Client(b"a" * 10), 20) == (400, 0)
    assert refusal(Client(b"a" * 10), 5) == (400, 0)
    assert refusal(Client(b"a" * 2000), 5) == (413, 1000)


def test_the_sender_is_asked_for_before_a_large_body_is_read() -> None:
    client = Client(*[b"a" * 600] * 10)
    assert refusal(client, 6000) == (413, 1000)
    assert len(client.pieces) == 10
    chunked = Client(*[b"a" * 600] * 10)
    assert refusal(chunked, None) == (413, 1000)
    assert len(chunked.pieces) == 8


def test_a_vouched_sender_has_a_limit_too() -> None:
    async def vouched() -> Allowance:
        return Allowance(3000, "account")

    assert refusal(Client(b"a" * 600), 3001, vouch=vouched) == (413, 3000)
    assert refusal(Client(*[b"a" * 600] * 10), None, vouch=vouched) == (413, 3000)

    async def read() -> bytes:
        body = await Bodies(rules()).read(Client(*[b"ab" * 300] * 5), "peer", None, 1000, vouched)
        return body.read(-1) or b""

    assert asyncio.run(read()) == b"ab" * 1500


def test_places_are_bounded_and_given_back() -> None:
    async def run() -> list[int]:
        bodies, clients = Bodies(rules()), [Client(b"a", whole=False) for _ in range(3)]
        peers = ["one", "one", "two"]
        tasks = [
            asyncio.create_task(bodies.read(client, peer, 100, 1000, nobody))
            for client, peer in zip(clients, peers, strict=True)
        ]
        await asyncio.sleep(0.02)
        refused = []
        for peer in ("one", "three"):
            with pytest.raises(RefusedError) as error:
                await bodies.read(Client(b"a"), peer, 1, 1000, nobody)
            refused.append(error.value.status)
        for client in clients:
            client.gone.set()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(end, DisconnectedError) for end in ends), ends
        assert not bodies.unfinished
        body = await bodies.read(Client(b"a"), "one", 1, 1000, nobody)
        assert body.read(1) == b"a"
        return refused

    assert asyncio.run(run()) == [429, 503]
    assert network_key("2001:db8::1") == network_key("2001:db8::2:3") != network_key("2001:db8:1::1")


def test_a_spool_reads_back_what_was_written_and_its_file_is_sealed() -> None:
    import os

    spool, text = Spool(), bytes(range(256)) * 5000
    for start in range(0, len(text), 70_001):
        spool.append(text[start : start + 70_001])
    assert spool.size == len(text)
    assert spool._file is not None
    assert list(folder().iterdir()) == []  # no name, so nothing is left by a killed process
    size = os.fstat(spool._file.fileno()).st_size
    sealed = os.pread(spool._file.fileno(), size, 0)
    assert size >= BLOCK
    assert bytes(range(256)) not in sealed
    assert io.BufferedReader(spool).read() == text  # type: ignore[type-var]


class Handler:
    """In place of Django's: answers with what a test gives."""

    def __init__(self, make: Any) -> None:
        self.make = make

    def get_response(self, request: Any) -> Any:
        return self.make(request)


def scope(method: str = "GET") -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": "/x",
        "raw_path": b"/x",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "scheme": "https",
        "http_version": "1.1",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 1),
    }


def stream(pieces: int, note: list[str], fail_at: int = -1) -> Any:
    def body() -> Iterator[bytes]:
        try:
            for number in range(pieces):
                if number == fail_at:
                    raise RuntimeError("anna@" + "secret.example")
                yield b"x" * 65_536
            note.append("whole")
        finally:
            note.append(f"closed in {threading.current_thread().name[:4]}")

    return body()


def test_slow_readers_hold_no_thread_and_are_cut_off() -> None:
    notes: list[str] = []

    def make(request: Any) -> Any:
        return HttpResponse(b"quick") if request.method == "POST" else StreamingHttpResponse(stream(100, notes))

    async def run() -> None:
        door = DjangoThreads(Bounds(threads=2, stall_s=5), Handler(make))  # type: ignore[arg-type]

        async def stalled(message: dict[str, Any]) -> None:
            await asyncio.sleep(3600)

        slow = [asyncio.create_task(door.answer(scope(), Spool(), Client(), stalled)) for _ in range(6)]
        while notes.count("whole") < 6:
            await asyncio.sleep(0.01)  # every stream was made to its end though no reader took anything
        sent: list[dict[str, Any]] = []

        async def keep(message: dict[str, Any]) -> None:
            sent.append(message)

        await asyncio.wait_for(door.answer(scope("POST"), Spool(), Client(), keep), 1)
        assert b"".join(message.get("body", b"") for message in sent) == b"quick"
        ends = await asyncio.gather(*slow, return_exceptions=True)
        assert all(isinstance(end, BrokenOffError) for end in ends), ends
        assert door.under_way == 0
        await asyncio.sleep(0.05)
        assert door._spooled == 0

    asyncio.run(run())


def test_a_reader_gets_all_of_a_stream_in_order_and_head_gets_none() -> None:
    text = [f"{number:08d}\n".encode() * 3000 for number in range(300)]

    async def run(method: str) -> bytes:
        door, sent = DjangoThreads(handler=Handler(lambda request: StreamingHttpResponse(iter(text)))), []  # type: ignore[arg-type]

        async def keep(message: dict[str, Any]) -> None:
            await asyncio.sleep(0)
            sent.append(message)

        await door.answer(scope(method), Spool(), Client(), keep)
        assert not sent[-1].get("more_body")
        return b"".join(message.get("body", b"") for message in sent)

    assert asyncio.run(run("GET")) == b"".join(text)
    assert asyncio.run(run("HEAD")) == b""


def test_who_goes_away_ends_the_work() -> None:
    notes: list[str] = []

    async def run() -> None:
        door = DjangoThreads(handler=Handler(lambda request: StreamingHttpResponse(stream(10**9, notes))))  # type: ignore[arg-type]
        client = Client()

        async def keep(message: dict[str, Any]) -> None:
            client.gone.set()
            await asyncio.sleep(0.01)

        with pytest.raises(BrokenOffError):
            await door.answer(scope(), Spool(), client, keep)
        door.pool.shutdown()

    asyncio.run(run())
    assert notes == ["closed in page"]


def test_an_answer_that_breaks_off_never_looks_whole(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> list[dict[str, Any]]:
        door = DjangoThreads(handler=Handler(lambda request: StreamingHttpResponse(stream(9, [], fail_at=5))))  # type: ignore[arg-type]
        sent: list[dict[str, Any]] = []

        async def keep(message: dict[str, Any]) -> None:
            sent.append(message)

        with pytest.raises(BrokenOffError):
            await door.answer(scope(), Spool(), Client(), keep)
        return sent

    sent = asyncio.run(run())
    assert all(message.get("more_body", True) for message in sent[1:])
    assert "RuntimeError" in caplog.text
    assert "anna@secret.example" not in caplog.text


def test_waiting_requests_are_bounded() -> None:
    go_on = threading.Event()

    def make(request: Any) -> Any:
        go_on.wait(10)
        return HttpResponse(b"done")

    async def run() -> None:
        door = DjangoThreads(Bounds(threads=1, waiting=2), Handler(make))  # type: ignore[arg-type]

        async def keep(message: dict[str, Any]) -> None:
            return

        tasks = [asyncio.create_task(door.answer(scope(), Spool(), Client(), keep)) for _ in range(3)]
        await asyncio.sleep(0.02)
        with pytest.raises(ThreadQueueFullError):
            await door.answer(scope(), Spool(), Client(), keep)
        go_on.set()
        await asyncio.gather(*tasks)

    asyncio.run(run())
