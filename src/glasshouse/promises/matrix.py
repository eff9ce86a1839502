"""Walks every organisation route of the live door as every role, at home and at a foreign customer; tells what is not as
the table says.

The ids in the addresses name nothing, so that a walk changes nothing: who may act hears 404 or 400, who may not hears 403, and
a stranger hears 404, the same as if the customer did not exist.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
from django.urls import get_resolver
from django.urls.resolvers import URLPattern

from glasshouse.access import routes
from glasshouse.access.permissions import GRANTED, Permission, Role
from glasshouse.access.routes import Need, Route

NOTHING = "0" * 16
TOKEN = re.compile(r'value="[A-Za-z0-9]{64}"')
ACTS = {"change_member": "change", "change_invitation": "revoke", "decide_request": "grant", "decide_grant": "revoke"}


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
    patterns = [one for one in get_resolver().url_patterns if isinstance(one, URLPattern)]
    return sorted(str(one.name) for one in patterns)


def paths() -> dict[str, str]:
    """Route -> its address with {} where the organisation stands, for the routes of an organisation."""
    from django.urls import reverse

    found = {}
    for one in get_resolver().url_patterns:
        if not isinstance(one, URLPattern) or one.name is None:
            continue
        groups = set(one.pattern.converters) or set(getattr(one.pattern, "regex", re.compile("")).groupindex)
        if "organisation" in groups:
            given = dict.fromkeys(groups, NOTHING) | ({"act": ACTS[one.name]} if "act" in groups else {})
            found[one.name] = reverse(one.name, kwargs=given).replace(NOTHING, "{}", 1)
    return found


def allowed(role: Role, route: Route) -> bool:
    """Whether the table gives the route to the role."""
    if isinstance(route.need, Permission):
        return route.need in GRANTED[role]
    return route.need is Need.MEMBER


def _ask(client: httpx.Client, method: str, path: str) -> httpx.Response:
    if method == "GET":
        return client.get(path)
    token = client.cookies.get("__Host-csrf") or ""
    return client.post(path, data={"csrfmiddlewaretoken": token}, headers={"X-CSRFToken": token})


def _plain(text: str) -> str:
    return TOKEN.sub("", text)


def walk(
    clients: dict[Role, httpx.Client], home: str, foreign: str, told: Callable[[int], None] = lambda n: None
) -> Iterator[Step]:
    """Every route × role × (home, foreign).

    clients: one signed in for each role, as a member of `home` only.
    """
    number = 0
    for name, path in sorted(paths().items()):
        for route in routes.ROUTES.get(name, ()):
            for role, client in clients.items():
                number += 1
                told(number)
                yield _at_home(client, name, route, role, path.format(home))
                yield _abroad(client, name, route, role, (path.format(foreign), path.format("z" * 16)))


def _at_home(client: httpx.Client, name: str, route: Route, role: Role, path: str) -> Step:
    status, may = _ask(client, route.method, path).status_code, allowed(role, route)
    about_one = route.method == "POST" or name in (
        "member",
        "look",
        "report",
    )  # The address names something that is not there.
    fine = status in ((200, 302, 400, 404) if about_one else (200, 302, 400)) if may else status == 403
    wrong = "" if fine else f"{role} {route.method} {name}: {status}, though {'' if may else 'not '}allowed"
    return Step(name, route.method, role, foreign=False, status=status, wrong=wrong)


def _abroad(client: httpx.Client, name: str, route: Route, role: Role, both: tuple[str, str]) -> Step:
    there, nowhere = (_ask(client, route.method, path) for path in both)
    same = _plain(there.text).replace(both[0], "") == _plain(nowhere.text).replace(both[1], "")
    fine = there.status_code == nowhere.status_code == 404 and same
    told = f"{there.status_code} (nowhere: {nowhere.status_code})"
    wrong = "" if fine else f"{role} {route.method} {name} at a foreign customer: {told}"
    return Step(name, route.method, role, foreign=True, status=there.status_code, wrong=wrong)
