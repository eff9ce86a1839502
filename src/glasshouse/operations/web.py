"""The web part: the people plane's pages, over TLS only.

Where the operator names the authority of a proxy's certificate, one process more listens on a port of its own, takes no
connection without such a certificate, and believes what that proxy says of its clients (decision record 45).

Several processes of it listen on one port: the server sets SO_REUSEPORT, and the kernel deals connections out among them
(socket(7); decision record 40). Of several, each asks itself for its health, for nobody can choose which one answers.
"""

import asyncio
import os
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from crop_contract import logs, processes
from crop_contract.connections import MOST_AT_ONCE
from crop_contract.processes import die_with_parent
from glasshouse.kernel import process_number, users

ASKED_EVERY_S, ASKED_WITHIN_S, MOST_QUIET_S = 3.0, 10.0, 20.0


def make() -> object:
    """The ASGI application, in the worker process."""
    die_with_parent()
    from django.conf import settings

    from crop_contract.connections import Watch
    from crop_contract.first_requests import FirstRequests
    from crop_contract.requests import numbered
    from glasshouse.web.asgi import application

    logs.take_uncaught()
    requests = FirstRequests() if settings.AT_PROXY_DOOR else None
    Watch(settings.LISTENS_AT, settings.CONNECTIONS, settings.PROXIES, requests).start()
    if process_number.of_this_process().of > 1:
        begin_heartbeat(application, settings.WEB_DOOR.host)
    return requests.noting(numbered(application)) if requests else numbered(application)


def begin_heartbeat(application: Any, host: str) -> None:
    """Let this process's heart beat as long as its own event loop answers the question for health with yes."""
    from glasshouse.operations import heartbeat as heart

    loop = asyncio.get_event_loop()  # The server made it, and runs it after this.

    def ask() -> None:
        while True:
            with suppress(Exception):  # Whatever it is, it is no yes.
                asked = asyncio.run_coroutine_threadsafe(health(application, host), loop)
                if asked.result(ASKED_WITHIN_S) == HTTPStatus.OK:
                    heart.heart.alive("health", MOST_QUIET_S)
            time.sleep(ASKED_EVERY_S)

    heart.heart.alive("health", MOST_QUIET_S)
    heart.begin(users.WEB)
    threading.Thread(target=ask, name="health", daemon=True).start()


async def health(application: Any, host: str) -> int:
    """The status of an application's answer at /health."""
    answers: list[dict[str, Any]] = []
    has_body = False

    async def receive() -> dict[str, Any]:
        nonlocal has_body
        if has_body:
            await asyncio.Event().wait()  # This client never goes away.
        has_body = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        answers.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": "/health",
        "raw_path": b"/health",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", host.encode())],
        "client": ("127.0.0.1", 0),
        "server": (host, 443),
    }
    await application(scope, receive, send)
    return int(answers[0]["status"])


def main() -> None:
    """Serve until told to stop."""
    from granian.constants import Interfaces, SSLProtocols
    from granian.http import HTTP1Settings, HTTP2Settings
    from granian.server import Server

    from glasshouse.kernel.doors import PROXY_AUTHORITY, certificate

    logs.configure()
    chain, key = certificate(Path(os.environ["GLASSHOUSE_TLS"]))
    address, port = os.environ["GLASSHOUSE_WEB_LISTENS"].rsplit(" ", 1)
    proxy_port = os.environ.get("GLASSHOUSE_PROXY_DOOR", "")
    authority = Path(os.environ["GLASSHOUSE_TLS"]) / PROXY_AUTHORITY if proxy_port else None
    Server(
        "glasshouse.operations.web:make",
        address=address,
        port=int(proxy_port or port),
        interface=Interfaces.ASGINL,
        factory=True,
        websockets=False,
        backpressure=MOST_AT_ONCE,
        # `web/asgi.py` draws closer bounds, with a page that says so.
        http1_settings=HTTP1Settings(max_buffer_size=128 << 10),
        http2_settings=HTTP2Settings(max_headers_size=128 << 10, max_concurrent_streams=100),
        ssl_cert=chain,
        ssl_key=key,
        ssl_ca=authority,
        ssl_client_verify=authority is not None,
        ssl_protocol_min=SSLProtocols.tls12,
        log_access=False,
        workers_kill_timeout=processes.STOPS_WITHIN_S,
        log_dictconfig=logs.OF_GRANIAN,
    ).serve()


if __name__ == "__main__":
    main()
