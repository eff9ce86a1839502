"""A session that nobody uses ends by itself, and by the operator; what a browser kept of it goes with the sign-out.

Source: OWASP ASVS 5.0, 7.3.1, 7.4.5, 14.3.1.
"""

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from click.testing import CliRunner

from glasshouse.accounts import sessions
from glasshouse.accounts.models import Browser, Session
from glasshouse.cli import office
from glasshouse.events.models import Event
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS
from glasshouse.organisations import tokens
from tests.conftest import Customer, enter_staff, post

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
HOUR = timedelta(hours=1)


def unused_for(who: Customer, time: timedelta) -> None:
    """As if the account's sessions had not been used for so long."""
    Session.objects.filter(account_id=who.actor.account).update(seen_at=clock.now() - time)


def test_a_session_that_is_not_used_ends(customer: Make, web: Web) -> None:
    own = customer()
    client = web(own)
    unused_for(own, sessions.UNUSED - HOUR)
    assert client.get("/account/security").status_code == 200, "each use counts anew"
    unused_for(own, sessions.UNUSED - HOUR)
    assert client.get("/account/security").status_code == 200
    unused_for(own, sessions.UNUSED + HOUR)
    assert sessions.actor_of(client.cookies["__Host-session"]) == ANONYMOUS
    answer = client.get("/account/security")
    assert answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in")
    assert len(sessions.sessions_of(own.actor)) == 0, "nor is it shown as one that is open"


def test_a_session_of_staff_ends_sooner(officer: Customer, web: Web) -> None:
    client = enter_staff(web(officer))
    unused_for(officer, sessions.UNUSED_OF_STAFF - HOUR)
    assert client.get("/staff/requests").status_code == 200
    unused_for(officer, sessions.UNUSED_OF_STAFF + HOUR)
    answer = client.get("/staff/requests")
    assert answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in")
    assert sessions.UNUSED_OF_STAFF < sessions.UNUSED < sessions.LIFE


def test_a_sign_out_takes_what_the_browser_kept(customer: Make, web: Web) -> None:
    """Also pages that it would show again by its button Back."""
    own = customer()
    client = web(own)
    answer = post(client, "/sign-out", "/account/security")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"', (
        "its cookies say which browser it is, and the language"
    )
    assert "__Host-session" not in client.cookies


class Browsing:
    """Somebody who is signed in, in a trusted browser, and has an API token."""

    def __init__(self, own: Customer, client: httpx.Client) -> None:
        self.own, self.client = own, client
        self.token = tokens.create_token(own.actor, "Script", ["greenhouse:site:read"], 30)
        Browser.objects.filter(account_id=own.actor.account).update(trusted_until=clock.now() + HOUR)

    def has_access(self) -> list[bool]:
        """By session, by token, and without a second factor."""
        bearer = {"Authorization": f"Bearer {self.token}"}
        trusted = Browser.objects.filter(account_id=self.own.actor.account).exclude(trusted_until=None)
        return [
            self.client.get("/account/security").status_code == 200,
            self.client.get("/api/v1/me", headers=bearer).status_code == 200,
            trusted.exists(),
        ]


def test_the_operator_signs_somebody_out(customer: Make, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office, "enter", lambda **place: None)
    own, other = (Browsing(who, web(who)) for who in (customer(), customer()))
    assert own.has_access() == other.has_access() == [True] * 3
    result = CliRunner().invoke(office.sign_out, [own.own.address])
    assert result.exit_code == 0 and "1 session" in result.output
    assert own.has_access() == [False] * 3
    assert other.has_access() == [True] * 3
    assert Event.objects.using("relay").filter(subject=str(own.own.actor.account), kind="accounts:session:end").exists()
    result = CliRunner().invoke(office.sign_out, ["--everybody"], input="n\n")
    assert result.exit_code and other.has_access() == [True] * 3
    result = CliRunner().invoke(office.sign_out, ["--everybody"], input="y\n")
    assert result.exit_code == 0 and other.has_access() == [False] * 3


@pytest.mark.parametrize("words", [[], ["nobody@nowhere.example"], ["somebody@grower.example", "--everybody"]])
def test_whom_to_sign_out_is_said_once_and_known(
    words: list[str], customer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(office, "enter", lambda **place: None)
    before = Session.objects.count()
    assert CliRunner().invoke(office.sign_out, words, input="y\n").exit_code
    assert Session.objects.count() == before
