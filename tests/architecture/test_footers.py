"""Every page and every mail ends with the privacy address and the privacy notice in force, linked by its number."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings

import glasshouse
from glasshouse.access import pages
from glasshouse.access.pages import Page
from glasshouse.kernel.ids import KeyOwnerId, new_id
from glasshouse.operations.installation import Installation
from tests import matrix
from tests.architecture.parsed import nodes_in
from tests.architecture.test_mail_templates import SAMPLES
from tests.conftest import Customer, Roles, as_staff, enter_staff

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
SOURCE = Path(glasshouse.__file__).parent
MAILTO = 'href="mailto:privacy@localhost"'
NUMBER = 'href="/documents/notice?version=1"'


def lacks(answer: httpx.Response) -> str:
    """What the foot of a whole page lacks; "" where nothing does, or where it is no page."""
    text = answer.text
    if not answer.headers.get("content-type", "").startswith("text/html") or answer.is_redirect or not text.strip():
        return ""
    foot = text.partition('<footer class="foot">')[2]
    return ", ".join(name for name, part in (("address", MAILTO), ("number", NUMBER)) if part not in foot)


def declared() -> list[Page]:
    matrix.names()  # The router fills the registry.
    return [page for page in pages.pages() if "GET" in page.methods and page.name != "sign_out"]


def test_every_page_of_every_audience_ends_with_address_and_notice(
    roles: Roles, olaf: Make, officer: Customer, web: Web
) -> None:
    own, clients = roles
    somebody = list(clients.values())
    staff = [enter_staff(web(officer))]
    staff += [enter_staff(web(as_staff(olaf(), role))) for role in ("support", "security")]
    wrong, whole = [], 0
    for client in (web(), *somebody, *staff):
        for page in declared():
            answer = client.get(matrix.address_of(page, own.organisation))
            whole += '<footer class="foot">' in answer.text
            # A part of a page is loaded into one that has its foot.
            is_part = "<html" not in answer.text
            if not is_part and (lacking := lacks(answer)):
                wrong.append(f"{page.name} {answer.status_code}: {lacking}")
    assert wrong == []
    assert whole > 300


def test_the_pages_that_say_what_went_wrong_end_so_too(home: Installation, web: Web, customer: Make) -> None:
    client = web(customer())
    answers = {
        404: client.get("/nowhere"),
        405: client.request("PUT", "/trust", headers={"X-CSRFToken": token(client)["csrfmiddlewaretoken"]}),
        403: client.post("/privacy", data={"address": "x@y.example"}),
        414: client.get("/trust?" + "x" * 20_000),
        413: client.post("/privacy", content=b"x" * 5_000_000),
        400: client.post("/sign-up", data={"address": "no address", **token(client)}),
    }
    for status, answer in answers.items():
        assert (answer.status_code, lacks(answer)) == (status, ""), status
        assert "<footer" in answer.text, status


def token(client: httpx.Client) -> dict[str, str]:
    client.get("/sign-up")
    page = client.get("/sign-up").text
    return {"csrfmiddlewaretoken": page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]}


def test_a_page_without_its_template_still_says_where_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.web import failures

    def broken(*_: object) -> str:
        raise ValueError

    monkeypatch.setattr(failures, "render_to_string", broken)
    assert "privacy@localhost" in failures.error_page(500, "page", text="x").content.decode()


@pytest.mark.usefixtures("home")
def test_an_errors_page_asks_no_database_for_the_number() -> None:
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    from glasshouse.notices import in_force
    from glasshouse.web import failures

    in_force.forget()
    with CaptureQueriesContext(connections["default"]) as queries:
        page = failures.error_page(500, "page", text="x").content.decode()
    assert len(queries) == 0
    assert MAILTO in page


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_every_mail_ends_with_address_and_notice(name: str) -> None:
    from glasshouse.mail import api as mail
    from glasshouse.mail.models import Message

    number = mail.queue_template(KeyOwnerId(new_id()), "demo", f"{new_id()}@footer.example", name, SAMPLES[name])
    body = Message.objects.get(id=number).body
    foot = body.rpartition("\n--\n")[2]
    assert "privacy@localhost" in foot
    assert f"{settings.ORIGIN}/documents/notice?version=1" in foot
    assert ("Fassung 1" in foot) is name.endswith(".de")
    assert body.count("\n--\n") == 1
    Message.objects.filter(id=number).delete()


def test_no_mail_is_queued_past_the_footer() -> None:
    """`Message(` stands in the verb that every mail goes through, and only the text messages have no footer."""
    places = [
        (file.relative_to(SOURCE).as_posix(), getattr(node.func, "id", getattr(node.func, "attr", "")))
        for file, node in nodes_in(sorted(SOURCE.rglob("*.py")))
        if isinstance(node, ast.Call)
    ]
    assert [file for file, name in places if name == "_keep" and file.startswith("mail/")] == ["mail/api.py"] * 2
    assert [file for file, name in places if name == "Message" and file.startswith("mail/")] == ["mail/api.py"]
    assert {file for file, name in places if name == "keep_sent"} == {"accounts/texts.py"}


def test_the_footer_of_an_operator_that_did_not_name_itself_names_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from glasshouse.mail.rendering import with_footer

    monkeypatch.setattr(settings, "OPERATOR", replace(settings.OPERATOR, name="", privacy_address="data@kas.example"))
    text = with_footer("Body.\n", "en", 0)
    assert text.startswith("Body.\n\n--\n")
    assert f"{settings.ORIGIN.partition('://')[2]} · about your data: data@kas.example" in text
    assert "version" not in text


def test_the_listener_takes_the_address_that_the_operator_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio
    from dataclasses import replace
    from types import SimpleNamespace

    from glasshouse.operations.inbound_smtp import InboundSmtp

    monkeypatch.setattr(settings, "OPERATOR", replace(settings.OPERATOR, privacy_address="data@kas.example"))

    def answer(address: str) -> str:
        envelope: Any = SimpleNamespace(rcpt_tos=[])
        return asyncio.run(InboundSmtp().handle_RCPT(None, None, envelope, address, []))  # type: ignore[arg-type]

    assert answer("Data@kas.example").startswith("250")
    assert answer("privacy@kas.example").startswith("250")
    assert answer("other@kas.example").startswith("550")
