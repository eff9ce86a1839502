"""The style guide in a browser, the reader's choice of language and theme, and the shell at both widths."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.conftest import Customer
from tests.journeys.conftest import Open, enter, follow, open_menu, sound


def test_the_style_guide_shows_each_component_and_pleases_a_screen_reader(opened: Open) -> None:
    page = opened()
    page.goto("/styleguide")
    assert page.evaluate("document.activeElement.matches('.errors')"), "what is wrong has the focus"
    sound(page)
    page.locator("main details[data-menu] summary").click()
    expect(page.get_by_role("link", name="Change role and sites")).to_be_visible()
    sound(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Change role and sites")).to_be_hidden()
    page.get_by_role("link", name="Open the dialog").click()
    dialog = page.get_by_role("dialog", name="Remove Chidi Okoye?")
    expect(dialog).to_be_visible()
    assert page.evaluate("document.activeElement.textContent.trim()") == "Cancel"
    sound(page)
    dialog.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()


def test_language_and_theme_are_kept_for_the_browser(opened: Open, customer: Callable[[], Customer]) -> None:
    page = opened()
    page.goto("/sign-in")
    page.get_by_role("link", name="Language and theme").click()
    page.get_by_label("Deutsch").check()
    page.get_by_label("Dark").check()
    sound(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "de"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 20, 17)"
    sound(page)
    page.goto("/preferences")
    page.get_by_label("Die Sprache Ihres Browsers").check()
    page.get_by_label("Wie Ihr Gerät eingestellt ist").check()
    page.get_by_role("button", name="Speichern").click()
    page.goto("/sign-in")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.locator("html").get_attribute("data-theme") is None


def test_the_menu_is_the_same_on_each_page_and_marks_the_one_that_is_shown(
    opened: Open, customer: Callable[[], Customer]
) -> None:
    own, page = customer(), opened()
    enter(page, own)
    expect(page.locator("body.app")).to_be_visible()
    wide = (page.viewport_size or {})["width"] > 1000
    names = ".sidebar nav a" if wide else ".tabbar > a, .tabbar .menu a"
    before = page.locator(names).all_inner_texts()
    for title in ("Charts", "Settings", "People"):
        follow(page, title)
        current = page.locator(f".{'sidebar' if wide else 'tabbar'} a[aria-current=page]")
        expect(current.locator("span")).to_have_text(title)
        assert page.locator(names).all_inner_texts() == before
    page.get_by_role("link", name="Roles").click()
    expect(page.locator(".sidebar a[aria-current=true] span")).to_have_text("People")
    page.goto("/account/data")
    expect(page.locator(".sidebar nav a[aria-current] span")).to_have_text(["Your data"])
    page.go_back()
    open_menu(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    page.keyboard.press("Home")
    sound(page)


def test_search_is_one_key_away(opened: Open, customer: Callable[[], Customer]) -> None:
    """From any page of the organisation; on the phone, where the field is not shown, the key leads to its page."""
    own = customer()
    page = opened()
    enter(page, own)
    page.wait_for_url("**/o/**")
    page.keyboard.press("Control+k")
    page.keyboard.type("Site ")
    page.keyboard.press("Enter")
    if page.viewport_size and page.viewport_size["width"] < 1000:
        page.wait_for_url("**/search")
        page.get_by_label("Name of a page").fill("Site ")
        page.keyboard.press("Enter")
    page.wait_for_url("**/search")
    expect(page.get_by_role("main").get_by_text("Sites, compartments and devices")).to_be_visible()
    sound(page)
