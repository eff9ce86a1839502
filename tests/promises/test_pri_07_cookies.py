"""PRI-07: nothing is stored in a browser but what the register says, and what is optional only with consent."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from selectolax.lexbor import LexborHTMLParser

import glasshouse
from glasshouse.operations.installation import Installation
from glasshouse.promises.findings import State
from glasshouse.web import cookie_gate, cookies
from tests.checking import checked, clear
from tests.conftest import administering

Web = Callable[..., httpx.Client]
SOURCE = Path(glasshouse.__file__).parent
VISITS = cookies.Stored("__Host-visits", "Counts visits.", timedelta(days=30), optional=True)
QUESTION = "[data-cookie-question]"


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate as it is outside of tests: it takes a cookie off and notes it."""
    monkeypatch.setattr(settings, "TESTING", False)
    monkeypatch.setattr(cookie_gate, "_recorded", {})


@pytest.fixture
def optional(monkeypatch: pytest.MonkeyPatch) -> None:
    """The register has a cookie that is optional."""
    monkeypatch.setattr(cookies, "OPTIONAL", (VISITS,))


@pytest.fixture
def client(home: Installation) -> Iterator[Client]:
    """Django's own handler in this process."""
    yield Client(SERVER_NAME="localhost", headers={"Referer": "https://localhost/trust"})


def passed(*names: str, request: HttpRequest | None = None, life: timedelta = timedelta(minutes=1)) -> SimpleCookie:
    """The cookies that leave, of those that a view sets."""

    def view(request: HttpRequest) -> HttpResponse:
        response = HttpResponse()
        for name in names:
            response.set_cookie(name, "1", max_age=life, secure=True)
        return response

    return cookie_gate.only_registered(view)(request or RequestFactory().get("/")).cookies


def asking(answer: str) -> HttpRequest:
    """A request of a reader who has answered the present question."""
    request = RequestFactory().get("/")
    response = HttpResponse()
    cookies.keep_answer(response, accepted=answer == cookies.ACCEPTED)
    request.COOKIES[cookies.CHOICE_COOKIE] = response.cookies[cookies.CHOICE_COOKIE].value
    return request


def stopped(home: Installation) -> list[str]:
    with administering(home) as link:
        rows = link.execute(
            "SELECT facts->>'reason' FROM events_event WHERE kind = 'web:cookie:stop' ORDER BY at"
        ).fetchall()
    return [row[0] for row in rows]


# -- the gate --------------------------------------------------------------------------------------------------------


def test_an_unregistered_cookie_fails_where_tests_run(home: Installation) -> None:
    with pytest.raises(cookie_gate.CookieStoppedError, match="unregistered"):
        passed("visits")


def test_an_unregistered_cookie_does_not_leave_and_goes_on_record_once(home: Installation, production: None) -> None:
    before = len(stopped(home))
    for _ in range(3):
        assert set(passed("visits", cookies.SESSION_COOKIE)) == {cookies.SESSION_COOKIE}
    assert stopped(home)[before:] == ["unregistered"]


def test_a_cookie_lasts_no_longer_than_the_register_says(home: Installation, production: None) -> None:
    assert cookies.SESSION_COOKIE in passed(cookies.SESSION_COOKIE, life=timedelta(days=14))
    assert cookies.SESSION_COOKIE not in passed(cookies.SESSION_COOKIE, life=timedelta(days=15))


def test_a_cookie_of_the_browsers_session_is_not_in_the_register(home: Installation, production: None) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        response = HttpResponse()
        response.set_cookie(cookies.SESSION_COOKIE, "1")
        response.headers["Set-Cookie"] = "visits=1"
        return response

    response = cookie_gate.only_registered(view)(RequestFactory().get("/"))
    assert not response.cookies
    assert "Set-Cookie" not in response.headers


def test_a_cookie_of_any_name_may_be_taken_back(home: Installation) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        response = HttpResponse()
        response.delete_cookie("visits")
        return response

    assert "visits" in cookie_gate.only_registered(view)(RequestFactory().get("/")).cookies


def test_the_page_is_shown_when_the_record_fails(
    home: Installation, production: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(cookie_gate.events, "record", fails)
    assert not passed("visits")


def test_an_optional_cookie_leaves_only_after_a_yes(home: Installation, production: None, optional: None) -> None:
    assert VISITS.name not in passed(VISITS.name)
    assert VISITS.name not in passed(VISITS.name, request=asking(cookies.REFUSED))
    assert passed(VISITS.name, request=asking(cookies.ACCEPTED))[VISITS.name].value == "1"


def test_a_stored_optional_cookie_is_taken_back_without_consent(home: Installation, optional: None) -> None:
    for answer, stays in ((cookies.REFUSED, False), (cookies.ACCEPTED, True)):
        request = asking(answer)
        request.COOKIES[VISITS.name] = "1"
        taken_back = VISITS.name in passed(request=request)
        assert taken_back is not stays


@pytest.mark.parametrize("change", [{"purpose": "Sells."}, {"life": timedelta(days=60)}, {"set_by": "somebody"}])
def test_another_question_wants_another_answer(
    change: dict[str, Any], optional: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asking(cookies.ACCEPTED)
    assert cookies.may_set(request, VISITS)
    changed = replace(VISITS, **change)
    monkeypatch.setattr(cookies, "OPTIONAL", (changed,))
    assert not cookies.may_set(request, changed)
    assert cookies.question(request) == (changed,)


@pytest.mark.parametrize("forged", ["yes", "yes.", "yes.000000000000", ".", "maybe", "yes" * 5_000])
def test_a_forged_answer_is_none(forged: str, optional: None) -> None:
    request = RequestFactory().get("/")
    request.COOKIES[cookies.CHOICE_COOKIE] = forged
    assert not cookies.may_set(request, VISITS)


# -- the question and the page ---------------------------------------------------------------------------------------


def test_nobody_is_asked_while_nothing_is_optional(client: Client) -> None:
    for path in ("/", "/cookies", "/trust"):
        assert QUESTION.strip("[]") not in client.get(path).content.decode()
    assert client.post("/cookies/accept").status_code == client.post("/cookies/refuse").status_code == 404
    assert cookies.CHOICE_COOKIE not in client.cookies


def test_both_answers_are_equal_and_keep_the_reader_where_they_are(client: Client, optional: None) -> None:
    shown = LexborHTMLParser(client.get("/trust").content.decode())
    buttons = shown.css(f"{QUESTION} form button")
    assert len(buttons) == 2
    assert len({(node.attributes.get("class"), node.tag) for node in buttons}) == 1
    for answer, path in (("yes", "/cookies/accept"), ("no", "/cookies/refuse")):
        answered = client.post(path, headers={"Referer": "https://localhost/trust"}, secure=True)
        assert (answered.status_code, answered.headers["Location"]) == (302, "/trust")
        assert client.cookies[cookies.CHOICE_COOKIE].value.startswith(f"{answer}.")
        assert not LexborHTMLParser(client.get("/trust").content.decode()).css(QUESTION)


def test_an_answer_can_be_changed_on_the_cookie_page(client: Client, optional: None) -> None:
    said = {"": "You have not answered yet", "accept": "You agreed to", "refuse": "You refused"}
    for act, text in said.items():
        if act:
            client.post(f"/cookies/{act}")
        page = client.get("/cookies").content.decode()
        assert text in page
        assert LexborHTMLParser(page).css('form[action="/cookies/refuse"] button')
        assert VISITS.name in page


def test_the_cookie_page_says_all_that_the_register_has(client: Client) -> None:
    rows = LexborHTMLParser(client.get("/cookies").content.decode()).css("tbody tr")
    names = [row.css_first("td").text(deep=True).strip() for row in rows]
    assert names == [stored.name for stored in cookies.register()]


def test_the_register_is_the_one_place_that_sets_cookies() -> None:
    setting = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in ("set_cookie", "set_signed_cookie"):
                setting.append(path.relative_to(SOURCE).as_posix())
    assert setting == ["web/cookies.py"]


# -- the check -------------------------------------------------------------------------------------------------------


def test_the_check_verifies_a_healthy_service(home: Installation) -> None:
    clear(home)
    finding = checked("PRI-07")
    assert finding.state is State.VERIFIED, finding


def test_the_check_sees_a_notice_that_names_a_cookie_no_more(home: Installation) -> None:
    clear(home)
    where = "version_id IN (SELECT id FROM notices_version WHERE document = 'cookies')"
    with administering(home) as link:
        link.execute(f"UPDATE notices_text SET body = replace(body, '| theme |', '| other |') WHERE {where}")  # type: ignore[arg-type]
    try:
        finding = checked("PRI-07")
    finally:
        with administering(home) as link:
            link.execute(f"UPDATE notices_text SET body = replace(body, '| other |', '| theme |') WHERE {where}")  # type: ignore[arg-type]
    assert finding.state is State.NOT_VERIFIED
    assert "__Host-theme" in finding.figure
