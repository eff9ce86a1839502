"""What went wrong is told on a page of ours, in the caller's form, without the database; unexpected errors have a number."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.db import OperationalError
from django.test import Client, RequestFactory, override_settings
from django.views.decorators.csrf import csrf_exempt

from glasshouse.accounts import second_factor, sessions
from glasshouse.requests import drp
from glasshouse.sources import api as sources
from glasshouse.vault.envelope import SealBrokenError
from glasshouse.web import failures, people_api, urls
from tests.conftest import Customer

Web = Callable[..., httpx.Client]
SECRET = "anna" + "@secret.example"


def boom(request: Any) -> Any:
    """A view that fails with personal data in its error."""
    raise ValueError(f"no such address: {request.POST.get('address')}")


def tampered(request: Any) -> Any:
    """A view that meets a value that was altered: an error of ours that nobody can do anything about but the operator."""
    raise SealBrokenError(f"The value of {request.POST.get('address')} does not open.")


@pytest.fixture
def client(home: object) -> Iterator[Any]:
    """Django's own handler in this process, with a view that fails."""
    import sys
    import types

    from django.urls import path

    broken = types.ModuleType("tests.broken_urls")
    broken.__dict__.update({name: value for name, value in vars(urls).items() if name.startswith("handler")})
    broken.urlpatterns = [  # type: ignore[attr-defined]
        path("boom", csrf_exempt(boom)),
        path("api/v1/boom", csrf_exempt(boom)),
        path("tampered", csrf_exempt(tampered)),
        path("api/v1/tampered", csrf_exempt(tampered)),
        path("boom/<slug:secret>", csrf_exempt(lambda request, secret: boom(request))),
        *urls.urlpatterns,
    ]
    sys.modules["tests.broken_urls"] = broken
    with override_settings(ROOT_URLCONF="tests.broken_urls", ALLOWED_HOSTS=["localhost"]):
        yield Client(raise_request_exception=False, SERVER_NAME="localhost")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        *((path, "ValueError") for path in ("/boom", "/boom/secret-link", "/api/v1/boom")),
        *((path, "SealBrokenError") for path in ("/tampered", "/api/v1/tampered")),
    ],
)
def test_an_unexpected_error_shows_a_number_that_the_log_has(client: Any, caplog: Any, path: str, kind: str) -> None:
    reply = client.post(path, {"address": SECRET}, secure=True)
    text = reply.content.decode()
    assert reply.status_code == 500
    number = re.search(r"\b[0-9a-f]{8}\b", text)
    assert number, text
    assert number[0] in caplog.text
    assert "tell the people who run this service" in " ".join(text.split())
    assert kind in caplog.text
    assert f"in {'boom' if 'boom' in path else 'tampered'}" in caplog.text
    assert SECRET not in caplog.text + text
    assert "secret-link" not in caplog.text
    assert reply.headers["Content-Type"].startswith("application/json" if path.startswith("/api") else "text/html")
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]


def test_an_error_of_ours_that_is_a_failure_has_a_number_wherever_it_is_answered(
    client: Any, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise SealBrokenError(SECRET)

    for module, name in ((drp, "agent_of"), (sources, "hand_in"), (second_factor, "sign_in_with_passkey")):
        monkeypatch.setattr(module, name, fail)
    asked = [
        client.get("/v1/data-rights-request/1", secure=True),
        client.post("/v1/contacts", b"x", content_type="text/csv", secure=True),
        client.post("/passkey", {"answer": "{}"}, secure=True),
        people_api.answer_error(RequestFactory().get("/api/v1/sites"), SealBrokenError(SECRET)),
    ]
    for reply in asked:
        text = reply.content.decode()
        number = re.search(r"\b[0-9a-f]{8}\b", text)
        assert reply.status_code == 500 and number and number[0] in caplog.text, text
        assert SECRET not in text + caplog.text


def test_the_page_of_an_error_needs_no_database_and_no_template(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def dead(secret: str) -> Any:
        raise OperationalError("the store is gone")

    monkeypatch.setattr(sessions, "actor_of", dead)
    client.cookies["__Host-session"] = "something"
    page = client.get("/account", secure=True).content.decode()
    assert "Number of the error" in page
    assert "<footer" in page
    assert "Number of the error" in client.get("/account", secure=True, headers={"HX-Request": "true"}).content.decode()

    def broken(*args: Any, **kwargs: Any) -> str:
        raise ValueError

    failures._text.cache_clear()
    failures._text("500", 0, "en")
    monkeypatch.setattr(failures, "render_to_string", broken)
    assert "That did not work" in client.get("/account", secure=True).content.decode()


def test_whoever_is_signed_in_keeps_the_menu_where_there_is_nothing(web: Web, customer: Callable[[], Customer]) -> None:
    own = customer()
    for path in ("/nowhere", f"/o/{own.organisation}/nowhere", "/o/none/sites"):
        page = web(own).get(path)
        assert page.status_code == 404
        assert '<body class="app">' in page.text, path
        assert "/sign-out" in page.text and 'href="/sign-in"' not in page.text
        assert "/account" in page.text
    nobody = web().get("/nowhere").text
    assert '<body class="public">' in nobody and 'href="/sign-in"' in nobody


def test_nothing_here_is_said_in_the_reader_s_language(web: Web, customer: Callable[[], Customer]) -> None:
    for client in (web(customer()), web()):
        page = client.get("/nowhere", headers={"Accept-Language": "de"}).text
        assert 'lang="de"' in page and "Hier ist nichts" in page and "There is nothing" not in page
    assert (
        web().get("/api/v1/nowhere", headers={"Accept-Language": "de"}).json()["detail"].startswith("There is nothing")
    )


def test_what_the_menu_needs_keeps_nobody_from_being_told(
    web: Web, customer: Callable[[], Customer], client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.browser import browser_of

    def dead(*_: object) -> Any:
        raise OperationalError("the store is gone")

    browser, _ = browser_of(customer())
    monkeypatch.setattr("glasshouse.notices.api.coming", dead)
    page = browser.get("/nowhere", secure=True)
    assert page.status_code == 404
    assert "There is nothing here" in page.content.decode()


def test_framework_pages_are_gone_at_the_door(web: Web, customer: Callable[[], Customer]) -> None:
    client = web(customer())
    for method, path, status, word in (
        ("GET", "/nowhere", 404, "There is nothing here"),
        ("GET", "/sign-out", 405, "does not take that kind of request"),
        ("PUT", "/account", 403, "form is too old"),
        ("POST", "/account", 403, "form is too old"),
        ("GET", "/account?" + "a=1&" * 2000, 400, "could not be read"),
    ):
        page = client.request(method, path, data={"name": "x"} if method != "GET" else None)
        assert (page.status_code, word in page.text, "<footer" in page.text) == (status, True, True), (
            path,
            page.text[-900:],
        )
        if status == 405:
            assert page.headers["Allow"] == "POST"
        part = client.request(method, path, headers={"HX-Request": "true"})
        assert word in part.text
        assert "<html" not in part.text


def test_programs_get_json(web: Web) -> None:
    client = web()
    for method, path, status in (
        ("GET", "/api/v1/nowhere", 404),
        ("DELETE", "/api/v1/sites", 405),
        ("GET", "/v1/contacts", 405),
        ("GET", "/v1/nowhere", 404),
        ("GET", "/api/v1/" + "a" * 3000, 414),
        ("POST", "/v1/contacts", 413),
    ):
        reply = client.request(method, path, content=b"x" * 300_000 if status == 413 else None)
        assert reply.status_code == status, (path, reply.status_code)
        assert reply.json()["detail"], path
    reply = client.put("/v1/data-rights-request")
    assert (reply.status_code, reply.json()["code"], bool(reply.json()["message"])) == (405, "405", True)
