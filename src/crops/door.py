"""What stands before every route: who asks is checked before a byte of the body is read, and each body has bounds.

Of bytes (declared and counted), of seconds, and of how many of one sender's may be unfinished at once, so that one who never
finishes is one who waits, and everybody else is served.
"""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

log = logging.getLogger("crops")
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_QUERY, MOST_HEADERS = 4 << 10, 96 << 10  # bytes; a capability names every site of a customer, 24 bytes each
MOST_UNFINISHED, MOST_UNFINISHED_OF_ALL = 256, 1_024  # bodies
MOST_BYTES_OF_A_SENDER, MOST_BYTES_OF_ALL = 160 << 20, 512 << 20  # bytes of unfinished bodies


class Refusal(Exception):
    """An answer in InfluxDB's form of error."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.body = status, {"code": code, "message": message} | more

    def parts(self) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Status, headers and body of the answer. Plain ASCII, so that no text of a sender's can spoil it."""
        content = json.dumps(self.body).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        if self.status in (429, 503):
            headers.append((b"retry-after", b"1"))
        return self.status, headers, content


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that may be read: the sender whose unfinished bodies count together, and the most bytes of its body."""

    sender: str
    most_bytes: int


class Door:
    """The application behind the checks. admit: who asks, from the head alone; raises Refusal."""

    def __init__(self, inner: Application, admit: Callable[[Scope], Admitted], most_s: float) -> None:
        self._inner, self._admit, self._most_s = inner, admit, most_s
        self._unfinished: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._all_unfinished = self._all_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        try:
            _check_head(scope)
            admitted = self._admitted(scope)
            body = await self._read(scope, receive, admitted)
        except Refusal as refusal:
            status, headers, content = refusal.parts()
            if scope.get("http_version", "1.1").startswith("1"):
                headers.append((b"connection", b"close"))  # What is left of the body is not read.
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": content})
            return
        if body is None:
            return  # The sender went away.
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._inner(scope, again, send)

    def _admitted(self, scope: Scope) -> Admitted:
        """What the head allows. Raises Refusal, also for an error of ours: then nobody is let in."""
        try:
            return self._admit(scope)
        except Refusal:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody is let in by it
            log.error("a head could not be judged: %s", type(error).__name__)
            raise Refusal(500, "internal error", "The request could not be judged.") from None

    async def _read(self, scope: Scope, receive: Receive, admitted: Admitted) -> bytes | None:
        """The whole body within its bounds; None when its sender went away. Raises Refusal."""
        declared = _declared(scope)
        if declared is not None and declared > admitted.most_bytes:
            raise _too_large(admitted.most_bytes)
        if declared == 0 or (declared is None and scope["method"] in ("GET", "HEAD", "DELETE")):
            return b""
        if not admitted.most_bytes:
            raise _too_large(0)
        sender = admitted.sender
        if self._unfinished[sender] >= MOST_UNFINISHED or self._all_unfinished >= MOST_UNFINISHED_OF_ALL:
            raise Refusal(429, "too many requests", "Too many unfinished bodies. Finish some, then send this again.")
        self._unfinished[sender] += 1
        self._all_unfinished += 1
        received = bytearray()
        try:
            async with asyncio.timeout(self._most_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    if piece := message.get("body", b""):
                        self._take(sender, len(piece))
                        received += piece
                    if len(received) > admitted.most_bytes:
                        raise _too_large(admitted.most_bytes)
                    if not message.get("more_body"):
                        return bytes(received)
        except TimeoutError:
            raise Refusal(
                408, "timeout", f"The body did not arrive within {self._most_s:g} seconds; nothing was stored."
            ) from None
        finally:
            self._let_go(sender, len(received))

    def _take(self, sender: str, size: int) -> None:
        if self._bytes[sender] + size > MOST_BYTES_OF_A_SENDER or self._all_bytes + size > MOST_BYTES_OF_ALL:
            raise Refusal(503, "unavailable", "Too many bodies arrive at once. Send it again in a second.")
        self._bytes[sender] += size
        self._all_bytes += size

    def _let_go(self, sender: str, size: int) -> None:
        self._all_unfinished -= 1
        self._all_bytes -= size
        for counter, count in ((self._unfinished, 1), (self._bytes, size)):
            counter[sender] -= count
            if counter[sender] <= 0:
                del counter[sender]


def header(scope: Scope, name: bytes) -> str:
    """A header of the request, "" without it. Raises Refusal when it comes twice."""
    values = [value for key, value in scope["headers"] if key == name]
    if len(values) > 1:
        raise Refusal(400, "invalid", f"The header {name.decode()} comes more than once.")
    return values[0].decode("latin-1") if values else ""


def _check_head(scope: Scope) -> None:
    if len(scope.get("query_string", b"")) > MOST_QUERY:
        raise Refusal(414, "invalid", f"The query has more than {MOST_QUERY >> 10} KB.")
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_HEADERS:
        raise Refusal(431, "invalid", f"The headers have more than {MOST_HEADERS >> 10} KB in all.")


def _declared(scope: Scope) -> int | None:
    text = header(scope, b"content-length")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise Refusal(400, "invalid", "Content-Length is no number.")
    return int(text)


def _too_large(most: int) -> Refusal:
    size = f"{most >> 20} MB" if most >= 1 << 20 else f"{most >> 10} KB"
    what = f"A body has at most {size} here. Send it in parts." if most else "A request of this kind has no body."
    return Refusal(413, "request too large", what)
