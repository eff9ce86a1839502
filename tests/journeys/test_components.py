"""The style guide in a browser, the reader's choice of language and theme, and the shell at both widths."""

from collections.abc import Callable
from itertools import pairwise

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


def test_what_was_done_is_told_once(opened: Open, customer: Callable[[], Customer]) -> None:
    own, page = customer(), opened()
    enter(page, own)
    page.wait_for_url("**/o/**")
    page.goto(f"/o/{own.organisation}/roles")
    page.get_by_label("Name", exact=True).fill("Crop worker")
    page.get_by_label("See the sites, compartments and devices").check()
    page.get_by_role("button", name="Save role").click()
    expect(page.get_by_role("status").filter(has_text="Role saved")).to_be_visible()
    assert "done" not in page.url
    sound(page)
    page.reload()
    expect(page.get_by_role("heading", name="Your own roles")).to_be_visible()
    assert page.get_by_text("Role saved").count() == 0
    page.goto(f"/o/{own.organisation}/roles?done=<b>anything</b>")
    assert page.locator(".toast").count() == 0


def test_roles_are_read_without_scrolling_sideways(opened: Open, customer: Callable[[], Customer]) -> None:
    """On a phone a permission stands above the roles that have it, and nothing is cut off."""
    own, page = customer(), opened()
    enter(page, own)
    page.wait_for_url("**/o/**")
    page.goto(f"/o/{own.organisation}/roles")
    table = page.locator("table.matrix")
    expect(table).to_be_visible()
    assert table.evaluate("table => table.parentElement.scrollWidth <= table.parentElement.clientWidth")
    sound(page)


def test_the_public_menu_is_complete_at_each_width(opened: Open) -> None:
    page = opened()
    page.goto("/")
    if page.viewport_size and page.viewport_size["width"] < 760:
        page.locator(".pub summary").click()
    expect(page.locator(".pub").get_by_role("link", name="Ask about your data")).to_be_visible()
    expect(page.locator(".pub").get_by_role("link", name="Create account")).to_be_visible()
    sound(page)
    picture = page.get_by_role("img", name="The overview")
    assert picture.evaluate("image => image.complete && image.naturalWidth > 0")


def test_nothing_covers_the_public_menu_of_who_is_signed_in(opened: Open, customer: Callable[[], Customer]) -> None:
    page = opened()
    enter(page, customer())
    page.goto("/cookies")
    for language in ("en", "de"):
        if language == "de":
            page.get_by_role("link", name="Deutsch").click()
        expect(page.locator("html")).to_have_attribute("lang", language)
        edges = page.locator(".pub a, .pub summary").evaluate_all(
            "all => all.filter(link => link.checkVisibility()).map(link => link.getBoundingClientRect().toJSON())"
        )
        edges.sort(key=lambda edge: edge["left"])
        assert all(before["right"] <= after["left"] for before, after in pairwise(edges)), edges


def test_what_we_store_is_sorted_by_a_column(opened: Open) -> None:
    page = opened()
    page.goto("/trust/data?order=basis")
    cells = page.locator("td[data-label='Why we may keep it']").all_inner_texts()
    assert cells == sorted(cells)
    assert len(set(cells)) > 1
    page.goto("/trust/data?order=-basis")
    assert page.locator("td[data-label='Why we may keep it']").all_inner_texts() == sorted(cells, reverse=True)
    assert page.locator("th[aria-sort=descending]").count() == 1
    page.goto("/trust/data?order=__class__")
    assert page.locator("th[aria-sort]").count() == 0


COVERED = """() => {
  const focused = document.activeElement, box = focused.getBoundingClientRect();
  if (focused === document.body || focused.closest(".tabbar, .topbar, .skip")) return "";
  const bars = [...document.querySelectorAll(".tabbar, .topbar")].map(bar => bar.getBoundingClientRect());
  const covers = bars.some(bar => bar.height && box.top >= bar.top - 1 && box.bottom <= bar.bottom + 1);
  return covers ? focused.outerHTML.slice(0, 80) : "";
}"""


def test_no_bar_covers_what_has_the_focus(opened: Open, customer: Callable[[], Customer]) -> None:
    own, page = customer(), opened()
    enter(page, own)
    page.wait_for_url("**/o/**")
    page.goto(f"/o/{own.organisation}/roles")
    for _ in range(50):
        page.keyboard.press("Tab")
        assert page.evaluate(COVERED) == ""


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
