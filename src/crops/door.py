"""What runs before every route: the sender is checked before a byte of the body is read, and each body has bounds.

Bodies are bounded in bytes (declared and counted), in seconds, and in how many of one sender may be unfinished at once. A sender
that never finishes its bodies therefore only delays itself.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog

from crop_contract.stacks import stack_of

log = structlog.stdlib.get_logger("crops")
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# On every answer, for the browser of whoever opens one: readings are nobody's page, and are kept nowhere. OWASP ASVS 5.0, 3.4.
STRICT = (
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),  # RFC 6797
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
MOST_QUERY, MOST_HEADERS = 4 << 10, 96 << 10  # bytes; a capability names every site of a customer, in 24 bytes each
MOST_UNFINISHED, MOST_UNFINISHED_OF_ALL = 256, 1_024  # bodies
MOST_BYTES_OF_A_SENDER, MOST_BYTES_OF_ALL = 160 << 20, 512 << 20  # bytes of unfinished bodies


class PlainResponse(NamedTuple):
    """An answer as ASGI sends it."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Refusal(Exception):
    """A request that is refused. code, message and the further fields are the JSON of the answer, in InfluxDB's form."""

    def __init__(self, status: int, code: str, message: str, **further: Any) -> None:
        super().__init__(message)
        self.status, self.body = status, {"code": code, "message": message} | further

    def response(self) -> PlainResponse:
        """The answer. Its body is ASCII, so that a text of the sender that it quotes can always be encoded."""
        content = json.dumps(self.body).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        if self.status in (429, 503):
            headers.append((b"retry-after", b"1"))
        return PlainResponse(self.status, headers, content)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request whose body may be read. sender: whose unfinished bodies count together; most_bytes: of its body."""

    sender: str
    most_bytes: int


class Door:
    """The application behind the checks.

    admit: decides from the head of a request alone, or raises Refusal. body_timeout_s: seconds that a body may take to arrive.
    host: the only name under which requests are answered; "": any. A browser that comes by the web door's name would bring
    the cookies of the web door with it.
    """

    def __init__(
        self, inner: Application, admit: Callable[[Scope], Admitted], body_timeout_s: float, host: str = ""
    ) -> None:
        self._inner, self._admit, self._body_timeout_s, self._host = inner, admit, body_timeout_s, host
        self._unfinished: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._all_unfinished = self._all_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Every answer tells browsers to come by HTTPS only, and to make nothing else of it."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return

        async def send_strictly(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *STRICT]
            await send(message)

        await self._answer(scope, receive, send_strictly)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            _check_head(scope)
            if self._host and _host_of(scope) != self._host:
                raise Refusal(421, "misdirected", f"This service answers under the name {self._host}.")
            admitted = self._admitted(scope)
            body = await self._body(scope, receive, admitted)
        except Refusal as refusal:
            status, headers, content = refusal.response()
            if scope.get("http_version", "1.1").startswith("1"):
                headers.append((b"connection", b"close"))  # The rest of the body is not read.
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": content})
            return
        if body is None:
            return  # The sender closed the connection.
        replayed = False

        async def receive_again() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._inner(scope, receive_again, send)

    def _admitted(self, scope: Scope) -> Admitted:
        """What the head allows. Raises Refusal, also when the check itself fails: then the request is not served."""
        try:
            return self._admit(scope)
        except Refusal:
            raise
        except Exception as error:  # noqa: BLE001 - no error may let a request in
            log.error("head of a request not checked", stack=stack_of(error))
            raise Refusal(500, "internal error", "The request could not be checked.") from None

    async def _body(self, scope: Scope, receive: Receive, admitted: Admitted) -> bytes | None:
        """The whole body, within its bounds; None when its sender closed the connection. Raises Refusal."""
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
            async with asyncio.timeout(self._body_timeout_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    if piece := message.get("body", b""):
                        self._reserve(sender, len(piece))
                        received += piece
                    if len(received) > admitted.most_bytes:
                        raise _too_large(admitted.most_bytes)
                    if not message.get("more_body"):
                        return bytes(received)
        except TimeoutError:
            raise Refusal(
                408, "timeout", f"The body did not arrive within {self._body_timeout_s:g} seconds; nothing was stored."
            ) from None
        finally:
            self._release(sender, len(received))

    def _reserve(self, sender: str, size: int) -> None:
        if self._bytes[sender] + size > MOST_BYTES_OF_A_SENDER or self._all_bytes + size > MOST_BYTES_OF_ALL:
            raise Refusal(503, "unavailable", "Too many bodies arrive at once. Send it again in a second.")
        self._bytes[sender] += size
        self._all_bytes += size

    def _release(self, sender: str, size: int) -> None:
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


def _host_of(scope: Scope) -> str:
    """The name in the header Host, without its port; "" where there is none, or several."""
    written = [value for name, value in scope["headers"] if name == b"host"]
    return written[0].decode("latin-1").partition(":")[0].lower() if len(written) == 1 else ""


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


def _too_large(most_bytes: int) -> Refusal:
    size = f"{most_bytes >> 20} MB" if most_bytes >= 1 << 20 else f"{most_bytes >> 10} KB"
    message = (
        f"A body has at most {size} here. Send it in parts." if most_bytes else "A request of this kind has no body."
    )
    return Refusal(413, "request too large", message)
