"""Every page × every kind of actor at the live door, at home and at a foreign customer; all of it from the registry of pages.

An address names nothing beside the organisation, and a form says nothing, so that the walk changes nothing: who may act hears
400 or 404. Who may not hears 403 inside the own organisation, 404 everywhere else; nobody is led to the sign-in.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from glasshouse.access.pages import Audience, DeclarationError, Need, Page
from glasshouse.access.permissions import Permission
from tests.conftest import Customer, Roles, as_staff, enter_staff

Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]
STAFF_ROLES = ("privacy", "security", "support")
AREAS = ("climate", "people")


@dataclass(frozen=True)
class Actor:
    """Somebody at the door, and what they may do at home: permissions, None where they are no part of it."""

    name: str
    client: httpx.Client
    signed_in: bool = True
    permissions: frozenset[Permission] | None = None
    staff_role: str = ""
    home: str = ""
    seen: list[str] = field(default_factory=list)


def _declared() -> list[Page]:
    from glasshouse.access import pages
    from tests import matrix

    matrix.names()  # The router fills the registry.
    return pages.pages()


def _ask(client: httpx.Client, method: str, path: str) -> httpx.Response:
    if "__Host-csrf" not in client.cookies:
        client.get("/sign-up")
    token = client.cookies.get("__Host-csrf") or ""
    form = {"csrfmiddlewaretoken": token} if method == "POST" else None
    return client.request(method, path, data=form, headers={"X-CSRFToken": token})


def _led_to_sign_in(answer: httpx.Response) -> bool:
    return answer.status_code == 302 and answer.headers["location"].startswith("/sign-in?next=")


def _fine(page: Page, method: str, actor: Actor, status: int, *, at_home: bool) -> bool:
    """Whether somebody who is signed in hears what the declaration says."""
    from glasshouse.access import pages
    from tests import matrix

    missing = (404,) if method != "GET" or matrix.names_one(page) else ()
    if page.audience is Audience.STAFF:
        # A countersignature under what is not there is refused as one under one's own.
        may = pages.staff_may(actor.staff_role, page.need)
        return status in (200, 302, 400, 403, *missing) if may else status == 404
    if not page.of_organisation:
        return status in (200, 302, 400, 404)
    if not at_home or actor.permissions is None:
        return status == 404
    may = page.need is Need.MEMBER or page.need in actor.permissions
    may = may and (page.to_support or not actor.staff_role)
    return status in (200, 302, 400, *missing) if may else status == 403


@pytest.fixture
def actors(roles: Roles, customer: Make, join: Join, olaf: Make, web: Web) -> Iterator[list[Actor]]:
    from glasshouse.access.permissions import GRANTED
    from glasshouse.organisations import members, tokens
    from glasshouse.support import api as support
    from glasshouse.support.rules import granted

    own, clients = roles
    home = own.organisation
    found = [Actor("nobody", web(), signed_in=False)]
    token = tokens.create_token(own.actor, "walk", ["greenhouse:site:read"], 1)
    bearer = web()
    bearer.headers["Authorization"] = f"Bearer {token}"
    found.append(Actor("token", bearer, signed_in=False))
    found += [Actor(role, client, permissions=GRANTED[role], home=home) for role, client in clients.items()]
    picked = frozenset({Permission.SITE_READ, Permission.MEMBER_READ})
    custom = join(own, members.save_role(own.actor, "Walker", sorted(picked)))
    found.append(Actor("custom role", web(custom), permissions=picked, home=home))
    alone = join(own, "viewer")
    members.remove_member(alone.actor, alone.actor.account)
    found.append(Actor("of no organisation", web(alone)))
    found += [
        Actor(f"staff: {role}", enter_staff(web(as_staff(olaf(), role))), staff_role=role, home=home)
        for role in STAFF_ROLES
    ]
    guest = olaf()
    support.give(own.actor, support.Wish(AREAS, 2, "walk", staff=str(guest.actor.account)))
    reads = granted(list(AREAS), change=False)
    found.append(
        Actor("support with a grant", enter_staff(web(guest)), permissions=reads, staff_role="support", home=home)
    )
    yield found


def test_every_page_at_every_actor_at_home_and_abroad(actors: list[Actor], roles: Roles, customer: Make) -> None:
    from tests import matrix

    places = ((roles[0].organisation, True), (customer().organisation, False))
    wrong, asked = [], 0
    for actor in actors:
        for page in _declared():
            for method in page.methods:
                for place, at_home in places if page.of_organisation else places[:1]:
                    if page.name == "sign_out" and actor.signed_in:
                        continue
                    answer, asked = _ask(actor.client, method, matrix.address_of(page, place)), asked + 1
                    if page.need is Need.ANYBODY:
                        fine = answer.status_code < 500 and not _led_to_sign_in(answer)
                    elif not actor.signed_in:
                        fine = _led_to_sign_in(answer)
                    else:
                        fine = _fine(page, method, actor, answer.status_code, at_home=at_home)
                    if not fine:
                        where = "at home" if at_home else "abroad"
                        wrong.append(f"{actor.name} {method} {page.name} {where}: {answer.status_code}")
    assert wrong == []
    assert asked > 2000


def test_a_part_of_an_open_page_is_asked_for_anew_by_nobody(web: Web) -> None:
    from tests import matrix

    client = web()
    for page in _declared():
        if page.need is not Need.ANYBODY and "GET" in page.methods:
            answer = client.get(matrix.address_of(page), headers={"HX-Request": "true"})
            assert (answer.status_code, answer.headers.get("HX-Refresh")) == (204, "true"), page.name


def test_an_undeclared_method_is_told_the_declared_ones(web: Web) -> None:
    from glasshouse.access import pages
    from tests import matrix

    matrix.names()
    client = web()
    for _, name, some in pages.routes():
        known = {method for page in some for method in page.methods}
        for method in {"GET", "POST", "PUT", "DELETE"} - known:
            answer = _ask(client, method, matrix.address_of(some[0]))
            assert answer.status_code == 405, (name, method, answer.status_code)
            assert answer.headers["Allow"] == ", ".join(sorted(known)), name


@pytest.mark.usefixtures("home")
def test_every_address_of_the_router_is_declared_and_guarded() -> None:
    from django.urls import get_resolver
    from django.urls.resolvers import URLPattern

    from glasshouse.web.guard import Guarded

    patterns = [one for one in get_resolver().url_patterns if isinstance(one, URLPattern)]
    assert all(isinstance(one.callback, Guarded) for one in patterns)
    guarded = {
        (one.name, method) for one in patterns if isinstance(one.callback, Guarded) for method in one.callback.by_method
    }
    assert guarded == {(page.name, method) for page in _declared() for method in page.methods}
    assert len(patterns) > 100


@pytest.mark.usefixtures("home")
def test_an_address_says_whom_its_page_is_for() -> None:
    for page in _declared():
        assert (page.audience is Audience.STAFF) is bool(re.match(r"staff(/|$)", page.path)), page.path
        assert (page.audience is Audience.GROWER) is page.path.startswith("o/<slug:organisation>/"), page.path
        assert page.view.__module__.startswith(f"glasshouse.web.pages.{page.audience}."), page.path


@pytest.mark.usefixtures("home")
def test_whatever_answers_a_request_is_declared() -> None:
    """A public function of the pages that takes a request, and that no address leads to, was forgotten."""
    import inspect
    from importlib import import_module
    from pkgutil import walk_packages

    from glasshouse.web import pages as package

    declared, count = {page.view for page in _declared()}, 0
    for module in walk_packages(package.__path__, f"{package.__name__}."):
        for name, function in inspect.getmembers(import_module(module.name), inspect.isfunction):
            if function.__module__ == module.name and "request" in inspect.signature(function).parameters:
                count += 1
                assert name.startswith("_") or function in declared, f"{module.name}.{name}"
    assert count > len(declared)


@pytest.mark.usefixtures("home")
def test_a_page_that_contradicts_itself_or_another_is_refused() -> None:
    from glasshouse.access import pages

    _declared()
    before = dict(pages._pages)

    def view(request: object) -> object:
        return request

    wrong: list[tuple[str, str, Permission | Need, Audience]] = [
        ("trust", "trust", Need.ANYBODY, Audience.PUBLIC),  # the method is taken
        ("trust", "other", Need.ANYBODY, Audience.PUBLIC),  # the path has another name
        ("other", "trust", Need.ANYBODY, Audience.PUBLIC),  # the name is of another path
        ("other", "other", Need.MEMBER, Audience.PERSON),  # no organisation stands in the path
        ("other", "other", Permission.SITE_READ, Audience.PUBLIC),
        ("other", "other", Permission.DESK_READ, Audience.PERSON),  # a permission of the staff
        ("other", "other", Need.SIGNED_IN, Audience.STAFF),
        ("o/<slug:organisation>/other", "other", Need.SIGNED_IN, Audience.GROWER),
        ("o/<slug:organisation>/other", "other", Permission.DESK_READ, Audience.GROWER),
    ]
    for path, name, need, audience in wrong:
        with pytest.raises(DeclarationError):
            pages.page(path, name=name, need=need, audience=audience)(view)  # type: ignore[arg-type]
    assert pages._pages == before


@pytest.mark.usefixtures("home")
def test_no_customer_and_no_token_carries_a_permission_of_the_staff(customer: Make) -> None:
    from glasshouse.access import api as access
    from glasshouse.access.models import CustomRole
    from glasshouse.access.permissions import CUSTOMER_PERMISSIONS, EXPLAINED, GRANTED, STAFF_PERMISSIONS
    from glasshouse.kernel import clock
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.organisations import members, tokens
    from glasshouse.support.rules import ADMINISTERED, CHANGES, READS

    assert not STAFF_PERMISSIONS & CUSTOMER_PERMISSIONS
    assert set(EXPLAINED) == CUSTOMER_PERMISSIONS
    gifts = (*GRANTED.values(), tokens.SCOPES, ADMINISTERED, *READS.values(), *CHANGES.values())
    assert all(set(gift) <= CUSTOMER_PERMISSIONS for gift in gifts)
    own = customer()
    for permission in sorted(STAFF_PERMISSIONS):
        with pytest.raises(InvalidError):
            members.save_role(own.actor, "Staff", [permission])
        with pytest.raises(InvalidError):
            tokens.create_token(own.actor, "Staff", [permission], 1)
    planted = CustomRole(name="x", permissions=sorted(STAFF_PERMISSIONS), created_at=clock.now())
    assert access.permissions_of(planted) == ("x", frozenset())
