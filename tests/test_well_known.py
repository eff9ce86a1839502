"""What programs ask for at the doors' addresses of their own: security.txt, change-password, robots.txt."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from glasshouse.access import pages
from glasshouse.access.pages import Audience
from glasshouse.mail.addresses import AddressError, contact_uri, mail_uri
from glasshouse.operations import service
from glasshouse.operations.installation import Installation
from tests import matrix
from tests.conftest import Customer, post

Web = Callable[..., httpx.Client]
ADDRESSES = ("/.well-known/security.txt", "/.well-known/change-password", "/robots.txt")


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_each_answers_anybody_and_makes_no_session(web: Web, address: str, method: str) -> None:
    answer = web().request(method, address)
    assert answer.status_code in (200, 302)
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    if answer.status_code == 200:
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert (answer.text == "") == (method == "HEAD")


@pytest.mark.parametrize("address", ADDRESSES)
def test_nothing_is_sent_to_them(web: Web, address: str) -> None:
    assert post(web(), address).status_code == 405


def fields_of(text: str) -> dict[str, list[str]]:
    """The fields of a security.txt, by name in lower case. Raises AssertionError for a line that is none."""
    fields: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, separator, value = line.partition(": ")
            assert separator and value == value.strip() and value, line
            fields.setdefault(name.lower(), []).append(value)
    return fields


def test_security_txt_says_whom_to_tell_and_holds_for_less_than_a_year(home: Installation, web: Web) -> None:
    client = web()
    fields = fields_of(client.get(ADDRESSES[0]).text)
    assert fields["contact"] == ["mailto:privacy@localhost"]
    assert fields["canonical"] == [f"{home.origin}/.well-known/security.txt"]
    assert fields["preferred-languages"] == ["en"]
    (expires,) = fields["expires"]
    ahead = datetime.strptime(expires, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) - datetime.now(UTC)
    assert timedelta(days=30) < ahead < timedelta(days=365)
    (policy,) = fields["policy"]
    page = client.get(policy)
    assert page.status_code == 200
    assert 'href="mailto:privacy@localhost"' in page.text.partition("<main")[2].partition("</main>")[0]


def test_security_txt_never_was_in_force_until_a_day_that_is_over(home: Installation, web: Web) -> None:
    """A part that runs for years tells a day of its own time, not of its start's."""
    from django.test import RequestFactory

    from glasshouse.kernel import clock
    from glasshouse.web.pages.public.well_known import security_txt

    in_three_years = datetime.now(UTC) + timedelta(days=3 * 365)
    with clock.frozen(in_three_years):
        answer = security_txt(RequestFactory().get(ADDRESSES[0]))
    (expires,) = fields_of(answer.content.decode())["expires"]
    assert "set-cookie" not in answer.headers
    assert in_three_years < datetime.strptime(expires, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def test_change_password_leads_to_the_form(web: Web, customer: Callable[[], Customer]) -> None:
    client = web(customer())
    answer = client.get(ADDRESSES[1])
    assert answer.status_code == 302
    page = client.get(answer.headers["location"])
    assert 'autocomplete="new-password"' in page.text
    stranger = web()
    led = stranger.get(stranger.get(ADDRESSES[1]).headers["location"])
    assert led.headers["location"] == "/sign-in?next=/account"


def test_what_is_not_well_known_is_not_there(web: Web) -> None:
    """By which password managers see that the door's answers mean something. Source: W3C, as in `well_known.py`."""
    nothing = web().get("/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200")
    assert nothing.status_code == 404


def may_read(robots: str, path: str) -> bool:
    """Whether a robot may ask for a path: the longest pattern counts. Source: RFC 9309, 2.2.2."""
    rules = [line.split(": ", 1) for line in robots.splitlines() if line.startswith(("Allow: ", "Disallow: "))]
    fitting = []
    for kind, pattern in rules:
        text = re.escape(pattern).replace(r"\*", ".*").replace(r"\$", "$")
        if re.match(text, path):
            fitting.append((len(pattern), kind == "Allow"))
    return max(fitting, default=(0, True))[1]


def test_robots_may_read_what_is_open_to_all_and_nothing_else(web: Web) -> None:
    text = web().get("/robots.txt").text
    assert text.startswith("User-agent: *\n")
    readable = {"/", "/trust", "/trust/SEC-01", "/documents", "/documents/notice", "/sign-in", "/sign-up", "/privacy"}
    readable |= {"/static/glasshouse.css", "/report-a-vulnerability", "/trust/providers", "/trust.json"}
    assert {path for path in readable if not may_read(text, path)} == set()
    matrix.names()  # The router fills the registry.
    of_people = [page for page in pages.pages() if page.audience is not Audience.PUBLIC]
    with_secrets = [page for page in pages.pages() if "secret" in page.arguments or "key" in page.arguments]
    assert len(of_people) > 50 and len(with_secrets) > 5
    closed = {matrix.address_of(page) for page in [*of_people, *with_secrets]}
    closed |= {"/mailbox", "/health", "/api/v1/sites", "/accept?next=/trust", "/v1/agent/x", "/anything"}
    assert {path for path in closed if may_read(text, path)} == set()


def test_the_crops_door_has_nothing_for_robots(crops: httpx.Client) -> None:
    for method in ("GET", "HEAD"):
        answer = crops.request(method, "/robots.txt")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.text == ("User-agent: *\nDisallow: /\n" if method == "GET" else "")


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("security@grower.example", "mailto:security@grower.example"),
        ("mailto:security@grower.example", "mailto:security@grower.example"),
        ("a%b+c@straße.example", "mailto:a%25b%2Bc@xn--strae-oqa.example"),
        ("https://grower.example/report?x=1", "https://grower.example/report?x=1"),
    ],
)
def test_a_contact_is_an_address_or_a_page(text: str, uri: str) -> None:
    assert contact_uri(text) == uri


@pytest.mark.parametrize(
    "text",
    [
        "nobody",
        "http://grower.example/report",
        "https://",
        "https:///report",
        "https://[::1",
        "https://grower.example/a b",
        "https://grower.example/\r\nExpires: 2999-01-01T00:00:00Z",
        "https://grower.example/ü",
        "javascript:alert(1)",
        "tel:+1",
        "https://" + "a" * 400 + ".example",
        "a@b.example\nExpires: 2999-01-01T00:00:00Z",
    ],
)
def test_a_contact_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        contact_uri(text)


def test_an_address_of_this_machine_alone_is_a_contact_too() -> None:
    assert mail_uri("privacy@localhost") == "mailto:privacy@localhost"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("configured", "wanted"),
    [("security@grower.example", "mailto:security@grower.example"), ("", "mailto:privacy@localhost"), ("nobody", None)],
)
def test_the_contact_is_configured_and_a_bad_one_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configured: str, wanted: str | None
) -> None:
    monkeypatch.setenv("GLASSHOUSE_SECURITY_CONTACT", configured)
    home = Installation(tmp_path / "data", tmp_path / "keys", 1, 2, 3, demo=False)
    home.prepare()
    code = "from django.conf import settings; print(settings.SECURITY_CONTACT)"
    environment = service.people_environment(home) | {"PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert told.stdout.strip() == (wanted or "")
    assert (told.returncode == 0) == (wanted is not None)
    assert wanted or "GLASSHOUSE_SECURITY_CONTACT" in told.stderr
