"""Bodies of programs, forms and passkeys that mean harm, on both planes: a clear 4xx, never an error of ours."""

import base64
import json
import re
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from glasshouse.organisations import tokens
from tests.agents import Agent
from tests.conftest import Customer, post
from tests.test_crop_door import NOW, SITE, Plane, plane

__all__ = ["plane"]
Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
# What stands in the place of a value. JSON itself knows no NaN, and no number without end.
VALUES = {
    "surrogate": '"\\ud800"',
    "other half": '"a\\udfffb"',
    "nul": '"\\u0000"',
    "infinite": "1e400",
    "minus infinite": "-1e400",
    "long number": "9" * 5_000,
    "long fraction": "0." + "9" * 50_000,
    "NaN": "NaN",
    "Infinity": "Infinity",
    "deep list": "[" * 100_000 + "]" * 100_000,
    "deep object": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "half deep": "[" * 900 + "]" * 900,
    "open": "[" * 200_000,
    "object": "{}",
    "long text": '"' + "x" * 50_000 + '"',
    "true": "true",
    "null": "null",
    "bytes": "\xff\xfe",
}
WHOLE = [
    "",
    "null",
    "[]",
    "1e400",
    '"x"',
    "{",
    '{"a":1,"a":2}',
    "\ufeff{}",
    "\x00",
    "{}{}",
    "[" * 300_000,
    '{"\\ud800": 1}',
]


def body(fields: dict[str, object], name: str, value: str) -> bytes:
    """JSON with one value exchanged for a text that is put in as it stands."""
    return json.dumps(fields | {name: "@@"}).replace('"@@"', value).encode("latin-1")


@pytest.mark.parametrize("value", VALUES)
def test_the_people_api_answers_clearly(customer: Make, web: Web, value: str) -> None:
    own = customer()
    secret = tokens.create_token(own.actor, "Program", ["greenhouse:site:read", "greenhouse:limits:set"], 30)
    head = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    client, path = web(), f"/api/v1/sites/{own.site}/target-ranges"
    good: dict[str, object] = {"variable": "air_temp", "compartment": "", "least": 1, "most": 2}
    for name in good:
        answer = client.put(path, content=body(good, name, VALUES[value]), headers=head)
        # An empty bound means that there is none; a long fraction is a number.
        taken = answer.status_code == 200 and value in ("null", "true", "long fraction")
        assert taken or 400 <= answer.status_code < 500, (name, answer.text)
        if answer.status_code != 200:
            assert answer.json()["detail"], (name, answer.text)
    assert client.put(path, content=json.dumps(good).encode(), headers=head).status_code == 200


def test_the_people_api_answers_bodies_that_are_none(customer: Make, web: Web) -> None:
    own = customer()
    secret = tokens.create_token(own.actor, "Program", ["greenhouse:site:read", "greenhouse:limits:set"], 30)
    head = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    client, path = web(), f"/api/v1/sites/{own.site}/target-ranges"
    for whole in WHOLE:
        answer = client.put(path, content=whole.encode(), headers=head)
        assert 400 <= answer.status_code < 500, (whole[:20], answer.text)
        assert answer.json()["detail"]
    long = "9" * 3_000
    for query in (
        "start=1e400&end=1",
        f"start={long}&end=1",
        "start=%ED%A0%80&end=1",
        "series=%00&start=1&end=2",
        "start=1",
    ):
        answer = client.get(f"/api/v1/readings?series=1&{query}", headers=head)
        assert 400 <= answer.status_code < 500, (query[:30], answer.text)


@pytest.mark.parametrize("value", VALUES)
def test_the_crop_plane_answers_clearly(plane: Plane, value: str) -> None:
    routes: list[tuple[str, str, dict[str, object]]] = [
        ("/v1/devices", "devices:write", {"device": "d" * 16, "site": SITE, "compartment": ""}),
        ("/v1/readings", "readings:read", {"series": ["1"], "start": NOW - 10, "end": NOW, "points": 10, "step": 0}),
        ("/v1/export", "readings:read", {"series": ["1"], "start": NOW - 10, "end": NOW}),
    ]
    with plane.client() as client:
        for path, verb, good in routes:
            head = {"Authorization": plane.authorization(verb), "Content-Type": "application/json"}
            for name in good:
                answer = client.post(path, content=body(good, name, VALUES[value]), headers=head)
                assert 400 <= answer.status_code < 500, (path, name, answer.text)
                assert answer.json()["message"], (path, name)
    plane.check_serves()


def test_the_crop_plane_answers_bodies_that_are_none(plane: Plane) -> None:
    with plane.client() as client:
        for path, verb in (
            ("/v1/devices", "devices:write"),
            ("/v1/readings", "readings:read"),
            ("/v1/export", "readings:read"),
        ):
            head = {"Authorization": plane.authorization(verb), "Content-Type": "application/json"}
            for whole in WHOLE:
                answer = client.post(path, content=whole.encode()[: 16 << 10], headers=head)
                assert 400 <= answer.status_code < 500, (path, whole[:20], answer.text)
                assert answer.json()["message"]
        for text in (
            b"m a=1e400 1",
            b"m a=\xff 1",
            b"m a=1 " + b"9" * 400,
            b'm a="' + b"x" * 100_000,
            b"\0" * 100,
            b"m a=nan 1",
        ):
            head = {"Authorization": f"Token {plane.tokens[0]}"}
            answer = client.post("/api/v2/write?precision=s", content=text, headers=head)
            assert answer.status_code == 400, (text[:20], answer.text)
            assert "line 1" in answer.json()["message"] or "stored" in answer.json()["message"]
        files = {"Authorization": plane.authorization("readings:write")}
        for stream in (
            b"",
            b"\xff" * 100,
            b"ARROW1\0\0" + bytes(range(256)),
            b"\xff\xff\xff\xff\xff\xff\xff\x7f" + b"x" * 100,
        ):
            answer = client.post(f"/v1/imports?site={SITE}&change={SITE}", content=stream, headers=files)
            assert answer.status_code == 400, answer.text
    plane.check_serves()


# -- agents of the Data Rights Protocol, whose messages are signed --------------------------------------------------


FREE = ("name", "regime", "agent-request-id", "status_callback")  # may say anything that is text
SIGNED = ("exercise", "email", "issued-at", "expires-at", *FREE)


@pytest.mark.parametrize("name", SIGNED)
def test_a_signed_message_is_believed_no_more_than_any(officer: Customer, web: Web, name: str) -> None:
    client = web()
    agent = Agent(officer).paired(client)
    good = agent.message(exercise="access", email="a@grower.example")
    for value in VALUES:
        text = body(good, name, VALUES[value])[: 40 << 10]
        signed = base64.b64encode(agent.key.sign(text) + text)
        answer = client.post("/v1/data-rights-request", content=signed, headers=agent.head)
        assert answer.status_code in (400, 403, 429) or (name in FREE and answer.status_code == 200), (
            value,
            answer.text,
        )
        if "surrogate" in value or value in ("other half", "nul", "bytes", "open"):
            assert answer.status_code in (400, 403, 429), (value, answer.status_code)


def test_a_signed_message_at_the_ends_of_the_calendar_is_refused(officer: Customer, web: Web) -> None:
    client = web()
    agent = Agent(officer).paired(client)
    for issued, expires in (
        ("0001-01-01T00:00:00+00:00", "0001-01-01T00:10:00+00:00"),
        ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
        ("9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59-23:59"),
        (str(timedelta.max), "x"),
    ):
        message = agent.message(exercise="access", email="a@grower.example") | {
            "issued-at": issued,
            "expires-at": expires,
        }
        answer = client.post("/v1/data-rights-request", content=agent.signed(message), headers=agent.head)
        assert answer.status_code in (400, 403), (issued, answer.status_code)


# -- forms ---------------------------------------------------------------------------------------------------------


FORM_VALUES = (
    "%ED%A0%80",
    "%00",
    "1e400",
    "-1e400",
    "9" * 5_000,
    "NaN",
    "inf",
    "[" * 5_000,
    "%D9%A3",
    "1_0",
    "0x1",
    "%FF%FE",
)


@pytest.mark.parametrize("value", FORM_VALUES, ids=range(len(FORM_VALUES)))
def test_a_number_of_a_form_that_is_none_is_refused(customer: Make, web: Web, value: str) -> None:
    """value: as a form's body writes it."""
    own = customer()
    client, page = web(own), f"/o/{own.organisation}/sites"
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(page).text)
    assert token
    head = {"Content-Type": "application/x-www-form-urlencoded"}
    # Digits of another script are digits to Python; a long row of nines is a number that is too large.
    digits = ("%D9%A3", "1_0")
    for path, fields in (
        (f"{page}/{own.site}/target-ranges", f"variable=air_temp&compartment=&most=100&least={value}"),
        (page, f"name=A&time_zone=Europe/Rome&latitude={value}"),
        (page, f"name=A&time_zone=Europe/Rome&area_m2={value}"),
    ):
        answer = client.post(path, content=f"csrfmiddlewaretoken={token[1]}&{fields}", headers=head)
        assert answer.status_code in (400, 413) or (value in digits and answer.status_code == 302), (
            path,
            answer.status_code,
        )


PASSKEYS = (
    "[" * 20_000,
    '{"response": ' * 1_000,
    '{"response": 1e400}',
    '{"response": {"clientDataJSON": "\\ud800"}}',
    '{"response": {"clientDataJSON": "e30"}}',
    '"\\ud800"',
    "null",
)


@pytest.mark.parametrize("value", PASSKEYS, ids=range(len(PASSKEYS)))
def test_a_passkey_s_answer_that_is_none_is_refused(web: Web, value: str) -> None:
    inner = base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")
    whole = json.dumps({"id": "x", "rawId": "x", "type": "public-key", "response": {"clientDataJSON": inner}})
    for answer in (value, whole):
        refused = post(web(), "/passkey", "/sign-in", answer=answer)
        assert 400 <= refused.status_code < 500, refused.status_code
        assert refused.status_code == 413 or "passkey" in refused.text or "is too long" in refused.text
