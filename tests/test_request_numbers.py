"""Each request has a number of ours: in its answer, and in every line of the log that it causes."""

import asyncio
import json
from typing import Any

import httpx
import pytest
import structlog

from crop_contract import logs
from crop_contract.requests import Message, numbered
from glasshouse.operations.installation import Installation
from glasshouse.promises import sockets


def _answers(application: Any, headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(application({"type": "http", "headers": headers}, receive, send))
    return dict(sent[0]["headers"])


def test_a_request_has_a_number_in_its_answer_and_in_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    log = structlog.stdlib.get_logger("glasshouse.test")

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.to_thread(log.error, "something")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})

    given = [(b"x-request-id", b"of-the-client")]
    numbers = []
    for _ in range(2):
        headers = _answers(numbered(application), given)
        line = json.loads(capsys.readouterr().err)
        assert line["request"].encode() == headers[b"x-request-id"] and headers[b"a"] == b"b"
        numbers.append(line["request"])
    assert len(set(numbers)) == 2 and "of-the-client" not in numbers
    log.error("outside")
    assert "request" not in json.loads(capsys.readouterr().err)


def test_both_doors_number_their_answers_also_of_refusals(home: Installation) -> None:
    with httpx.Client(verify=sockets.context()) as client:
        for origin in (home.origin, home.crops_origin):
            answers = [client.get(f"{origin}{path}") for path in ("/", "/nothing-here", "/" + "a" * 5_000)]
            numbers = [answer.headers["x-request-id"] for answer in answers]
            assert len(set(numbers)) == 3 and all(len(number) == 16 for number in numbers), origin
