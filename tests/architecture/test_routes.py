"""The operations of the people API at every token, and ids of another customer at every page."""

from collections.abc import Callable

import httpx
import pytest

from glasshouse.operations.installation import Installation
from tests.conftest import Customer, Roles


@pytest.mark.usefixtures("home")
def test_every_api_operation_says_who_may_call_it() -> None:
    from glasshouse.web.people_api import OPERATIONS, api

    schema = api.get_openapi_schema()
    real = [
        f"{verb.upper()} {path.removeprefix('/api/v1')}" for path, verbs in schema["paths"].items() for verb in verbs
    ]
    assert sorted(real) == sorted(OPERATIONS)


def test_every_role_at_every_api_operation(home: Installation, roles: Roles, customer: Callable[[], Customer]) -> None:
    import ssl

    from glasshouse.access.permissions import CUSTOMER_PERMISSIONS, GRANTED, Permission, Role
    from glasshouse.organisations import members, tokens
    from glasshouse.organisations.tokens import SCOPES
    from glasshouse.web.people_api import OPERATIONS

    own, other = roles[0], customer()
    trust = ssl.create_default_context(cafile=home.keys / "tls" / "ca.crt")
    body = {"variable": "air_temp", "least": 1, "most": 2}
    for scope in (None, *SCOPES):
        given = [str(one) for one in ([scope] if scope else SCOPES)]
        token = tokens.create_token(own.actor, "matrix", given, 1)
        client = httpx.Client(
            base_url=f"{home.origin}/api/v1", verify=trust, headers={"Authorization": f"Bearer {token}"}
        )
        for operation, need in OPERATIONS.items():
            verb, path = operation.split(" ")
            address = path.replace("{site}", own.site) + ("?series=1&start=0&end=10" if path == "/readings" else "")
            status = client.request(verb, address, json=body if verb == "PUT" else None).status_code
            may = not isinstance(need, Permission) or str(need) in given
            assert (status == 403) is (not may), (operation, scope, status)
            foreign = client.request(verb, path.replace("{site}", other.site), json=body if verb == "PUT" else None)
            assert verb != "PUT" or foreign.status_code in (403, 404)
    assert GRANTED[Role.ADMINISTRATOR] == CUSTOMER_PERMISSIONS
    assert members.members(own.actor)
    assert httpx.get(f"{home.origin}/api/v1/sites", verify=trust).status_code == 401


def test_ids_of_another_customer_are_not_there_on_any_route(
    customer: Callable[[], Customer], join: Callable[..., Customer], web: Callable[..., httpx.Client]
) -> None:
    """Everything of another customer that has an id, asked for inside one's own organisation: 404, and it stays as it was."""
    import re

    from django.urls import reverse

    from glasshouse.access import api as access
    from glasshouse.access import pages
    from glasshouse.accounts import second_factor, sessions
    from glasshouse.events import api as events
    from glasshouse.greenhouse import api as greenhouse
    from glasshouse.greenhouse import imports
    from glasshouse.greenhouse.models import Device
    from glasshouse.organisations import invitations, members, tokens
    from glasshouse.support import api as support
    from tests import matrix

    one, other = customer(), customer()
    guest = join(other, "viewer")
    greenhouse.create_device(other.actor, other.site, "", "Box")
    upload = imports.upload(other.actor, other.site, "", "a.csv", [b"time,temp\n2024-05-31 12:00,1\n"])
    layout = imports.preview(other.actor, upload).layout
    with access.organisation_transaction(other.actor):
        device = Device.objects.get().id
    tokens.create_token(other.actor, "Script", ["greenhouse:site:read"], 3)
    begun = second_factor.begin_app(other.alone)
    web(other)
    theirs = {
        "site": other.site,
        "device": device,
        "number": upload,
        "template": imports.save_template(other.actor, "Kind", layout),
        "account": guest.actor.account,
        "invitation": invitations.invite(other.actor, "foreign-id@grower.example", invitations.Offer("viewer")),
        "role": members.save_role(other.actor, "Own", ["greenhouse:site:read"]),
        "token": tokens.tokens(other.actor)[0].token.id,
        "grant": support.give(other.actor, support.Wish(("climate",), 2, "x")),
        "session": sessions.sessions_of(other.alone)[0].id,
        "browser": sessions.browsers(other.alone)[0].id,
        "step": begun.id,
    }
    wish = members.ask_access(guest.actor, "grower", None, "more")
    client = web(one)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get("/account").text)
    assert token
    with access.organisation_transaction(other.actor):
        before = len(events.of_organisation(other.actor.organisation, 1000))
    asked = 0
    matrix.names()
    for page in pages.pages():
        if page.form.programs:  # No customer's, and the protocol wants 403 (its own tests look at that).
            continue
        wanted = page.arguments.keys() - {"organisation"}
        if not wanted or not wanted <= theirs.keys():
            continue
        given = {name: theirs[name] for name in wanted}
        if page.of_organisation:
            given["organisation"] = one.organisation
        if page.name in ("grant_request", "refuse_request"):
            given["number"] = wish
        path = reverse(page.name, kwargs=given)
        form = {
            "csrfmiddlewaretoken": token[1],
            "name": "x",
            "variable": "air_temp",
            "role": "viewer",
            "all_sites": "yes",
        }
        for answer in (client.get(path), client.post(path, data=form)):
            assert answer.status_code in (404, 405), (page.name, answer.status_code)
        asked += 1
    assert asked >= 15
    with access.organisation_transaction(other.actor):
        assert len(events.of_organisation(other.actor.organisation, 1000)) == before
