"""PRI-24, PRI-28: who has no account, and asks by letter or telephone, is erased by the officer or at the command line."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from glasshouse.operations.installation import Installation
from tests.conftest import Customer, as_staff, enter_staff, post
from tests.desk import page_of, plain
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


@pytest.fixture
def second(olaf: Make) -> Customer:
    """Another privacy officer."""
    return as_staff(olaf(), "privacy")


@contextmanager
def alone(officer: Customer) -> Iterator[None]:
    """The officer is the only one, for the length of a block."""
    from glasshouse.accounts.models import Account

    others = list(Account.objects.filter(staff_role="privacy").exclude(id=officer.actor.account))
    Account.objects.filter(id__in=[other.id for other in others]).update(staff_role="support")
    try:
        yield
    finally:
        Account.objects.filter(id__in=[other.id for other in others]).update(staff_role="privacy")


def erased_by(client: httpx.Client, number: str) -> str:
    """What the page says after an officer wrote the word."""
    done = post(client, f"/staff/requests/{number}/erase", f"/staff/requests/{number}", word="erase")
    assert done.status_code == 302, done.text
    return plain(client.get(done.headers["location"]).text)


def test_two_officers_erase_a_guest_who_wrote_a_letter(
    officer: Customer, second: Customer, web: Web, subscriber: str
) -> None:
    number, client, other = letter(officer, subscriber), enter_staff(web(officer)), enter_staff(web(second))
    act = f"/staff/requests/{number}/erase"
    assert act in page_of(client, number)
    assert post(client, act, f"/staff/requests/{number}", word="no").status_code == 400
    assert "once a second privacy officer agrees" in erased_by(client, number)
    assert "An erasure waits for a second privacy officer" in subjects(second.address)
    erased_by(client, number)
    assert is_held(subscriber), "the same officer twice is one officer"
    assert "asks you to agree" in plain(page_of(other, number))
    assert "is erased" in erased_by(other, number)
    assert not is_held(subscriber)
    assert (request_of(number).outcome, request_of(number).answer) == ("answered", "erased by us, as the person asked")
    assert subjects(subscriber) == ["What we held of your address is erased"]


def test_the_only_officer_erases_a_guest_alone(officer: Customer, web: Web, subscriber: str) -> None:
    number, client = letter(officer, subscriber), enter_staff(web(officer))
    with alone(officer):
        assert "is erased" in erased_by(client, number)
    assert not is_held(subscriber)


def test_an_erasure_that_a_second_officer_declines_is_not_done(
    officer: Customer, second: Customer, web: Web, subscriber: str
) -> None:
    number, client, other = letter(officer, subscriber), enter_staff(web(officer)), enter_staff(web(second))
    erased_by(client, number)
    page = f"/staff/requests/{number}"
    done = post(other, f"{page}/decline-erasure", page)
    assert "The erasure is declined" in other.get(done.headers["location"]).text
    assert "once a second privacy officer agrees" in erased_by(other, number), "both are asked anew"
    assert is_held(subscriber)
    assert request_of(number).closed_at is None


def test_who_is_no_officer_any_more_counts_for_no_erasure(
    officer: Customer, second: Customer, web: Web, subscriber: str
) -> None:
    number, other = letter(officer, subscriber), enter_staff(web(second))
    erased_by(enter_staff(web(officer)), number)
    as_staff(officer, "support")
    assert "once a second privacy officer agrees" in erased_by(other, number)
    assert is_held(subscriber)


def test_two_officers_erase_somebody_with_an_account_whose_identity_is_checked(
    officer: Customer, second: Customer, customer: Make, join: Callable[..., Customer], web: Web
) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.subject import asked_for

    one = join(customer(), "viewer")
    number = letter(officer, one.address)
    with alone(officer):
        assert asked_for.erase_for(officer.actor, number) is None, "of somebody with an account two have to agree"
    erased = asked_for.erase_for(second.actor, number)
    assert erased
    assert not accounts.address_known(one.address)
    assert request_of(number).outcome == "answered"
    assert any("is being erased" in subject for subject in subjects(one.address))
    last_administrator = customer()
    number = letter(officer, last_administrator.address)
    join(last_administrator, "viewer")
    asked_for.erase_for(officer.actor, number)
    with pytest.raises(InvalidError, match="only the person can settle"):
        asked_for.erase_for(second.actor, number)
    assert accounts.address_known(last_administrator.address)


def test_it_needs_fresh_proof_and_a_checked_identity(
    officer: Customer, customer: Make, web: Web, subscriber: str
) -> None:
    from dataclasses import replace

    from glasshouse.kernel import clock
    from glasshouse.kernel.errors import InvalidError, NotFoundError, ReauthenticationError
    from glasshouse.requests.models import Request
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
    by_link = letter(officer, one.address, identity="")
    Request.objects.filter(id=by_link).update(proved_at=clock.now())
    with pytest.raises(InvalidError, match="has an account"):
        asked_for.erase_for(officer.actor, by_link)
    assert is_held(subscriber)
    client = enter_staff(web(officer))
    for number in (unchecked, by_link):
        assert f"/staff/requests/{number}/erase" not in page_of(client, number)


def test_under_a_hold_an_officers_erasure_waits_and_says_so(officer: Customer, web: Web, subscriber: str) -> None:
    from glasshouse.subject import waiting

    number, held, client = letter(officer, subscriber), hold(officer, subscriber), enter_staff(web(officer))
    assert "Not at once" in page_of(client, number)
    with alone(officer):
        assert "a legal hold keeps" in erased_by(client, number)
    assert "waits for the end of a legal hold" in plain(page_of(client, number))
    waiting.finish_due()
    assert is_held(subscriber)
    lapse(held)
    assert "carried out within minutes" in page_of(client, number)
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
