"""Request bodies: read within limits of bytes and time, before anything of the page runs. Knows no Django view and no thread.

Rules of this module:

1. The declared length is looked at before the first byte, the bytes that came are counted as well, chunked ones too.
2. Who is not signed in sends no more than a form's worth. A larger body is read only after somebody vouched for its sender.
3. A body has a deadline for the whole, and must go on: a certain number of bytes in each window of time.
4. Unfinished bodies are bounded for each peer and in all, large ones for each sender as well.
5. What is large is kept sealed (`vault.spool`).
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from glasshouse.vault.spool import BLOCK, Spool

Receive = Callable[[], Awaitable[dict[str, Any]]]
KB, MB = 1 << 10, 1 << 20


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a body must come. `whole_s` for all of it; in each `window_s` at least `window_bytes`, or its end."""

    whole_s: float
    window_s: float
    window_bytes: int = 4 * KB


@dataclass(frozen=True, slots=True)
class Rules:
    """All limits of bodies in one place; tests give smaller ones."""

    form: Pace = Pace(20, 8)
    upload: Pace = Pace(600, 10)
    per_peer: int = 32
    in_all: int = 512
    large_per_sender: int = 3
    large_in_all: int = 12
    drain_bytes: int = 4 * MB
    drain_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """Bytes that a sender who was vouched for may send here; `sender` is an opaque id of theirs."""

    limit: int
    sender: str


Vouch = Callable[[], Awaitable[Allowance | None]]


class RefusedError(Exception):
    """The body is not taken: `status`, and the `limit` in bytes where it is too large."""

    def __init__(self, status: int, limit: int = 0) -> None:
        super().__init__(status)
        self.status, self.limit = status, limit


class DisconnectedError(Exception):
    """The client went away before its request was whole."""


class Bodies:
    """Reads bodies, and knows how many are unfinished. Used from one event loop only."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.unfinished: Counter[str] = Counter()
        self.large: Counter[str] = Counter()

    @contextmanager
    def _place(self, open_counts: Counter[str], name: str, most: int, in_all: int) -> Iterator[None]:
        if open_counts[name] >= most:
            raise RefusedError(429)
        if open_counts.total() >= in_all:
            raise RefusedError(503)
        open_counts[name] += 1
        try:
            yield
        finally:
            open_counts[name] -= 1
            if not open_counts[name]:
                del open_counts[name]

    async def read(self, receive: Receive, peer: str, declared: int | None, limit: int, vouch: Vouch) -> Spool:
        """The whole body. declared: the Content-Length, None if there is none. `limit`: from anybody; `vouch` may allow more.

        Raises RefusedError (400, 408, 413, 429, 503), DisconnectedError.
        """
        rules = self.rules
        with self._place(self.unfinished, peer, rules.per_peer, rules.in_all):
            body = Spool()
            try:
                if (declared or 0) <= limit:
                    whole = await self._fill(body, receive, limit, rules.form)
                    if whole:
                        return _complete(body, declared)
                # More than anybody may send: from here on only for a sender who is known.
                allowance = await vouch()
                if allowance is None or allowance.limit <= limit:
                    raise RefusedError(413, limit)
                if (declared or 0) > allowance.limit:
                    raise RefusedError(413, allowance.limit)
                with self._place(self.large, allowance.sender, rules.large_per_sender, rules.large_in_all):
                    if not await self._fill(body, receive, allowance.limit, rules.upload):
                        raise RefusedError(413, allowance.limit)
                return _complete(body, declared)
            except BaseException:
                body.close()
                raise

    async def _fill(self, body: Spool, receive: Receive, limit: int, pace: Pace) -> bool:
        """Whether the body ended within the limit. Raises RefusedError (408), DisconnectedError."""
        clock = asyncio.get_running_loop().time
        ends = clock() + pace.whole_s
        window_ends, in_window = clock() + pace.window_s, 0
        while body.size <= limit:
            try:
                async with asyncio.timeout_at(min(ends, window_ends)):
                    message = await receive()
            except TimeoutError:
                raise RefusedError(408) from None
            if message["type"] != "http.request":
                raise DisconnectedError
            piece = message.get("body", b"")
            if body.size + len(piece) < BLOCK:
                body.append(piece)
            else:  # This may write to the disk, which must not hold up everybody else.
                await asyncio.to_thread(body.append, piece)
            if body.size <= limit and not message.get("more_body"):
                return True
            in_window += len(piece)
            if in_window >= pace.window_bytes:
                window_ends, in_window = clock() + pace.window_s, 0
            elif clock() > window_ends:
                raise RefusedError(408)
        return False

    async def drain(self, receive: Receive) -> None:
        """Throw away a little of what a refused client still sends, so that it reads the answer instead of a reset."""
        read = 0
        try:
            async with asyncio.timeout(self.rules.drain_s):
                while read < self.rules.drain_bytes:
                    message = await receive()
                    read += len(message.get("body", b""))
                    if message["type"] != "http.request" or not message.get("more_body"):
                        return
        except TimeoutError:
            return


def _complete(body: Spool, declared: int | None) -> Spool:
    if declared is not None and body.size != declared:
        raise RefusedError(400)
    return body
