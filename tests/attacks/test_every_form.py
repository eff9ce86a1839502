"""Every form that a page shows, sent with hostile values in every field: refused or taken, and never an error of ours.

The forms are found by following links, as a person would.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from glasshouse.access.permissions import Role
from glasshouse.organisations import members, tokens
from tests.conftest import Customer, Roles, enter_staff

Web = Callable[..., httpx.Client]
HOSTILE = {
    "nothing": "",
    "large": "9" * 400,
    "not a number": "1e400",
    "negative": "-1",
    "another script": "２",
    "no such day": "2026-02-30",
    "a day long gone": "0001-01-01",
    "a path": "../../../../etc/passwd",
    "markup": "<script>alert(1)</script>{{7*7}}${7*7}",
    "SQL": "'; DROP TABLE accounts_account; --",
    "lines": "a\r\nBcc: x@y.example\r\n\r\nb",
    "direction": "\u202ea\u2066b\u0300" * 40,
    "long": "a" * 20_000,
    "an id": "0" * 16,
    "a list": "[" * 2_000,
}
QUICK = ("large", "no such day", "direction", "an id")  # in every run; the others in the long one
ROUNDS = [QUICK, pytest.param(tuple(kind for kind in HOSTILE if kind not in QUICK), marks=pytest.mark.long)]
LEAVES_ALONE = re.compile(r"/(sign-out|leave|close|erase|sign-out-everywhere|end-all)\b")
MOST_PAGES = 150


@dataclass(frozen=True)
class Form:
    """A form as a page showed it: where it is sent, its fields with what stood in them, which of them a person fills in."""

    page: str
    action: str
    values: tuple[tuple[str, str], ...]
    names: tuple[str, ...]


def _field(node: LexborNode) -> tuple[str, str, bool]:
    kind = node.attributes.get("type") or node.tag
    value = node.text() if node.tag == "textarea" else node.attributes.get("value") or ""
    return node.attributes.get("name") or "", value, kind not in ("hidden", "submit", "button", "file")


def forms_of(url: str, text: str) -> Iterator[Form]:
    for node in LexborHTMLParser(text).css("form"):
        if (node.attributes.get("method") or "get").lower() != "post":
            continue
        fields = [_field(field) for field in node.css("input, select, textarea")]
        named = [(name, value, filled) for name, value, filled in fields if name and name != "csrfmiddlewaretoken"]
        yield Form(
            url,
            urljoin(url, node.attributes.get("action") or ""),
            tuple((name, value) for name, value, filled in named if not filled),
            tuple(dict.fromkeys(name for name, _, filled in named if filled)),
        )


def _shape(url: str) -> str:
    """An address without what differs from one row of a list to the next."""
    return re.sub(r"[0-9a-zA-Z_-]{16,}|\d+", "…", urlsplit(url).path)


def found(client: httpx.Client, begin: str) -> list[Form]:
    """The forms of all pages that links lead to, each kind of page once."""
    origin, seen, waiting = str(client.base_url), set(), deque([begin])
    forms: dict[tuple[str, tuple[str, ...]], Form] = {}
    while waiting and len(seen) < MOST_PAGES:
        path = waiting.popleft()
        if _shape(path) in seen or LEAVES_ALONE.search(path):
            continue
        seen.add(_shape(path))
        answer = client.get(path, follow_redirects=True)
        assert answer.status_code < 500, path
        if "html" not in answer.headers.get("content-type", ""):
            continue
        for form in forms_of(str(answer.url), answer.text):
            forms.setdefault((_shape(form.action), form.names), form)
        for link in LexborHTMLParser(answer.text).css("a[href]"):
            target = urljoin(str(answer.url), link.attributes.get("href") or "")
            if target.startswith(origin):
                waiting.append(target.removeprefix(origin).partition("#")[0])
    return list(forms.values())


def attacked(client: httpx.Client, forms: list[Form], kinds: tuple[str, ...]) -> list[str]:
    """Send each form with each kind of hostile value in all its fields; what was answered with an error of ours."""
    token = client.cookies.get("__Host-csrf") or ""
    broken = []
    for form in forms:
        if LEAVES_ALONE.search(form.action) or not form.names:
            continue
        for kind in kinds:
            filled = dict(form.values) | dict.fromkeys(form.names, HOSTILE[kind]) | {"csrfmiddlewaretoken": token}
            answer = client.post(form.action, data=filled, headers={"Referer": form.page})
            if answer.status_code >= 500:
                broken.append(f"{_shape(form.action)} with {kind}: {answer.status_code}")
    return broken


@pytest.mark.parametrize("kinds", ROUNDS, ids=["quick", "all"])
def test_the_forms_of_the_public_pages(web: Web, kinds: tuple[str, ...]) -> None:
    client = web()
    forms = found(client, "/")
    assert len(forms) >= 4, [form.action for form in forms]
    assert attacked(client, forms, kinds) == []


@pytest.mark.parametrize("kinds", ROUNDS, ids=["quick", "all"])
def test_the_forms_of_a_customers_pages(roles: Roles, kinds: tuple[str, ...]) -> None:
    own, clients = roles
    client = clients[Role.ADMINISTRATOR]
    tokens.create_token(own.actor, "program", ["greenhouse:site:read"], 1)
    members.save_role(own.actor, "Walker", ["greenhouse:site:read"])
    forms = found(client, f"/o/{own.organisation}/") + found(client, "/account")
    assert len(forms) >= 30, [form.action for form in forms]
    assert attacked(client, forms, kinds) == []


@pytest.mark.parametrize("kinds", ROUNDS, ids=["quick", "all"])
def test_the_forms_of_the_staffs_pages(officer: Customer, web: Web, kinds: tuple[str, ...]) -> None:
    client = enter_staff(web(officer))
    forms = found(client, "/staff/")
    assert len(forms) >= 10, [form.action for form in forms]
    assert attacked(client, forms, kinds) == []


@pytest.mark.parametrize("path", ["/sign-in", "/privacy", "/trust", "/search"])
def test_questions_in_an_address(web: Web, path: str) -> None:
    client = web()
    for value in HOSTILE.values():
        for name in ("next", "page", "q", "from", "day"):
            assert client.get(path, params={name: value[:2_000]}).status_code < 500, (path, name)
