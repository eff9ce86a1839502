"""Somebody without an account confirms an address, decides what is passed on, and comes back by an old link."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from playwright.sync_api import expect

from glasshouse.operations.installation import Installation
from tests.authenticator import code_of
from tests.conftest import Customer, post, prove_link
from tests.journeys.conftest import Open, enter, sound
from tests.promises.test_pri_26_28_requests import sent
from tests.repairs.test_links_and_replies import asked, invited

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]


def test_a_guest_confirms_and_decides_what_is_passed_to_whom(opened: Open, customer: Make) -> None:
    boss, other = customer(), customer()
    page = opened()
    _, path = asked(invited(boss, other), "My employer is wrong about me.")
    page.goto(path)
    sound(page)
    page.get_by_role("button", name="Yes, this is my address").click()
    expect(page.get_by_role("heading", name="May we pass your request on?")).to_be_visible()
    sound(page)
    page.get_by_role("button", name="Pass it on", exact=True).click()
    expect(page.get_by_text("Choose at least one organisation")).to_be_visible()
    sound(page)
    page.get_by_label(f"Farm {boss.address.partition('@')[0]}").check()
    page.get_by_role("button", name="Pass it on", exact=True).click()
    expect(page.get_by_role("heading", name="We passed your request on")).to_be_visible()
    sound(page)
    page.goto(path)
    expect(page.get_by_text("Your address is already confirmed. We can mail you a new link")).to_be_visible()
    sound(page)
    page.get_by_role("button", name="Send a new link").click()
    expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
    desk = opened()
    enter(desk, boss)
    desk.goto(f"/o/{boss.organisation}/privacy")
    expect(desk.get_by_text("Be erased")).to_be_visible()
    expect(desk.get_by_text("My employer is wrong")).to_have_count(0)
    sound(desk)


@pytest.mark.any_width
def test_a_guest_passes_nothing_on_and_an_old_link_says_how_to_go_on(
    opened: Open, customer: Make, officer: Customer, home: Installation, web: Web
) -> None:
    from glasshouse.disclosures.models import Subscriber
    from glasshouse.kernel import clock
    from glasshouse.requests import api as requests
    from glasshouse.vault import api as vault

    boss, page = customer(), opened()
    request, path = asked(invited(boss))
    page.goto(path)
    page.get_by_role("button", name="Yes, this is my address").click()
    sound(page)
    page.get_by_role("link", name="See, export or erase").click()
    expect(page.get_by_role("heading", name="What we hold about your address")).to_be_visible()
    expect(page.get_by_text(f"What you ask for (“Be erased”) and your address, {request.address}")).to_be_visible()
    sound(page)
    page.get_by_role("button", name="Do not pass it on").click()
    expect(page.get_by_text("Our privacy officer answers you")).to_be_visible()
    sound(page)
    for heading in ("What we hold about your address", "Your request", "Your address is confirmed"):
        page.go_back()
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("heading", name="Your request", exact=True)).to_be_visible()
    address = f"{uuid.uuid4().hex[:10]}@grower.example"
    request, path = asked(address)
    requests.answer(officer.actor, request.id, "Not without a proof.", refuse=True)
    page.goto(path)
    expect(page.get_by_role("link", name="Ask again")).to_be_visible()
    sound(page)
    sent(home, address, "Still waiting", "You did not answer me.")
    desk = opened()
    enter(desk, officer)
    desk.get_by_label("Code from your app").fill(code_of("MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK"))
    desk.get_by_role("button", name="Go on").click()
    desk.goto("/staff/requests")
    sound(desk)
    desk.get_by_label("Number, email address or name").fill(address)
    desk.get_by_role("button", name="Search").click()
    desk.locator("tbody a").first.click()
    expect(desk.get_by_text("Follows request").first).to_be_visible()
    sound(desk)
    reader = f"{uuid.uuid4().hex[:10]}@grower.example"
    post(web(), "/trust/providers", "/trust/providers", address=reader)
    path = f"/trust/providers/{prove_link(reader, 'trust/providers')}"
    page.goto(path)
    sound(page)
    rows = Subscriber.objects.filter(address_hash=vault.lookup("address", reader))
    rows.update(created_at=clock.now() - timedelta(days=2))
    page.reload()
    expect(page.get_by_text("older than 24 hours")).to_be_visible()
    sound(page)
