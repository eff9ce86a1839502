"""The browser of the journeys, and what every page must please."""

import base64
import hashlib
import os
import shutil
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, Page, sync_playwright

from glasshouse.cli.installation import Installation

CHROMIUM = os.environ.get("GLASSHOUSE_CHROMIUM") or shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def _trusting(home: Installation) -> str:
    certificate = x509.load_pem_x509_certificate((home.keys / "tls" / "server.crt").read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"--ignore-certificate-errors-spki-list={base64.b64encode(hashlib.sha256(key).digest()).decode()}"


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
    """The page pleases a screen reader and does not scroll sideways."""
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]][:2]) for one in found] == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
