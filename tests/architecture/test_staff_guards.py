"""Every route of the staff, and of whoever is signed in, at the real door by every kind of actor; and every verb behind them.

A guard that is removed from a page shows at the door. One that is removed from a verb may hide behind another refusal (nothing
has that id), so each verb is called with its guard replaced by one that tells that it was asked.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import httpx
import pytest

from tests.conftest import Customer, as_staff, enter_staff

STAFF_ROLES = ("support", "privacy", "security")
SUPPORT, PRIVACY, REVIEW = {"support"}, {"privacy"}, {"privacy", "security"}
# Which staff roles a route is for. A staff route that is missing here is red.
STAFF_ROUTES = {
    "countersign": SUPPORT,
    "fetch_demand": REVIEW,
    "leave_set_aside": PRIVACY,
    "office": PRIVACY,
    "recipients": PRIVACY,
    "retry_set_aside": PRIVACY,
    "set_aside": PRIVACY,
    "sources": PRIVACY,
    "staff": SUPPORT,
    "staff_demands": REVIEW,
    "staff_documents": PRIVACY,
    "worklist": PRIVACY,
}
NAMES_NOTHING = {
    "countersign",
    "fetch_demand",
    "leave_set_aside",
    "retry_set_aside",
}  # Their address names something that is not there: 404 for everybody.
# Verbs of the staff: module -> those of its functions that take an actor and are not the staff's.
STAFF_MODULES: dict[str, set[str]] = {
    "glasshouse.disclosures.api": {"subscribe", "unsubscribe"},
    "glasshouse.disclosures.mergers": set(),
    "glasshouse.authorities.api": set(),
    "glasshouse.privacy_office.api": set(),
    "glasshouse.sources.api": {"decide", "forget", "suggestions", "welcome_again"},
}
STAFF_VERBS = {
    "glasshouse.notices.api": ("draft", "publish", "standings"),
    "glasshouse.requests.api": ("answer", "ask_again", "enter", "extend", "worklist"),
    "glasshouse.support.api": ("ask", "break_glass", "customers", "staff_grants"),
}


def _path(name: str) -> str:
    from django.urls import get_resolver, reverse

    pattern = next(one for one in get_resolver().url_patterns if getattr(one, "name", None) == name)
    wanted = set(pattern.pattern.converters) or set(getattr(pattern.pattern, "regex", re.compile("")).groupindex)
    values = {"kind": "app", "source": "mail"}
    return reverse(name, kwargs={part: values.get(part, "0" * 16) for part in wanted})


def _ask(client: httpx.Client, method: str, path: str, page: str = "/sign-up") -> httpx.Response:
    if method == "GET":
        return client.get(path)
    if "__Host-csrf" not in client.cookies:
        client.get(page)
    token = client.cookies.get("__Host-csrf") or ""
    return client.post(path, data={"csrfmiddlewaretoken": token}, headers={"X-CSRFToken": token})


def _routes(need: str) -> list[tuple[str, str]]:
    from glasshouse.access.routes import ROUTES

    return [(name, route.method) for name, routes in ROUTES.items() for route in routes if str(route.need) == need]


@pytest.fixture
def actors(
    customer: Callable[[], Customer], olaf: Callable[[], Customer], web: Callable[..., httpx.Client]
) -> Iterator[dict[str, httpx.Client]]:
    clients = {"nobody": web(), "grower": web(customer())}
    for role in STAFF_ROLES:
        clients[role] = enter_staff(web(as_staff(olaf(), role)))
    yield clients


@pytest.mark.usefixtures("home")
def test_every_route_of_the_staff_says_which_roles_it_is_for() -> None:
    from django.urls import get_resolver

    assert {name for name, _ in _routes("staff")} == set(STAFF_ROUTES)
    under_staff = {
        str(one.name) for one in get_resolver().url_patterns if str(one.pattern).lstrip("^").startswith("staff")
    }
    assert under_staff == set(STAFF_ROUTES)


def test_every_staff_route_at_the_door(actors: dict[str, httpx.Client]) -> None:
    wrong, asked = [], 0
    for name, method in _routes("staff"):
        for actor, client in actors.items():
            answer, path = _ask(client, method, _path(name)), _path(name)
            may, asked = actor in STAFF_ROUTES[name], asked + 1
            if actor == "nobody":
                fine = answer.status_code == 302 and answer.headers["location"].startswith("/sign-in")
            elif not may:
                fine = answer.status_code == 404
            elif name in NAMES_NOTHING:
                fine = answer.status_code in (302, 403, 404)
            else:
                fine = answer.status_code in ((200,) if method == "GET" else (200, 302, 400, 404, 422))
            if not fine:
                wrong.append(f"{actor} {method} {path}: {answer.status_code}, {'' if may else 'not '}allowed")
    assert wrong == []
    assert asked > 70


def test_nobody_at_every_route_of_whoever_is_signed_in(actors: dict[str, httpx.Client]) -> None:
    wrong = []
    for name, method in _routes("signed in"):
        answer = _ask(actors["nobody"], method, _path(name))
        if answer.status_code != 302 or not answer.headers["location"].startswith("/sign-in"):
            wrong.append(f"nobody {method} {name}: {answer.status_code}")
    assert wrong == []


def test_a_grower_and_the_staff_open_the_pages_of_their_own_account(actors: dict[str, httpx.Client]) -> None:
    for name, method in _routes("signed in"):
        if method == "GET" and name != "fetch_copy":
            for actor in ("grower", "privacy"):
                ended = (404,) if name == "change" else ()  # Its address is a secret that nobody was given.
                assert actors[actor].get(_path(name)).status_code in (200, 302, *ended), (actor, name)


class _Asked(Exception):
    """The guard was asked."""


def _verbs() -> Iterator[Callable[..., Any]]:
    for name, others in STAFF_MODULES.items():
        module = import_module(name)
        for verb, function in inspect.getmembers(module, inspect.isfunction):
            own = function.__module__ == name and not verb.startswith("_") and verb not in others
            if own and "actor" in inspect.signature(function).parameters:
                yield function
    for name, verbs in STAFF_VERBS.items():
        yield from (getattr(import_module(name), verb) for verb in verbs)


@pytest.mark.usefixtures("home")
def test_every_verb_of_the_staff_asks_its_guard_before_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.access import api as access
    from glasshouse.kernel.actor import ANONYMOUS

    def asked(*_: object) -> None:
        raise _Asked

    monkeypatch.setattr(access, "require_staff", asked)
    unguarded, count = [], 0
    for verb in _verbs():
        given = {
            name: ANONYMOUS if name == "actor" else _Anything()
            for name, parameter in inspect.signature(verb).parameters.items()
            if parameter.default is inspect.Parameter.empty or name == "actor"
        }
        count += 1
        try:
            verb(**given)
        except _Asked:
            continue
        except Exception as error:  # noqa: BLE001 - whatever else comes first shows that the guard does not
            unguarded.append(f"{verb.__module__}.{verb.__name__}: {error!r}")
        else:
            unguarded.append(f"{verb.__module__}.{verb.__name__}")
    assert unguarded == []
    assert count > 25


class _Anything(str):
    """A value that a verb cannot trip over before it asks its guard."""

    def __getattr__(self, name: str) -> "_Anything":
        return _Anything()

    __slots__ = ()


def test_staff_without_a_second_factor_are_led_to_set_one_up(
    olaf: Callable[[], Customer], web: Callable[..., httpx.Client]
) -> None:
    from glasshouse.accounts.models import SecondStep

    for role in STAFF_ROLES:
        staff = as_staff(olaf(), role)
        SecondStep.objects.filter(account_id=staff.actor.account).delete()
        client = web(staff)
        for name, method in _routes("staff"):
            if method == "GET" and name not in NAMES_NOTHING:
                answer = client.get(_path(name))
                if role in STAFF_ROUTES[name]:
                    assert answer.status_code == 302, (role, name)
                    assert answer.headers["location"].startswith("/account/security"), (role, name)
                else:
                    assert answer.status_code == 404, (role, name)


def test_every_link_of_the_menu_opens(actors: dict[str, httpx.Client]) -> None:
    for actor, client in actors.items():
        page = client.get("/account" if actor != "nobody" else "/trust", follow_redirects=True).text
        menu = page[page.index('<nav aria-label="Main">') : page.index("</nav>")]
        links = re.findall(r'href="([^"]+)"', menu)
        assert links
        for link in links:
            assert client.get(link, follow_redirects=True).status_code == 200, (actor, link)
