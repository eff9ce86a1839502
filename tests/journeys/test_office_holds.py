"""The officer erases for somebody who wrote a letter, and places and ends a hold; a guest reads of it; in a real browser."""

import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.authenticator import code_of
from tests.conftest import Customer, as_staff, prove_link
from tests.journeys.conftest import Open, enter, sound


def _office(page: Page, officer: Customer) -> None:
    enter(page, officer)
    page.get_by_label("Code from your app").fill(code_of("MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK"))
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("link", name="Privacy office")).to_be_visible()


@pytest.mark.any_width
def test_a_hold_is_placed_read_of_and_ended(opened: Open, customer: Callable[[], Customer], officer: Customer) -> None:
    desk, one = opened(), customer()
    _office(desk, officer)
    desk.goto("/staff/office")
    desk.get_by_text("Place a legal hold").click()
    for again in (False, True):
        if again:
            desk.get_by_text("Place a legal hold").click()
        desk.get_by_label("Email address, or the id").fill(one.address)
        desk.get_by_label("The law or the court").fill("The court of Arnhem, case 12")
        desk.get_by_label("For how many days").fill("9")
        desk.get_by_role("button", name="Place the legal hold").click()
        if not again:
            expect(desk.get_by_text("The legal hold is placed")).to_be_visible()
            sound(desk)
    expect(desk.get_by_role("alert").get_by_text("stands already")).to_be_visible()
    expect(desk.get_by_label("Place another one beside it")).to_be_visible()
    sound(desk)
    desk.goto("/staff/office")
    row = desk.locator("div.row.apart", has_text=one.address)
    row.get_by_role("link", name="End the legal hold").click()
    expect(desk.get_by_role("heading", name="End this legal hold now?")).to_be_visible()
    sound(desk)
    desk.get_by_role("button", name="End it now").click()
    expect(desk.get_by_text("The legal hold has ended")).to_be_visible()
    expect(desk.locator("div.row.apart", has_text=one.address).get_by_role("link")).to_have_count(0)


@pytest.mark.any_width
def test_a_guest_reads_of_a_hold_and_a_letter_is_answered_by_an_erasure(
    opened: Open, officer: Customer, olaf: Callable[[], Customer]
) -> None:
    from glasshouse.disclosures import api as disclosures
    from glasshouse.requests import api as requests
    from tests.promises.test_legal_holds import hold

    guest, desk, address = opened(), opened(), f"{uuid.uuid4().hex[:10]}@person.example"
    second = as_staff(olaf(), "privacy")
    requests.ask(address, "access", "eu", "What do you hold?", requests.Arrival(network=address))
    guest.goto(f"/privacy/prove/{prove_link(address, 'privacy/prove')}")
    guest.get_by_role("button").first.click()
    held = hold(officer, address)
    guest.locator("a[href*='/privacy/own/']").first.click()
    expect(guest.get_by_text("Not at once:")).to_be_visible()
    sound(guest)
    assert held
    other = f"{uuid.uuid4().hex[:10]}@person.example"
    disclosures.subscribe(other, network=other)
    arrival = requests.Arrival("letter", entered_by=officer.actor.id, identity="passport")
    number = requests.enter(officer.actor, other, "erase", "eu", "Erase me", arrival)
    _office(desk, officer)
    desk.goto(f"/staff/requests/{number}")
    sound(desk)
    desk.get_by_label("Write the word erase").fill("erase")
    desk.get_by_role("button", name="Ask for the erasure").click()
    expect(desk.get_by_text("once a second privacy officer agrees")).to_be_visible()
    sound(desk)
    other = opened()
    _office(other, second)
    other.goto(f"/staff/requests/{number}")
    expect(other.get_by_text("asks you to agree to this erasure")).to_be_visible()
    sound(other)
    other.get_by_label("Write the word erase").fill("erase")
    other.get_by_role("button", name="Erase what is held").click()
    expect(other.get_by_text("What was held of the address is erased")).to_be_visible()
    sound(other)


def test_the_notice_reads_german(opened: Open) -> None:
    page = opened()
    page.goto("/documents/notice?lang=de")
    expect(page.get_by_role("heading", name="Datenschutzerklärung").first).to_be_visible()
    sound(page)
