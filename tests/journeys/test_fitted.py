"""A member pins what they work with, sees why it comes first, and switches that off; in a real browser."""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import expect

from tests.conftest import Customer
from tests.journeys.conftest import Open, enter, sound
from tests.test_personalisation import rooms


@pytest.mark.any_width
def test_a_member_pins_a_place_and_a_chart_and_switches_fitting_off(
    opened: Open, customer: Callable[[], Customer], crops: httpx.Client
) -> None:
    own = customer()
    rooms(own, crops, "Alpha", "Beta")
    page = opened()
    enter(page, own)
    page.get_by_role("button", name="Beta").click()
    expect(page.get_by_role("heading", level=2).first).to_contain_text("Beta")
    expect(page.get_by_text("Here because you pinned it.")).to_be_visible()
    sound(page)
    page.get_by_role("link", name="Open charts").click()
    for number in range(2):
        page.get_by_role("checkbox").nth(number).check()
    page.get_by_role("button", name="Pin to the overview").click()
    expect(page.get_by_role("heading", level=2).first).to_have_text("Pinned charts")
    expect(page.locator("[id^=pinned-tile]")).to_have_count(2)
    sound(page)
    page.get_by_role("link", name="Fitted to you").first.click()
    expect(page.locator("main input[name=series]")).to_have_count(2)
    sound(page)
    page.get_by_role("button", name="Switch off").click()
    expect(page.get_by_text("Nothing is fitted to you, and no days are counted.")).to_be_visible()
    sound(page)
    page.get_by_role("link", name="Open the overview").click()
    expect(page.get_by_role("heading", level=2).first).to_contain_text("Alpha")
    expect(page.get_by_text("you pinned")).to_have_count(0)
