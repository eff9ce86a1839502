"""Django in a fixed number of threads, each with its own lasting database connections, and the way of an answer to its reader.

Rules of this module:

1. A thread works on a request from its view to the last byte of its answer, and never waits for the reader. Generators of
   answers hold cursors and settings of their thread's connection, so they are not moved between threads.
2. What a reader has not taken yet waits in a spool: in memory while small, sealed on the disk when larger.
3. A reader who takes nothing for a while is cut off. Who goes away ends the work: a waiting request is dropped, a stream stops.
4. An answer that breaks off is never ended as if it were whole.
5. One peer has a bounded number of requests under way, so that its burst does not fill the line of everybody else.
"""

import asyncio
import io
import sys
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from django.core import signals
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from glasshouse.vault.spool import BLOCK, Spool

Scope = dict[str, Any]
Send = Any
Headers = list[tuple[bytes, bytes]]
PIECE = 1 << 16
ANNOUNCE_S = 0.25


@dataclass(frozen=True, slots=True)
class Bounds:
    """threads: requests worked on at once. waiting: for a thread. per_peer: both of one peer. stuck_s: without any progress.

    stall_s: for a reader to take a piece. whole_s: for the whole answer. The last two: bytes that readers have not taken.
    """

    threads: int = 8
    waiting: int = 256
    per_peer: int = 64
    stuck_s: float = 60.0
    stall_s: float = 30.0
    whole_s: float = 3600.0
    spool_bytes: int = 2 << 30
    spool_bytes_in_all: int = 6 << 30


class ThreadQueueFullError(Exception):
    """Too many requests wait for a thread already. of_peer: they are this peer's own."""

    def __init__(self, *, of_peer: bool = False) -> None:
        super().__init__(of_peer)
        self.of_peer = of_peer


class BrokenOffError(ConnectionError):
    """The answer cannot be finished, so the connection is cut: a shortened file must not look whole."""


class GoneError(BrokenOffError):
    """The reader went away, so that there is no connection to cut."""


class Answer:
    """An answer on its way from a thread (start, put, end) to the event loop (take, wait)."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.changed = asyncio.Event()
        self.status = 0
        self.headers: Headers = []
        self.spool = Spool(in_memory=4 * BLOCK)
        self.ended = False
        self.broken = False
        self.gone = threading.Event()
        self.counted = 0  # bytes of a stream that the spools' limit knows of
        self._announced = (0, 0.0)

    def start(self, status: int, headers: Headers) -> None:
        """Status and headers; nothing is sent before `put` or `end`."""
        self.headers, self.status = headers, status

    def put(self, piece: bytes) -> None:
        """More of the body. The reader is told of much at once, for each telling costs a turn of the loop."""
        self.spool.append(piece)
        size, at = self._announced
        now = time.monotonic()
        if self.spool.size - size >= BLOCK or now - at > ANNOUNCE_S:
            self._announced = (self.spool.size, now)
            self._tell()

    def end(self, *, broken: bool = False) -> None:
        """The body is whole, or broken off."""
        self.broken, self.ended = broken, True
        self._tell()

    def _tell(self) -> None:
        try:
            self.loop.call_soon_threadsafe(self.changed.set)
        except RuntimeError:  # The loop is closed: the process stops, and there is no reader any more.
            self.gone.set()


class DjangoThreads:
    """Runs requests through Django's own handler. Used from one event loop only."""

    def __init__(self, bounds: Bounds | None = None, handler: WSGIHandler | None = None) -> None:
        self.bounds = bounds or Bounds()
        self.pool = ThreadPoolExecutor(self.bounds.threads, thread_name_prefix="page")
        self.handler = handler or WSGIHandler()
        self.under_way = 0
        self.of_peers: Counter[str] = Counter()
        self.moved_at = time.monotonic()  # when an answer was begun, made on or ended last, by any thread
        self._spooled = 0
        self._lock = threading.Lock()

    @property
    def is_stuck(self) -> bool:
        """Whether every thread has work and none of them got on with it for a while."""
        return self.under_way >= self.bounds.threads and time.monotonic() - self.moved_at > self.bounds.stuck_s

    async def answer(self, scope: Scope, body: Spool, receive: Any, send: Send, peer: str = "") -> None:
        """Answer a request whose body is whole. peer: whom it comes from.

        Raises ThreadQueueFullError before anything was sent, BrokenOffError.
        """
        if self.under_way >= self.bounds.threads + self.bounds.waiting:
            raise ThreadQueueFullError
        if self.of_peers[peer] >= self.bounds.per_peer:
            raise ThreadQueueFullError(of_peer=True)
        if not self.under_way:
            self.moved_at = time.monotonic()
        self.under_way += 1
        self.of_peers[peer] += 1
        answer = Answer()
        environ = environ_of(scope, body)
        work = self.pool.submit(copy_context().run, self._work, environ, answer)
        watch = asyncio.create_task(_watch(receive, answer, work))
        try:
            await self._deliver(answer, send)
        finally:
            watch.cancel()
            answer.gone.set()
            self.under_way -= 1
            self.of_peers[peer] -= 1
            if not self.of_peers[peer]:
                del self.of_peers[peer]
            work.cancel()
            work.add_done_callback(lambda _: self._forget(answer, body))

    def _work(self, environ: dict[str, Any], answer: Answer) -> None:
        """In a thread: the view, then the body, as fast as it can be made."""
        whole, self.moved_at = False, time.monotonic()
        try:
            if answer.gone.is_set():
                return
            set_script_prefix("/")
            signals.request_started.send(sender=WSGIHandler, environ=environ)
            response = self.handler.get_response(WSGIRequest(environ))
            response._handler_class = WSGIHandler  # type: ignore[attr-defined]
            try:
                answer.start(response.status_code, headers_of(response))
                if environ["REQUEST_METHOD"] != "HEAD":
                    self._put_all(response, answer)
                whole = True
            finally:
                response.close()
        except Exception as error:  # noqa: BLE001 - noted; a view's errors are pages already, this is the body's
            from glasshouse.web.failures import note

            if not isinstance(error, BrokenOffError):
                note(error, "the body of an answer")
        finally:
            self.moved_at = time.monotonic()
            answer.end(broken=not whole)

    def _put_all(self, response: HttpResponseBase, answer: Answer) -> None:
        if not response.streaming:
            answer.put(response.content)  # type: ignore[attr-defined]
            return
        for piece in response:
            if answer.gone.is_set():
                raise BrokenOffError("The reader went away.")
            answer.put(piece)
            self.moved_at = time.monotonic()
            self._count(answer, len(piece))

    def _count(self, answer: Answer, size: int) -> None:
        with self._lock:
            answer.counted += size
            self._spooled += size
        if answer.spool.size > self.bounds.spool_bytes or self._spooled > self.bounds.spool_bytes_in_all:
            raise OverflowError("An answer is larger than the space that is kept for what readers have not taken.")

    def _forget(self, answer: Answer, body: Spool) -> None:
        with self._lock:
            self._spooled -= answer.counted
        answer.spool.close()
        body.close()

    async def _deliver(self, answer: Answer, send: Send) -> None:
        await answer.changed.wait()
        if not answer.status:
            raise _end_of(answer)
        start = {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
        if answer.ended and not answer.broken and answer.spool.size <= PIECE:
            await self._send(send, start)
            await self._send(send, {"type": "http.response.body", "body": answer.spool.read(PIECE)})
            return
        ends = answer.loop.time() + self.bounds.whole_s
        await self._send(send, start)
        while not answer.gone.is_set() and answer.loop.time() < ends:
            answer.changed.clear()
            ended = answer.ended
            piece = await self._take(answer)
            if piece:
                await self._send(send, {"type": "http.response.body", "body": piece, "more_body": True})
            elif ended:
                if answer.broken:
                    break
                await self._send(send, {"type": "http.response.body", "body": b""})
                return
            else:
                await answer.changed.wait()
        raise _end_of(answer)

    async def _take(self, answer: Answer) -> bytes:
        if answer.spool.on_disk:
            return bytes(await asyncio.to_thread(answer.spool.read, PIECE) or b"")
        return bytes(answer.spool.read(PIECE) or b"")

    async def _send(self, send: Send, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(self.bounds.stall_s):
                await send(message)
        except TimeoutError:
            raise BrokenOffError from None


def _end_of(answer: Answer) -> BrokenOffError:
    """Why an answer did not come to its end."""
    return GoneError("The reader went away.") if answer.gone.is_set() else BrokenOffError("The answer broke off.")


async def _watch(receive: Any, answer: Answer, work: "Future[None]") -> None:
    """Until the client goes away; then what nobody will read is no longer made."""
    while (await receive())["type"] != "http.disconnect":
        continue
    answer.gone.set()
    work.cancel()
    answer.changed.set()


def environ_of(scope: Scope, body: Spool) -> dict[str, Any]:
    """The request as Django's handler wants it. Source: PEP 3333."""
    path = unquote_to_bytes(scope.get("raw_path") or scope["path"].encode())
    server, client = scope.get("server") or ("localhost", 0), scope.get("client") or ("", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": path.decode("latin-1"),
        "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
        "SERVER_NAME": str(server[0]),
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "REMOTE_ADDR": str(client[0]),
        "CONTENT_LENGTH": str(body.size) if body.size else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "https"),
        "wsgi.input": io.BufferedReader(body, BLOCK),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        # A name with "_" would look like another header's. Length and encoding were settled when the body was read.
        if "_" in name or name.lower() in ("content-length", "transfer-encoding"):
            continue
        key = name.upper().replace("-", "_")
        key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        joint = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{joint}{value}" if key in environ else value
    return environ


def headers_of(response: HttpResponseBase) -> Headers:
    """The response's headers and cookies as bytes."""
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    cookies = [
        (b"set-cookie", cookie.output(header="").strip().encode("latin-1")) for cookie in response.cookies.values()
    ]
    return pairs + cookies
