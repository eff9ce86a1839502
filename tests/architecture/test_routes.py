"""The table of routes × roles, walked against the live door. A route that is not in the table is red."""

from collections.abc import Callable

import httpx
import pytest

from glasshouse.cli.installation import Installation
from tests.conftest import Customer, Roles


@pytest.mark.usefixtures("home")
def test_every_route_says_who_may_open_it() -> None:
    from glasshouse.access.routes import ROUTES
    from glasshouse.promises import matrix

    assert matrix.names() == sorted(ROUTES)


@pytest.mark.usefixtures("home")
def test_every_api_operation_says_who_may_call_it() -> None:
    from glasshouse.access.routes import OPERATIONS
    from glasshouse.web.people_api import api

    schema = api.get_openapi_schema()
    real = [
        f"{verb.upper()} {path.removeprefix('/api/v1')}" for path, verbs in schema["paths"].items() for verb in verbs
    ]
    assert sorted(real) == sorted(OPERATIONS)


def test_every_role_at_every_route_at_home_and_abroad(roles: Roles, customer: Callable[[], Customer]) -> None:
    from glasshouse.promises import matrix

    own, clients = roles
    steps = list(matrix.walk(clients, own.organisation, customer().organisation))
    wrong = "\n".join(step.wrong for step in steps if step.wrong)
    assert not wrong, wrong
    assert len(steps) > 400


def test_every_role_at_every_api_operation(home: Installation, roles: Roles, customer: Callable[[], Customer]) -> None:
    import ssl

    from glasshouse.access import members, tokens
    from glasshouse.access.permissions import GRANTED, Permission, Role
    from glasshouse.access.routes import OPERATIONS
    from glasshouse.access.tokens import SCOPES

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
    assert GRANTED[Role.ADMINISTRATOR] == frozenset(Permission)
    assert members.members(own.actor)
    assert httpx.get(f"{home.origin}/api/v1/sites", verify=trust).status_code == 401
