"""A number for each request: in its answer, for the user to quote, and in every line of the log that it causes."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from structlog.contextvars import bound_contextvars

Scope = Any  # `MutableMapping` of ASGI; each door narrows it
Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
HEADER = b"x-request-id"


def numbered(application: Application) -> Application:
    """The ASGI application, with a number of our own making for each HTTP request: one that a client sends counts for nothing."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        number = secrets.token_hex(8)

        async def send_numbered(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (HEADER, number.encode())]}
            await send(message)

        with bound_contextvars(request=number):
            await application(scope, receive, send_numbered)

    return answer
