"""Whoever sits down at a computer after somebody has signed out sees nothing of what that person was shown."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.conftest import Customer
from tests.journeys.conftest import Open, enter, sign_out


def test_the_button_back_shows_nothing_after_a_sign_out(customer: Callable[[], Customer], opened: Open) -> None:
    own = customer()
    page = opened()
    enter(page, own)
    expect(page.locator("body.app")).to_be_visible()
    page.goto("/account/data")
    expect(page.get_by_text(own.address).first).to_be_visible()
    page.goto("/account/security")
    sign_out(page)
    for _ in range(3):
        page.go_back()
        expect(page.get_by_text(own.address)).to_have_count(0)
    expect(page.locator("body")).to_be_visible()
