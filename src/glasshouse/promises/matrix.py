"""Walks every page of an organisation at the live door as every role, at home and at a foreign customer; tells what is not
as the pages declare (`access/pages.py`).

The ids in the addresses name nothing, so that a walk changes nothing: who may act hears 404 or 400, who may not hears 403, and
an outsider gets 404, the same as if the customer did not exist.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
from django.urls import get_resolver
from django.urls.resolvers import URLPattern

from glasshouse.access import pages
from glasshouse.access.pages import ORGANISATION, Need, Page
from glasshouse.access.permissions import GRANTED, Permission, Role

NOTHING = "0" * 16
TOKEN = re.compile(r'value="[A-Za-z0-9]{64}"')
# What stands in an address that names nothing, by the converter of the argument, or by its name.
EMPTY = {"kind": "app", "failure": "mail", "key": "0" * 64}


@dataclass(frozen=True, slots=True)
class Step:
    """One cell of the table: a role asks a route at home or at a foreign customer, and what came of it."""

    route: str
    method: str
    role: str
    foreign: bool
    status: int
    wrong: str


def names() -> list[str]:
    """The name of every route of the live router, those of the people API aside."""
    patterns = [pattern for pattern in get_resolver().url_patterns if isinstance(pattern, URLPattern)]
    return sorted(str(pattern.name) for pattern in patterns)


def address_of(page: Page, organisation: str = NOTHING) -> str:
    """The page's address within an organisation; whatever else its path names is not there."""
    from django.urls import reverse

    arguments = {name: EMPTY.get(name, EMPTY.get(converter, NOTHING)) for name, converter in page.arguments.items()}
    if page.of_organisation:
        arguments[ORGANISATION] = organisation
    return reverse(page.name, kwargs=arguments)


def names_one(page: Page) -> bool:
    """Whether the address names something, beside the organisation, that a walk does not have."""
    return bool(page.arguments.keys() - {ORGANISATION, "kind"})


def allowed(role: Role, page: Page) -> bool:
    """Whether the declaration gives the page to the role."""
    if isinstance(page.need, Permission):
        return page.need in GRANTED[role]
    return page.need is Need.MEMBER


def _ask(client: httpx.Client, method: str, path: str) -> httpx.Response:
    if method == "GET":
        return client.get(path)
    token = client.cookies.get("__Host-csrf") or ""
    return client.post(path, data={"csrfmiddlewaretoken": token}, headers={"X-CSRFToken": token})


def _plain(text: str) -> str:
    return TOKEN.sub("", text)


def walk(
    clients: dict[Role, httpx.Client], home: str, foreign: str, report_progress: Callable[[int], None] = lambda n: None
) -> Iterator[Step]:
    """Every route × role × (home, foreign).

    clients: one signed in for each role, as a member of `home` only.
    """
    number = 0
    for page in (page for page in pages.pages() if page.of_organisation):
        here, there, nowhere = (address_of(page, customer) for customer in (home, foreign, "z" * 16))
        for method in page.methods:
            for role, client in clients.items():
                number += 1
                report_progress(number)
                yield _at_home(client, page, method, role, here)
                yield _abroad(client, page, method, role, (there, nowhere))


def _at_home(client: httpx.Client, page: Page, method: str, role: Role, path: str) -> Step:
    status, may = _ask(client, method, path).status_code, allowed(role, page)
    about_one = method == "POST" or names_one(page)
    fine = status in ((200, 302, 400, 404) if about_one else (200, 302, 400)) if may else status == 403
    wrong = "" if fine else f"{role} {method} {page.name}: {status}, though {'' if may else 'not '}allowed"
    return Step(page.name, method, role, foreign=False, status=status, wrong=wrong)


def _abroad(client: httpx.Client, page: Page, method: str, role: Role, both: tuple[str, str]) -> Step:
    there, nowhere = (_ask(client, method, path) for path in both)
    same = _plain(there.text).replace(both[0], "") == _plain(nowhere.text).replace(both[1], "")
    fine = there.status_code == nowhere.status_code == 404 and same
    statuses = f"{there.status_code} (nowhere: {nowhere.status_code})"
    wrong = "" if fine else f"{role} {method} {page.name} at a foreign customer: {statuses}"
    return Step(page.name, method, role, foreign=True, status=there.status_code, wrong=wrong)
