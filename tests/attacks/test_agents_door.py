"""The agents' door (`/v1/…`) is asked all that its protocol allows, and much that it does not: no answer is an error of ours."""

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from schemathesis import Case

from tests.agents import EXERCISE, Agent, some_address
from tests.attacks.test_descriptions import ask_all
from tests.conftest import Customer

Web = Callable[..., httpx.Client]
MANY = [4, pytest.param(200, marks=pytest.mark.long)]  # questions for each operation; more in the long run
TEXT, MOMENT = {"type": "string"}, {"type": "string", "format": "date-time"}
# The protocol's own words (Data Rights Protocol 1.0, 3.02 and 3.03); nothing of ours describes this door.
MESSAGE = {
    "type": "object",
    "properties": {
        "agent-id": TEXT,
        "business-id": {"enum": ["GLASSHOUSE", "OTHER"]},
        "drp.version": {"enum": ["1.0", "0.9"]},
        "issued-at": MOMENT,
        "expires-at": MOMENT,
        "exercise": {
            "enum": ["access", "deletion", "sale:opt-out", "sale:opt-in", "access:categories", "access:specific"]
        },
        "regime": {"enum": ["ccpa", "voluntary"]},
        "relationships": {"type": "array", "items": TEXT, "maxItems": 30},
        "status_callback": {"type": "string", "format": "uri"},
        "agent-request-id": TEXT,
        "name": TEXT,
        "name_verified": {"type": "boolean"},
        "email": {"type": "string", "format": "email"},
        "email_verified": {"type": "boolean"},
        "phone_number": TEXT,
        "phone_number_verified": {"type": "boolean"},
        "address": {"anyOf": [TEXT, {"type": "object", "additionalProperties": TEXT}]},
        "power_of_attorney": TEXT,
        "reason": TEXT,
        "request_id": TEXT,
    },
    "required": ["exercise"],
}
BODY = {"required": True, "content": {"application/json": {"schema": MESSAGE}}}
ANSWERS = {"responses": {"200": {"description": "as the protocol says"}}}


def named(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[a-z0-9-]{1,40}$"}}


DESCRIPTION: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "The agents' door", "version": "1.0"},
    "paths": {
        "/v1/agent/{agent}": {
            "parameters": [named("agent")],
            "post": {"requestBody": BODY, **ANSWERS},
            "get": ANSWERS,
        },
        EXERCISE: {"post": {"requestBody": BODY, **ANSWERS}},
        f"{EXERCISE}/{{number}}": {
            "parameters": [named("number")],
            "get": ANSWERS,
            "delete": {"requestBody": BODY, **ANSWERS},
        },
    },
}


@pytest.mark.parametrize("count", MANY)
def test_the_agents_door(officer: Customer, web: Web, count: int) -> None:
    client = web()
    agent = Agent(officer).paired(client)
    own = agent.asks(client, email=some_address()).json()["request_id"]
    seen: set[int] = set()

    def ask(case: Case) -> httpx.Response:
        """One question: signed by the agent where it is a message, as it is where it is none; every other at its own request."""
        body = case.body if isinstance(case.body, dict | list | str | int | float | bool) else None
        signed = agent.signed({**agent.message(), **body}) if isinstance(body, dict) else json.dumps(body).encode()
        path = str(case.formatted_path)
        if "{number}" in case.path and len(seen) % 2:
            path = f"{EXERCISE}/{own}"
        if "{agent}" in case.path and len(seen) % 2:
            path = f"/v1/agent/{agent.id}"
        answer = client.request(case.method, path, content=signed, headers=agent.head)
        seen.add(answer.status_code if answer.status_code < 500 else len(seen) + 1_000)
        return answer

    assert ask_all(DESCRIPTION, ask, count) == []
    assert seen & {200, 400, 403}


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x00" * 64,
        b"a" * 65_000,
        b"a" * 70_000,
        base64.b64encode(b"\x00" * 64),
        base64.b64encode(b"\x00" * 64 + b"{" * 5_000),
        base64.b64encode(b"\x00" * 64 + b"[" * 40_000),
        "é".encode() * 200,
    ],
    ids=lambda message: f"{message[:4]!r}-{len(message)}",
)
def test_what_is_no_message_is_refused(officer: Customer, web: Web, message: bytes) -> None:
    client = web()
    agent = Agent(officer).paired(client)
    for method, path in (("POST", f"/v1/agent/{agent.id}"), ("POST", EXERCISE), ("DELETE", f"{EXERCISE}/none")):
        answer = client.request(method, path, content=message, headers=agent.head)
        assert 400 <= answer.status_code < 500, (method, path, answer.text)


HOSTILE = [
    "\x00",
    "\ud800",
    "a" * 50_000,
    {"deep": [[[[[[{}]]]]]]},
    [None] * 5_000,
    10**400,
    -0.0,
    True,
    None,
    "x@y\r\nBcc: z@y.example",
    "javascript:alert(1)",
]


def test_hostile_values_of_each_field_are_refused_or_read_as_text(officer: Customer, web: Web) -> None:
    """Signed by the agent itself: what it says is checked before it costs or changes anything."""
    client = web()
    agent = Agent(officer).paired(client)
    broken = []
    for name in MESSAGE["properties"]:
        value = HOSTILE[hash_of(name) % len(HOSTILE)]
        for wrong in (value, HOSTILE[(hash_of(name) + 3) % len(HOSTILE)]):
            wish = agent.message(exercise="access", email=some_address()) | {name: wrong}
            answer = client.post(EXERCISE, content=agent.signed(wish), headers=agent.head)
            if answer.status_code >= 500:
                broken.append((name, str(wrong)[:40], answer.status_code))
    assert broken == []


def hash_of(name: str) -> int:
    return sum(map(ord, name))
