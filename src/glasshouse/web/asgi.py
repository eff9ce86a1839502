"""The web door as ASGI application: bounds and bodies here, in one event loop; pages in Django's threads.

Order: head within bounds, body within its allowance (`bodies.py`, `allowances.py`), a thread for the page (`threads.py`), the
answer at its reader's pace. Decision record 16.
"""

import asyncio
import contextlib
import os
from email.message import Message
from urllib.parse import unquote

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "glasshouse.web.settings")
django.setup()

from django.conf import settings  # noqa: E402 - Django must be set up before anything that reads models
from django.http import HttpResponse  # noqa: E402

from glasshouse.kernel.networks import client_of, network_key  # noqa: E402
from glasshouse.vault.spool import Spool  # noqa: E402
from glasshouse.web import failures  # noqa: E402
from glasshouse.web.allowances import ANYBODY, PageAt, allowance_of, page_at  # noqa: E402
from glasshouse.web.bodies import (  # noqa: E402
    KB,
    Allowance,
    Bodies,
    DisconnectedError,
    Receive,
    RefusedError,
    Rules,
)
from glasshouse.web.threads import Bounds, BrokenOffError, DjangoThreads, GoneError, Scope, Send, ThreadQueueFullError  # noqa: E402

HEALTH = "/health"
CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1"})
PATH_BYTES, QUERY_BYTES, HEADER_BYTES, HEADERS = 2 * KB, 16 * KB, 32 * KB, 100
SECURITY = (
    (b"strict-transport-security", f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains".encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", settings.SECURE_REFERRER_POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)


class Application:
    """Callable as ASGI 3. Tests give other rules and bounds."""

    def __init__(self, rules: Rules | None = None, bounds: Bounds | None = None) -> None:
        self.bodies = Bodies(rules)
        self.threads = DjangoThreads(bounds)
        # The supervisor's question has a thread of its own: a long line of pages is no reason to start the part again.
        self.health = DjangoThreads(Bounds(threads=1, waiting=16))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises BrokenOffError, to have the connection cut."""
        if scope["type"] != "http":
            return
        headers = _joined(scope["headers"])
        scope["client"] = (_client_of(scope, headers), 0)
        try:
            _refuse_head(scope, headers)
            body = await self._body(scope, headers, receive)
            is_health = scope["path"] == HEALTH
            if is_health and self.threads.is_stuck:
                raise RefusedError(503)
            threads = self.health if is_health else self.threads
            await threads.answer(scope, body, receive, send, network_key(scope["client"][0]))
        except RefusedError as refused:
            await self._refuse(scope, headers, refused, send)
            await self.bodies.drain(receive)
        except ThreadQueueFullError as error:
            await self._refuse(scope, headers, RefusedError(429 if error.of_peer else 503), send)
        except (DisconnectedError, GoneError):
            return  # Raised to the server, it would be a traceback in the log for each reader who leaves.
        except BrokenOffError:
            raise
        except Exception as error:  # noqa: BLE001 - noted under the number that the page shows
            number = failures.note(error, f"{scope['method']} (before any page)")
            await self._refuse(scope, headers, RefusedError(500), send, number)

    async def _body(self, scope: Scope, headers: dict[str, str], receive: Receive) -> Spool:
        declared = _declared(headers)
        target = PageAt(None, {})
        if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            path = unquote(scope["path"]) if "%" in scope["path"] else scope["path"]
            target = page_at(path, scope["method"])
        limit = target.form.most_bytes if target.form else ANYBODY

        async def vouch() -> Allowance | None:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self.threads.pool, allowance_of, target, headers)

        peer = network_key(scope["client"][0])
        return await self.bodies.read(receive, peer, declared, limit, vouch)

    async def _refuse(
        self, scope: Scope, headers: dict[str, str], refused: RefusedError, send: Send, number: str = ""
    ) -> None:
        form = failures.form_of(scope["path"], headers)
        signed_out = refused.status == 413 and refused.limit <= 4 * ANYBODY
        kind = "signed-out" if signed_out else ""
        page = failures.error_page(refused.status, form, kind=kind, limit=refused.limit, number=number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.threads.bounds.stall_s):
                await _send(page, scope, send)


async def _send(page: HttpResponse, scope: Scope, send: Send) -> None:
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in page.items()]
    pairs += SECURITY
    if page.status_code in (429, 503):
        pairs.append((b"retry-after", b"10"))
    if scope.get("http_version", "1.1").startswith("1"):
        pairs.append((b"connection", b"close"))  # What is left of the body is not read as the next request.
    await send({"type": "http.response.start", "status": page.status_code, "headers": pairs})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else page.content})


def _client_of(scope: Scope, headers: dict[str, str]) -> str:
    """The address that a request comes from, also behind the operator's own proxies."""
    peer = str((scope.get("client") or ("",))[0])
    return client_of(
        peer, headers.get("x-forwarded-for", ""), settings.TRUSTED_PROXIES, of_proxy=settings.AT_PROXY_DOOR
    )


def _joined(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name in lower case; one that comes several times is one (browsers split cookies over HTTP/2).

    Source: RFC 9110, 5.3; RFC 9113, 8.2.3.
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}{'; ' if name == 'cookie' else ', '}{value}" if name in headers else value
    return headers


def _refuse_head(scope: Scope, headers: dict[str, str]) -> None:
    """Raises RefusedError (400, 414, 431) for a head that no page of ours needs."""
    path, query = scope.get("raw_path") or scope["path"].encode(), scope.get("query_string", b"")
    if len(path) > PATH_BYTES or len(query) > QUERY_BYTES:
        raise RefusedError(414)
    if (
        len(scope["headers"]) > HEADERS
        or sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES
    ):
        raise RefusedError(431)
    if b"%00" in path or b"\0" in path:
        raise RefusedError(400)
    content_type = Message()
    content_type["content-type"] = headers.get("content-type", "")
    charset = content_type.get_param("charset", "utf-8")
    # The sender does not choose our decoder.
    if not isinstance(charset, str) or charset.strip().lower() not in CHARSETS:
        raise RefusedError(415)


def _declared(headers: dict[str, str]) -> int | None:
    """The Content-Length; None if there is none. Raises RefusedError (400)."""
    text = headers.get("content-length", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 30):
        raise RefusedError(400)
    return int(text)


application = Application()
