"""The browser of the journeys, and what every page must please."""

import base64
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from glasshouse.operations.installation import Installation
from tests.conftest import Customer

Open = Callable[..., Page]
CHROMIUM = os.environ.get("GLASSHOUSE_CHROMIUM") or shutil.which("chromium")
expect.set_options(timeout=40_000)  # Others run beside it; what is there at once costs nothing.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def _trusting(home: Installation) -> str:
    certificate = x509.load_pem_x509_certificate((home.keys / "tls" / "server.crt").read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"--ignore-certificate-errors-spki-list={base64.b64encode(hashlib.sha256(key).digest()).decode()}"


@pytest.fixture(autouse=True)
def fresh_connections() -> None:
    """No connection of an earlier module: the store may have been killed since. Within the browser's loop Django has its own."""
    connections.close_all()


@pytest.fixture(scope="module")
def browser(home: Installation) -> Iterator[Browser]:
    """Chromium, which takes our server's key for a good one: passkeys work on no page whose certificate is doubtful."""
    # The sync interface of Playwright runs an event loop, in which Django refuses to speak to the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, _trusting(home)])
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def sound(page: Page) -> None:
    """The page pleases a screen reader, does not scroll sideways, and leaves nothing in the browser but cookies."""
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]][:2]) for one in found] == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
    assert page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)]") == [], page.url


def expected(text: str) -> bool:
    """Whether a console's word belongs to a refusal that the journey asks for."""
    return any(mark in text for mark in ("status of 4", "Error Code 404"))


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["wide", "phone"])
def opened(request: pytest.FixtureRequest, home: Installation, browser: Browser) -> Iterator[Open]:
    """Opens browsers of separate people; whatever one says on its console fails the test at the end."""
    width, scheme = request.param
    contexts: list[BrowserContext] = []
    said: list[str] = []

    def make(locale: str = "en-US") -> Page:
        context = browser.new_context(
            locale=locale,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            base_url=home.origin,
            ignore_https_errors=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "console", lambda one: said.append(one.text) if one.type == "error" and not expected(one.text) else None
        )
        return page

    yield make
    for context in contexts:
        context.close()
    assert said == []


def enter(page: Page, who: Customer) -> None:
    page.goto("/sign-in")
    # By the names that programs rely on: the page speaks the browser's language.
    page.locator("[name=address]").fill(who.address)
    page.locator("[name=password]").fill(who.password)
    page.locator("form:has([name=password]) button").click()


def open_menu(page: Page) -> None:
    """Open what holds the rest of the menu: "More" below the page on a phone, "Your account" in the sidebar."""
    expect(page.locator("body.app")).to_be_visible()
    page.locator(".tabbar summary:visible, .sidebar .you:visible").click()


def follow(page: Page, title: str) -> None:
    """Go to a page by the menu, wherever its link stands at this width."""
    expect(page.locator("body.app")).to_be_visible()
    link = page.get_by_role("link", name=title, exact=True)
    if not link.count():
        open_menu(page)
    link.click()


def sign_out(page: Page) -> None:
    open_menu(page)
    page.get_by_role("button", name="Sign out", exact=True).click()
