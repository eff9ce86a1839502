"""Text that is none, charsets that the sender chooses, deeply nested JSON: refused with a 4xx, never an error of ours."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.http import QueryDict
from django.test import RequestFactory

from crops.door import Door
from glasshouse.organisations import tokens
from glasshouse.sources import rules
from glasshouse.web.middleware import plain_fields
from tests.conftest import Customer, post

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
CODECS = ("hex", "idna", "utf-7", "undefined", "base64", "rot13", "unicode_escape", "punycode", "x-none", "utf-16")
PAGES = ("/sign-in", "/sign-up", "/forgotten", "/privacy")


@pytest.mark.parametrize("charset", CODECS)
def test_the_sender_does_not_choose_the_decoder(web: Web, charset: str) -> None:
    client = web()
    for page in PAGES:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"):
            head = {"Content-Type": f"{kind}; charset={charset}"}
            assert client.get(f"{page}?next=x%ff", headers=head).status_code == 415, (page, kind)
            body = b'--b\r\nContent-Disposition: form-data; name="address"\r\n\r\n\\ud800\r\n--b--\r\n'
            assert client.post(page, content=body, headers=head).status_code == 415, (page, kind)
    for charset_we_speak in ("utf-8", "UTF-8", "us-ascii"):
        head = {"Content-Type": f"text/plain; charset={charset_we_speak}"}
        assert client.get("/sign-in", headers=head).status_code == 200


def test_names_in_a_form_cannot_bring_a_decoder_either(web: Web) -> None:
    client = web()
    for codec in CODECS:
        for name in (f"filename*={codec}''%41%ff", f"name*={codec}''%41%ff", f"filename*={codec}'en'a"):
            disposition = f'Content-Disposition: form-data; name="a"; {name}'
            body = f"--b\r\n{disposition}\r\n\r\nx\r\n--b--\r\n".encode()
            answer = client.post("/sign-in", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
            assert answer.status_code < 500, (codec, name)


def test_half_a_surrogate_pair_is_refused_in_every_field(customer: Make, web: Web) -> None:
    guard = plain_fields(lambda request: None)  # type: ignore[arg-type, return-value]
    for name, value in (("a", "\ud800"), ("\udfff", "a"), ("a", "b\0"), ("a", "x" * 999 + "\udc00")):
        request = RequestFactory().post("/sign-in")
        form = QueryDict(mutable=True)
        form[name] = value
        request.POST = form  # type: ignore[assignment]
        answer = guard.process_view(request, None, (), {})
        assert answer is not None
        assert answer.status_code == 400
    client, own = web(customer()), customer()
    assert post(client, f"/o/{own.organisation}/sites", "/account", name="a\0b").status_code == 400


@pytest.mark.parametrize("bad", ["\\ud800", "\\u0000", "a\\udc00b"])
def test_programs_send_text_only(customer: Make, web: Web, bad: str) -> None:
    own = customer()
    secret = tokens.create_token(own.actor, "Program", ["greenhouse:site:read", "greenhouse:limits:set"], 30)
    head = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    client = web()
    for body in (
        f'{{"variable": "air_temp", "compartment": "{bad}", "least": 1, "most": 2}}',
        f'{{"variable": "{bad}", "least": 1, "most": 2}}',
        f'{{"variable": "air_temp", "least": 1, "most": 2, "{bad}": 1}}',
    ):
        answer = client.put(f"/api/v1/sites/{own.site}/target-ranges", content=body, headers=head)
        assert 400 <= answer.status_code < 500, (body, answer.text)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        '{"a":' * 50_000,
        '[{"address": "a@b.example", "name": ' + "[" * 100_000,
        f'address,name\na@b.example,"{"x" * 140_000}"\n',
        'address,name\na@b.example,"open\n',
        "\0" * 1000,
    ],
)
def test_a_file_of_contacts_that_is_none_says_so(text: str) -> None:
    try:
        rows = rules.contacts(text)
    except rules.FileError:
        return
    assert all(isinstance(rules.flaw(row), str) for row in rows)


def test_a_contact_that_is_no_text_is_that_rows_flaw_and_the_others_stay() -> None:
    rows = rules.contacts(
        json.dumps(
            [
                {"address": "a@b.example", "name": "\ud800"},
                {"address": "b@b.example", "name": "a\r\nBcc: x"},
                {"address": "c@b.example", "name": "a\0"},
                {"address": "d@b.example", "name": "Dora"},
            ]
        )
    )
    assert [bool(rules.flaw(row)) for row in rows] == [True, True, True, False]


def test_a_credential_that_is_no_text_is_no_credential(crops: httpx.Client) -> None:
    for value in (
        b"Basic \xff\xfe",
        b"Basic ====",
        b"Basic /w==",
        b"Token \xff",
        b"Capability \xff\xfe",
        b"Bearer \xe9",
    ):
        answer = crops.post("/api/v2/write", content=b"a b=1 1", headers=[(b"Authorization", value)])  # type: ignore[arg-type]
        assert answer.status_code == 401, (value, answer.text)
        assert crops.get("/v1/series", headers=[(b"Authorization", value)]).status_code == 401  # type: ignore[arg-type]


def test_a_door_that_cannot_judge_a_head_lets_nobody_in() -> None:
    import asyncio

    reached: list[Any] = []

    async def inner(*_: Any) -> None:
        reached.append(1)

    def judge(_: Any) -> Any:
        raise RuntimeError("broken")

    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "http_version": "1.1"}
    asyncio.run(Door(inner, judge, 5)(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 500
    assert json.loads(sent[1]["body"])["code"] == "internal error"
    assert reached == []
