"""A visitor at the live web door: cookies, pages and forms as a browser without scripts has them, from an address of its own.

Checks act through it and nothing else: what it does, any person can do.
"""

import re
import secrets
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import httpx
from django.conf import settings
from selectolax.lexbor import LexborHTMLParser, LexborNode

from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.straight import Straight
from glasshouse.promises import sockets

ANSWERS_S = 30.0
Files = Mapping[str, tuple[str, bytes]]


class FormMissingError(UnavailableError):
    """A page does not hold the form that a check wants to fill. The check cannot look."""


class _Form(NamedTuple):
    """A form of a page: where it is sent, and what stands in its fields."""

    action: str
    values: dict[str, list[str]]
    names: set[str]


class Visitor:
    """One browser. `network`: the loopback address that it comes from, by which its tries are counted apart from all others."""

    def __init__(self) -> None:
        self.network = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}"
        self.set_cookies: list[str] = []  # the Set-Cookie lines of all answers, as they came
        self._client = httpx.Client(
            base_url=settings.ORIGIN,
            transport=Straight(settings.WEB_DOOR, sockets.context(), local_address=_source(self.network)),
            timeout=ANSWERS_S,
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def call_itself(self, agent: str) -> None:
        """Name the browser as it names itself to each page (User-Agent)."""
        self._client.headers["User-Agent"] = agent

    @property
    def cookies(self) -> httpx.Cookies:
        """The cookies that the service has set."""
        return self._client.cookies

    def request(self, method: str, path: str, **parts: object) -> httpx.Response:
        """Ask for an address as it is, headers and all. Redirects are not followed. Raises UnavailableError."""
        try:
            answer = self._client.request(method, path, **parts)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            raise UnavailableError(f"The web door did not answer {method} {urlsplit(path).path[:60]}.") from error
        self.set_cookies += answer.headers.get_list("set-cookie")
        return answer

    def get(self, path: str) -> httpx.Response:
        """Open a page. Redirects are not followed. Raises UnavailableError."""
        return self.request("GET", path)

    def follow(self, response: httpx.Response) -> httpx.Response:
        """Where redirects lead, ten at most."""
        for _ in range(10):
            if not response.is_redirect:
                break
            response = self.get(urljoin(str(response.url), response.headers["location"]))
        return response

    def submit(
        self, path: str, fields: Mapping[str, str | list[str]], *, action: str = "", files: Files | None = None
    ) -> httpx.Response:
        """Open a page, fill in its form, send it. The answer is not followed if it is a redirect.

        action: end of the address that the form is sent to, where the page has several forms with these fields.
        Raises FormMissingError, UnavailableError.
        """
        shown = self.follow(self.get(path))
        if shown.status_code != 200:
            raise FormMissingError(f"The page {_masked(path)} answers {shown.status_code} instead of its form.")
        form = _form_with(shown, set(fields) | set(files or ()), action)
        values = form.values | {name: value if isinstance(value, list) else [value] for name, value in fields.items()}
        sent_files = {name: (file[0], file[1]) for name, file in (files or {}).items()}
        # In the header, as programs send it: a form that carries its page's token leaves a row of its own for some minutes.
        headers = {"Referer": str(shown.url), "X-CSRFToken": values.pop("csrfmiddlewaretoken", [""])[0]}
        parts: dict[str, object] = {"files": sent_files} if sent_files else {}
        return self.request("POST", urljoin(str(shown.url), form.action), data=values, headers=headers, **parts)

    def post(self, path: str, fields: Mapping[str, str | list[str]] | None = None) -> httpx.Response:
        """Send a form without opening its page, with the right token: what somebody would do who may not see the page."""
        if not self._client.cookies.get("__Host-csrf"):
            self.get("/sign-in")
        token = self._client.cookies.get("__Host-csrf") or ""
        headers = {"Referer": f"{settings.ORIGIN}/", "X-CSRFToken": token}
        return self.request("POST", path, data=dict(fields or {}), headers=headers)


def _source(network: str) -> str | None:
    """The address to come from; a door on IPv6 alone is reached from the machine's own."""
    return None if ":" in settings.WEB_DOOR.address else network


def _masked(path: str) -> str:
    """A path without what opens something."""
    return re.sub(r"[A-Za-z0-9_-]{16,}", "…", urlsplit(path).path)[:80]


def _form_with(page: httpx.Response, names: set[str], action: str) -> _Form:
    forms = [_read(node) for node in LexborHTMLParser(page.text).css("form")]
    here, end = str(page.url), action.rstrip("/")
    fitting = [form for form in forms if names <= form.names and urlsplit(form.action or here).path.endswith(end)]
    if not fitting:
        raise FormMissingError(
            f"The page {_masked(str(page.url))} has no form with {', '.join(sorted(names)) or action}."
        )
    return fitting[0]


def _read(form: LexborNode) -> _Form:
    values: dict[str, list[str]] = {}
    names = set()
    for field in form.css("input, select, textarea, button"):
        name, kind = field.attributes.get("name"), field.attributes.get("type") or field.tag
        if not name:
            continue
        names.add(name)
        if kind in ("submit", "button", "file") or "disabled" in field.attributes:
            continue
        if field.tag == "select":
            chosen = field.css("option[selected]") or field.css("option")[:1]
            values.setdefault(name, []).extend(_value(option) for option in chosen)
        elif field.tag == "textarea":
            values.setdefault(name, []).append(field.text())
        elif kind not in ("checkbox", "radio") or "checked" in field.attributes:
            values.setdefault(name, []).append(field.attributes.get("value") or "")
    return _Form(form.attributes.get("action") or "", values, names)


def _value(option: LexborNode) -> str:
    value = option.attributes.get("value")
    return option.text().strip() if value is None else value
