"""Files that mean harm, handed in at the door: a clear 4xx, nothing kept, everybody else served meanwhile."""

import os
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from glasshouse.greenhouse import imports
from glasshouse.sources import api as sources
from tests.attacks.files import MAIN, ROWS, SHEET, TEXT_ROW, hand_in, packed, table, workbook
from tests.attacks.test_sandbox import sandboxes
from tests.conftest import Customer

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
SHEET_PART, STRINGS_PART = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
SLOW = workbook({STRINGS_PART: f'<sst xmlns="{MAIN}">{"<si><t>a</t></si>" * 900_000}</sst>'})


def kept() -> set[str]:
    """Everything that lies in the folders of the files and of the bodies."""
    folders = (Path(settings.BLOB_FOLDER), Path(settings.DATA_FOLDER) / "spool")
    return {str(path) for folder in folders for path in folder.rglob("*") if path.is_file()}


HARMFUL: dict[str, tuple[Callable[[], bytes], str]] = {
    "dtd": (
        lambda: workbook(
            {SHEET_PART: f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>{SHEET.format("", ROWS)}'}
        ),
        "document type (DTD)",
    ),
    "bomb": (lambda: workbook({SHEET_PART: b" " * (100 << 20)}), "unpack to more than 64 MB"),
    "rows": (lambda: workbook(rows=ROWS + "<row/>" * 1_100_000), "more than 1,048,576 rows"),
    "columns": (
        lambda: workbook(rows=TEXT_ROW.format(1, "a", "b") + "<row>" + "<c><v>1</v></c>" * 3_000 + "</row>"),
        "columns",
    ),
    "zip": (lambda: packed({"a.zip": packed({"a.csv": b"x"})}), "damaged"),
    "cut": (lambda: workbook()[:700], "damaged"),
    "cell": (lambda: table("2024-06-01 00:00," + "1" * 131_073), "Line 12 of this file"),
    "quote": (lambda: table('"2024-06-01 00:00,1'), "A quotation mark opens in line 12"),
    "line": (lambda: table("x" * (20 << 20)), "longer than 8 MB"),
    "zeros": (lambda: bytes(100_000), "no table of text"),
    "utf-16": (lambda: b"\xff\xfe\x00\xd8" * 1000, "no rows below its heading"),
    "brackets": (lambda: b"[" * 1_000_000, "no row of a table"),
}


@pytest.mark.parametrize("kind", HARMFUL)
def test_each_is_a_clear_refusal_and_nothing_of_it_stays(customer: Make, web: Web, kind: str) -> None:
    own = customer()
    client = web(own)
    client.get(f"/o/{own.organisation}/import")
    make, reason = HARMFUL[kind]
    before, processes = kept(), sandboxes()
    answer = hand_in(client, own, make(), f"{kind}.xlsx")
    assert answer.status_code == 400, answer.text[-500:]
    assert reason in re.sub(r"\s+", " ", answer.text), re.findall(r'(?s)role="alert".{0,600}', answer.text)
    assert kept() <= before
    assert sandboxes() <= processes
    assert imports.uploads(own.actor) == []
    assert hand_in(client, own, table("2024-06-01 00:00,1")).status_code == 302


def test_others_are_served_while_a_file_costs_much(customer: Make, web: Web) -> None:
    own, other = customer(), customer()
    client, neighbour = web(own), web(other)
    answers: list[httpx.Response] = []
    sending = threading.Thread(target=lambda: answers.append(hand_in(client, own, SLOW, "slow.xlsx", timeout=90)))
    before = sandboxes()
    sending.start()
    ends = time.monotonic() + 60
    while not sandboxes() - before:
        assert time.monotonic() < ends
        time.sleep(0.02)
    served = 0
    while sandboxes() - before and served < 5:
        assert neighbour.get(f"/o/{other.organisation}/sites", timeout=30).status_code == 200
        served += 1
    assert served >= 2, "the slow file was not slow"
    assert hand_in(neighbour, other, table("2024-06-01 00:00,1")).status_code == 302
    sending.join()
    assert answers[0].status_code in (302, 400)


def test_a_reader_that_is_killed_is_said_and_leaves_nothing(customer: Make, web: Web) -> None:
    own = customer()
    client = web(own)
    before, processes = kept(), sandboxes()
    answers: list[httpx.Response] = []
    sending = threading.Thread(target=lambda: answers.append(hand_in(client, own, SLOW, "slow.xlsx", timeout=90)))
    sending.start()
    ends = time.monotonic() + 60
    while not (started := sandboxes() - processes):
        assert time.monotonic() < ends
        time.sleep(0.02)
    for pid in started:
        os.kill(pid, signal.SIGKILL)
    sending.join()
    assert answers[0].status_code == 400
    assert "Reading this file was cut off" in answers[0].text
    assert "Try again" in answers[0].text
    assert kept() <= before
    assert sandboxes() <= processes
    assert imports.uploads(own.actor) == []


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd",
        "a\\ud800.csv",
        "x" * 5000 + ".csv",
        "a\tb.csv",
        "‮vsc.exe",
        "",
        "a;b=c.csv",
        "%00.csv",
        ".." * 50,
    ],
    ids=range(9),
)
def test_a_name_of_a_file_is_only_a_name(customer: Make, web: Web, name: str) -> None:
    own = customer()
    before = kept()
    answer = hand_in(web(own), own, table("2024-06-01 00:00,1"), name)
    assert answer.status_code in (302, 400), answer.status_code
    assert len(kept() - before) == (answer.status_code == 302)
    for upload in imports.uploads(own.actor):
        assert len(upload.name) <= 200


@pytest.mark.parametrize(
    ("listed", "line"),
    [("a@b.example\n" + "x" * 140_000, 2), ("a@b.example\rb@b.example", 1), ('"' + "x" * 140_000, 1)],
    ids=["long", "returns", "quote"],
)
def test_a_list_of_addresses_that_is_none_says_where(customer: Make, web: Web, listed: str, line: int) -> None:
    own = customer()
    client, page = web(own), f"/o/{own.organisation}/members"
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(page).text)
    assert token
    form = {"csrfmiddlewaretoken": token[1], "role": "viewer", "days": "7", "all_sites": "yes"}
    answer = client.post(f"{page}/invite", data=form, files={"list": ("list.csv", listed.encode())})
    assert answer.status_code == 400, answer.status_code
    assert f"Line {line + 1} of the list" in answer.text  # A line of the form stands before the file's.
    assert "Write one address a line" in answer.text


# -- contacts of third parties -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[" * 300_000, "no JSON"),
        (b'[{"address": "a@b.example", "name": ' + b"[" * 100_000, "no JSON"),
        (b'[{"address": 1e400, "name": "x"}]', ""),
        (b'[{"address": "\\ud800@b.example", "name": "x"}]', "characters that are no text"),
        (b"address,name\na@b.example," + b"x" * 140_000 + b"\n", "no CSV"),
        (b'address,name\na@b.example,"open\n' + b"b@b.example,x\n" * 10_000, ""),
        (b"\0" * 100_000, "Line 1 must name"),
        (b"\xff\xfe" * 50_000, "Line 1 must name"),
        (b"address,name\n" + b"a@b.example,x\n" * 6_000, "at most 5000 rows"),
        (b"a" * (1 << 20), "CSV"),
        (b"address" + b",name" * 300_000 + b"\n", ""),
    ],
    ids=range(11),
)
def test_a_file_of_contacts_is_read_apart_and_refused_clearly(
    officer: Customer, web: Web, body: bytes, reason: str
) -> None:
    source = sources.add_source(officer.actor, "partner", "Partner", "a licence", "supplement").id
    token = sources.make_token(officer.actor, source)
    answer = web().post("/v1/contacts", content=body, headers={"Authorization": f"Bearer {token}"}, timeout=60)
    assert answer.status_code in (200, 400), answer.text
    assert reason in answer.text
    assert answer.status_code == 400 or answer.json()["taken"] == 0


def test_contacts_are_parsed_by_no_process_that_holds_keys(officer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.sources import rules

    def refuse(*_: object) -> None:
        raise AssertionError("parsed where the keys are")

    monkeypatch.setattr(rules, "contacts", refuse)
    source = sources.add_source(officer.actor, "partner", "Partner", "a licence", "supplement").id
    assert sources.bring_in(officer.actor, source, "address,company\na-b@person.example,A\n").taken == 1


# -- mails ---------------------------------------------------------------------------------------------------------


def test_mails_are_parsed_by_no_process_that_holds_keys(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.operations import inbound_mail, inbound_smtp
    from glasshouse.requests import replies

    def refuse(*_: object) -> None:
        raise AssertionError("parsed where the keys are")

    arrived: list[tuple[object, ...]] = []
    monkeypatch.setattr(inbound_mail, "read", refuse)
    monkeypatch.setattr(inbound_mail, "failed_status", refuse)
    monkeypatch.setattr(replies, "from_mail", lambda *given: arrived.append(given))
    raw = b"From: Jan <jan@x.example>\r\nSubject: =?utf-8?q?L=C3=B6schung?=\r\nMessage-ID: <a@x>\r\n\r\nBitte l\xc3\xb6schen\r\n"
    assert inbound_smtp.take(raw).startswith("250")
    assert arrived[0][:2] == ("jan@x.example", "Löschung")
    assert "Bitte löschen" in str(arrived[0][2])
    assert inbound_smtp.take(b" \r\n").startswith("554 5.6.0 The mail is empty")
    assert inbound_smtp.take(b"x" * (1 << 20)).startswith("554")
    assert inbound_smtp.take_back(raw, "0" * 16).startswith("250")
