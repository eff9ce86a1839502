"""What a real browser stores: nothing but the register's cookies, and what is optional only after a yes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from glasshouse.access.pages import Audience
from glasshouse.operations.installation import Installation
from glasshouse.operations.mutation.applying import write
from glasshouse.operations.mutation.scratch import Scratch, scratch
from glasshouse.promises.asked_fields import shown_pages
from glasshouse.web import cookies
from tests.conftest import Customer
from tests.journeys.conftest import Open, enter, sound

# What a page may have stored beside cookies, by every way that a browser has.
STORED = """async () => [
  ...Object.keys(localStorage), ...Object.keys(sessionStorage), ...(await indexedDB.databases()).map((base) => base.name),
  ...(await caches.keys()), ...(await navigator.serviceWorker.getRegistrations()).map((worker) => worker.scope), window.name,
].filter(Boolean)"""
VISITS = "__Host-visits"
OPTIONAL = f'OPTIONAL = (Stored("{VISITS}", "Counts visits.", A_YEAR, optional=True),)\n'
SET = f'response.set_cookie("{VISITS}", "1", max_age=60, secure=True, httponly=True, samesite="Lax")\n        '


def names(page: Page) -> set[str]:
    """The cookies that the browser holds."""
    return {str(cookie["name"]) for cookie in page.context.cookies()}


@pytest.mark.any_width
def test_no_page_stores_anything_but_the_registers_cookies(opened: Open, customer: Callable[[], Customer]) -> None:
    own, page = customer(), opened()
    registered = {stored.name for stored in cookies.register()}
    enter(page, own)
    expect(page.locator("body.app")).to_be_visible()
    page.wait_for_url("**/o/**")
    walked = 0
    for shown in shown_pages():
        if shown.path.endswith((".json", ".txt", ".csv")) or shown.name in ("health", "my_copy", "sign_out"):
            continue
        path = "/" + shown.path.replace("<slug:organisation>", own.organisation)
        answer = page.request.get(path, max_redirects=0)
        if answer.status != 200 or not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        page.goto(path)
        assert page.evaluate(STORED) == [], path
        walked += 1
    assert walked > len(Audience)
    assert names(page) <= registered


def test_the_cookie_page_is_sound_and_says_that_nothing_is_optional(opened: Open) -> None:
    page = opened()
    page.goto("/")
    page.get_by_role("contentinfo").get_by_role("link", name="Cookies", exact=True).click()
    expect(page.get_by_role("heading", name="Cookies", level=1)).to_be_visible()
    expect(page.get_by_text("Nothing here is optional")).to_be_visible()
    sound(page)


@pytest.fixture(scope="module")
def asking() -> Iterator[Scratch]:
    """A service of its own that wants to store one optional cookie with each page, whatever the reader says."""
    with scratch(None) as place:
        _replace(place.source / "glasshouse/web/cookies.py", "OPTIONAL: tuple[Stored, ...] = ()\n", OPTIONAL)
        _replace(
            place.source / "glasshouse/web/middleware.py",
            "for name, value in failures.HEADERS.items():",
            f"{SET}for name, value in failures.HEADERS.items():",
        )
        place.restart(("web",))
        yield place


def _replace(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert text.count(before) == 1
    write(path, text.replace(before, after))


@pytest.fixture
def page(browser: Browser, asking: Scratch) -> Iterator[Page]:
    """A browser that was never there."""
    context = browser.new_context(base_url=f"https://localhost:{asking.port}", ignore_https_errors=True)
    yield context.new_page()
    context.close()


def question(page: Page) -> bool:
    """Whether the reader is asked on the start page, loaded anew."""
    page.goto("/")
    return page.locator("[data-cookie-question]").count() == 1


@pytest.mark.long
def test_before_after_no_after_yes_after_withdrawal(home: Installation, page: Page) -> None:
    assert question(page)
    assert VISITS not in names(page), "before the answer"
    refuse, accept = (page.get_by_role("button", name=name, exact=True) for name in ("Refuse", "Accept"))
    looks = [
        button.evaluate(
            "node => { const s = getComputedStyle(node); return [s.color, s.backgroundColor, s.font, "
            "s.border, s.height, s.padding].join() }"
        )
        for button in (refuse, accept)
    ]
    assert looks[0] == looks[1], "neither answer looks like the better one"
    refuse.click()
    expect(page.locator("[data-cookie-question]")).to_have_count(0)
    assert not question(page)
    assert VISITS not in names(page), "after a no"
    page.goto("/cookies")
    page.get_by_role("button", name="Accept", exact=True).click()
    expect(page.get_by_text("You agreed to the optional cookies")).to_be_visible()
    assert not question(page)
    assert VISITS in names(page), "after a yes"
    page.goto("/cookies")
    page.get_by_role("button", name="Refuse", exact=True).click()
    expect(page.get_by_text("You refused the optional cookies")).to_be_visible()
    assert VISITS not in names(page), "after withdrawal, at once"
    assert not question(page)
    assert VISITS not in names(page)
    assert page.evaluate(STORED) == []


@pytest.mark.long
def test_escape_says_no_and_loses_nothing_that_was_typed(home: Installation, page: Page) -> None:
    page.goto("/sign-in")
    page.locator("[name=address]").fill("anna@grower.example")  # No page is blocked while the question stands.
    page.keyboard.press("Escape")
    expect(page.locator("[data-cookie-question]")).to_have_count(0)
    expect(page.locator("[name=address]")).to_have_value("anna@grower.example")
    answer = next(str(cookie["value"]) for cookie in page.context.cookies() if cookie["name"] == cookies.CHOICE_COOKIE)
    assert answer.startswith("no.")
    assert VISITS not in names(page)


@pytest.mark.long
def test_both_answers_are_reached_by_the_keyboard(home: Installation, page: Page) -> None:
    page.goto("/")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
        if reached[-1] == "Accept":
            break
    assert reached[-2:] == ["Refuse", "Accept"]
    page.keyboard.press("Enter")
    expect(page.locator("[data-cookie-question]")).to_have_count(0)
    assert not question(page)
    assert VISITS in names(page)


@pytest.mark.long
def test_without_scripts_the_question_is_answered_by_its_forms(
    home: Installation, browser: Browser, asking: Scratch
) -> None:
    context = browser.new_context(
        base_url=f"https://localhost:{asking.port}", ignore_https_errors=True, java_script_enabled=False
    )
    page = context.new_page()
    page.goto("/trust")
    page.get_by_role("button", name="Refuse", exact=True).click()
    expect(page).to_have_url(f"https://localhost:{asking.port}/trust")
    expect(page.locator("[data-cookie-question]")).to_have_count(0)
    assert VISITS not in names(page)
    context.close()


@pytest.mark.long
def test_the_check_judges_an_optional_cookie_by_what_the_browser_is_given(home: Installation, asking: Scratch) -> None:
    assert asking.check(["PRI-07"])["PRI-07"].state == "verified"
    asked = "    return not stored.optional or answer_of(request) == ACCEPTED\n"
    not_asked = "    return not stored.optional or answer_of(request) in ('', ACCEPTED)\n"
    register = asking.source / "glasshouse/web/cookies.py"
    _replace(register, asked, not_asked)
    try:
        asking.restart(("web",))
        result = asking.check(["PRI-07"])["PRI-07"]
    finally:
        _replace(register, not_asked, asked)
        asking.restart(("web",))
    assert result.state == "not verified"
    assert "before the answer" in result.figure
