"""Every verb of the staff asks its own guard; the pages are walked at the door in test_every_page.py.

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
# Verbs of the staff: module -> those of its functions that take an actor and are not the staff's.
STAFF_MODULES: dict[str, set[str]] = {
    "glasshouse.disclosures.api": {"subscribe", "unsubscribe"},
    "glasshouse.disclosures.business_transfers": set(),
    "glasshouse.authorities.api": set(),
    "glasshouse.privacy_office.api": set(),
    "glasshouse.requests.assignment": {"other_officers"},
    "glasshouse.requests.bulk": set(),
    "glasshouse.requests.cases": set(),
    "glasshouse.requests.desk": set(),
    "glasshouse.requests.notes": set(),
    "glasshouse.requests.statistics": set(),
    "glasshouse.requests.worklist": {"own_regions", "shown_to"},
    "glasshouse.subject.asked_for": set(),
    "glasshouse.sources.api": {"forget", "end_suppression"},
}
STAFF_VERBS = {
    "glasshouse.notices.api": ("draft", "progress_of_versions", "publish"),
    "glasshouse.requests.api": ("answer", "ask_again", "enter", "extend"),
    "glasshouse.support.api": ("ask", "break_glass", "customers", "let_in", "staff_grants"),
}


@pytest.fixture
def actors(
    customer: Callable[[], Customer], olaf: Callable[[], Customer], web: Callable[..., httpx.Client]
) -> Iterator[dict[str, httpx.Client]]:
    clients = {"nobody": web(), "grower": web(customer())}
    for role in STAFF_ROLES:
        clients[role] = enter_staff(web(as_staff(olaf(), role)))
    yield clients


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
    from glasshouse.access import pages
    from glasshouse.access.pages import Audience
    from glasshouse.accounts.models import SecondFactor
    from tests import matrix

    matrix.names()
    for role in STAFF_ROLES:
        staff = as_staff(olaf(), role)
        SecondFactor.objects.filter(account_id=staff.actor.account).delete()
        client = web(staff)
        for page in pages.pages():
            if page.audience is Audience.STAFF and "GET" in page.methods:
                answer = client.get(matrix.address_of(page))
                if pages.staff_may(role, page.need):
                    assert answer.status_code == 302, (role, page.name)
                    assert answer.headers["location"].startswith("/account/security"), (role, page.name)
                else:
                    assert answer.status_code == 404, (role, page.name)


def test_every_link_of_the_menu_opens(actors: dict[str, httpx.Client]) -> None:
    for actor, client in actors.items():
        page = client.get("/account" if actor != "nobody" else "/trust", follow_redirects=True).text
        menu = page[page.index('<nav aria-label="Main">') : page.index("</nav>")]
        links = re.findall(r'href="([^"]+)"', menu)
        assert links
        for link in links:
            assert client.get(link, follow_redirects=True).status_code == 200, (actor, link)
