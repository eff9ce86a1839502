"""PRI-24, PRI-28: who has no account, and asks by letter or telephone, is erased by the officer or at the command line."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from glasshouse.operations.installation import Installation
from tests.conftest import Customer, enter_staff, post
from tests.promises.test_legal_holds import hold, lapse, subjects

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]


@pytest.fixture
def subscriber(home: object) -> str:
    """An address without an account that has subscribed to news of providers."""
    from glasshouse.disclosures import api as disclosures

    address = f"{uuid.uuid4().hex[:12]}@person.example"
    disclosures.subscribe(address, network=address)
    return address


def is_held(address: str) -> bool:
    from glasshouse.disclosures.models import Subscriber
    from glasshouse.vault import api as vault

    return Subscriber.objects.filter(address_hash=vault.lookup("address", address)).exists()


def letter(officer: Customer, address: str, identity: str = "passport, at the desk") -> str:
    from glasshouse.requests import api as requests

    arrival = requests.Arrival("letter", entered_by=officer.actor.id, identity=identity)
    return str(requests.enter(officer.actor, address, "erase", "eu", "Erase me", arrival))


def request_of(number: str) -> Any:
    from glasshouse.requests.models import Request

    return Request.objects.get(id=number)


def card_of(client: httpx.Client, number: str) -> str:
    page = client.get("/staff/requests").text
    return next(part for part in page.split("<section") if f"/staff/requests/{number}/" in part)


def test_an_officer_erases_a_guest_who_wrote_a_letter(officer: Customer, web: Web, subscriber: str) -> None:
    number, client = letter(officer, subscriber), enter_staff(web(officer))
    act = f"/staff/requests/{number}/erase"
    assert act in card_of(client, number)
    assert post(client, act, "/staff/requests", word="no").status_code == 400
    assert is_held(subscriber)
    done = post(client, act, "/staff/requests", word="erase")
    assert done.status_code == 302, done.text
    assert "is erased" in client.get(done.headers["location"]).text
    assert not is_held(subscriber)
    assert (request_of(number).outcome, request_of(number).answer) == ("answered", "erased by us, as the person asked")
    assert subjects(subscriber) == ["What we held of your address is erased"]


def test_it_needs_fresh_proof_and_a_checked_identity(
    officer: Customer, customer: Make, web: Web, subscriber: str
) -> None:
    from dataclasses import replace

    from glasshouse.kernel import clock
    from glasshouse.kernel.errors import InvalidError, NotFoundError, ReauthenticationError
    from glasshouse.subject import asked_for

    checked, unchecked = letter(officer, subscriber), letter(officer, subscriber, identity="")
    with pytest.raises(NotFoundError):
        asked_for.erase_for(officer.actor, unchecked)
    old = replace(officer.actor, proved_at=clock.now() - timedelta(hours=1))
    with pytest.raises(ReauthenticationError):
        asked_for.erase_for(old, checked)
    one = customer()
    with pytest.raises(NotFoundError):
        asked_for.erase_for(one.alone, checked)
    with pytest.raises(InvalidError, match="has an account"):
        asked_for.erase_for(officer.actor, letter(officer, one.address))
    assert is_held(subscriber)
    assert f"/staff/requests/{unchecked}/erase" not in card_of(enter_staff(web(officer)), unchecked)


def test_under_a_hold_an_officers_erasure_waits_and_says_so(officer: Customer, web: Web, subscriber: str) -> None:
    from glasshouse.subject import waiting

    number, held, client = letter(officer, subscriber), hold(officer, subscriber), enter_staff(web(officer))
    assert "Not at once" in card_of(client, number)
    done = post(client, f"/staff/requests/{number}/erase", "/staff/requests", word="erase")
    assert "a legal hold keeps" in client.get(done.headers["location"]).text
    assert "waits for the end of a legal hold" in card_of(client, number)
    waiting.finish_due()
    assert is_held(subscriber)
    lapse(held)
    assert "carried out within minutes" in card_of(client, number)
    waiting.finish_due()
    assert not is_held(subscriber)
    assert request_of(number).answer == "erased by us, as the person asked"
    assert subjects(subscriber)[0] == "What we held of your address is erased"


@pytest.fixture
def command(home: Installation, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What `glasshouse erase` prints, with yes to what it asks."""
    from glasshouse.cli import office

    monkeypatch.setattr(office, "enter", lambda **place: None)

    def run(*words: str) -> str:
        result = CliRunner().invoke(office.erase, [*words], input="y\n")
        return result.output if result.exception is None else f"{result.output}{result.exception}"

    return run


def test_the_command_erases_an_address_without_an_account(command: Callable[..., str], subscriber: str) -> None:
    from glasshouse.requests.models import Request
    from glasshouse.vault import api as vault

    assert "rows for" in command(subscriber, "--dry-run")
    assert is_held(subscriber)
    assert not Request.objects.filter(address_hash=vault.lookup("address", subscriber)).exists()
    assert "Erased: " in command(subscriber)
    assert not is_held(subscriber)
    request = Request.objects.get(address_hash=vault.lookup("address", subscriber))
    assert (request.outcome, request.identity) == ("answered", "by the operator, at the command line")
    assert "nothing is held of it" in command(f"nobody-{subscriber}")


def test_the_command_waits_for_a_hold_and_answers_the_open_request(
    command: Callable[..., str], officer: Customer, subscriber: str
) -> None:
    from glasshouse.subject import waiting

    number, held = letter(officer, subscriber), hold(officer, subscriber)
    output = command(subscriber)
    assert held in output
    assert "Noted" in output
    assert is_held(subscriber)
    lapse(held)
    waiting.finish_due()
    assert not is_held(subscriber)
    assert request_of(number).outcome == "answered"
