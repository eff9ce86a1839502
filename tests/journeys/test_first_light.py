"""A grower's first hour, in a real browser: sign up, prove the address, make a site, register a device, see a reading."""

import time
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Browser, expect

from glasshouse.operations.installation import Installation
from tests.conftest import Customer, prove_link
from tests.journeys.conftest import Open, enter, follow, sign_out, sound


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_from_sign_up_to_the_first_reading(
    home: Installation, crops: httpx.Client, browser: Browser, width: int, scheme: str
) -> None:
    address = f"journey-{width}@grower.example"
    context = browser.new_context(
        ignore_https_errors=True,
        viewport={"width": width, "height": 844},
        color_scheme=scheme,  # type: ignore[arg-type]
        base_url=home.origin,
    )
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))

    page.goto("/")
    sound(page)
    page.locator("main").get_by_role("link", name="Create account").click()
    page.get_by_label("Work email").fill(address)
    sound(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
    sound(page)

    path = f"/prove/{prove_link(address)}"
    page.goto(path)
    expect(page.get_by_text(address)).to_be_visible()
    page.get_by_label("Your name").fill("Journey Person")
    page.get_by_label("Organisation").fill("Journey Farm")
    page.get_by_label("Password").fill("password1234")
    page.get_by_label("I accept the terms").check()
    sound(page)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("alert")).to_contain_text("known from breaches")
    sound(page)
    assert page.get_by_label("Organisation").input_value() == "Journey Farm"
    page.get_by_label("Password").fill("a password to remember")
    page.get_by_label("I accept the terms").check()
    page.get_by_label("I accept the terms").press("Tab")
    for _ in range(6):  # Past the documents, by keyboard alone.
        if page.evaluate("document.activeElement.tagName") == "BUTTON":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Begin with a site")).to_be_visible()
    sound(page)
    overview = page.url
    page.goto(path)
    expect(page.get_by_role("heading", name="This link has ended")).to_be_visible()
    sound(page)
    page.goto(overview)

    page.get_by_role("link", name="Add a site").click()
    page.get_by_label("Name", exact=True).fill("Tunnel one")
    page.get_by_label("Latitude").fill("95")
    page.get_by_role("button", name="Add site").click()
    expect(page.get_by_role("alert")).to_contain_text("from -90 to 90")
    assert page.get_by_label("Name", exact=True).input_value() == "Tunnel one"
    page.get_by_label("Latitude").fill("45,4")
    page.get_by_label("Time zone").select_option("Europe/Rome")
    page.get_by_role("button", name="Add site").click()
    page.get_by_label("New compartment").fill("Bay A")
    page.get_by_role("button", name="Add compartment").click()
    expect(page.get_by_role("listitem").filter(has_text="Bay A")).to_be_visible()
    sound(page)
    page.get_by_text("Set a target range").click()
    page.get_by_label("Variable").select_option(label="Air temperature (°C)")
    page.get_by_label("From", exact=True).fill("21")
    page.get_by_role("button", name="Set range").click()
    expect(page.get_by_text("Air temperature: from 21 °C")).to_be_visible()
    page.get_by_label("New device").fill("Logger")
    page.get_by_label("In compartment").select_option(label="Bay A")
    page.get_by_role("button", name="Register device").click()
    token = page.locator(".copy code").first.inner_text().strip()
    sound(page)

    follow(page, "Overview")
    expect(page.get_by_text("No readings yet")).to_be_visible()
    now = int(time.time())
    lines = "\n".join(f"climate air_temp={20 + minute / 10:.1f},air_rh=75 {now - minute * 60}" for minute in range(60))
    answer = crops.post("/api/v2/write?precision=s", content=lines, headers={"Authorization": f"Token {token}"})
    assert answer.status_code == 204
    expect(page.get_by_text("20.0 °C")).to_be_visible()  # by itself, without a reload
    expect(page.get_by_role("heading", name="Tunnel one · Bay A")).to_be_visible()
    expect(page.get_by_text("Vapour pressure deficit")).to_be_visible()
    expect(page.get_by_text("below 21")).to_be_visible()  # the target range set above
    sound(page)

    page.get_by_text("20.0 °C").click()
    page.wait_for_selector("#chart[data-points]")
    sound(page)
    assert "s=" in page.url
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert len(download.value.path().read_text().splitlines()) == 61  # every reading, and the heading

    with page.expect_download() as picture:
        page.get_by_role("button", name="PNG").click()
    assert picture.value.path().read_bytes()[:4] == b"\x89PNG"
    before = page.url
    page.get_by_role("button", name="Nearer").click()
    page.wait_for_url(lambda url: url != before)
    page.get_by_role("button", name="Earlier").click()

    follow(page, "Import")
    sound(page)
    body = "Date;PAR (µmol/m²/s);Plant Temperature (°C)\n31/05/2024 12:00;801,5;24,1\n31/05/2024 12:15;820,0;240\n"
    page.get_by_label("File").set_input_files({"name": "logger.csv", "mimeType": "text/csv", "buffer": body.encode()})
    page.get_by_label("Where it was measured").select_option(label="Tunnel one · Bay A")
    page.get_by_role("button", name="Preview the file").click()
    page.get_by_label("Plant Temperature is").select_option(label="Air temperature (°C)")
    sound(page)
    page.get_by_role("button", name="Import the readings").click()
    expect(page.get_by_text("2 of 2 rows came in: 4 readings, 4 of them new")).to_be_visible()
    expect(page.get_by_role("region", name="Issues by kind").get_by_text("240 °C is implausible")).to_be_visible()
    sound(page)

    page.get_by_role("link", name="To the charts").click()
    page.get_by_label("Find").or_(page.get_by_placeholder("Find")).first.fill("plant temperature")
    for box in page.locator("[name=s]:checked").all():
        box.dispatch_event("click")
    page.locator("#pick .check:not([hidden]) input").check()
    page.get_by_role("button", name="Day", exact=True).click()
    expect(page.get_by_text("1 implausible, not drawn to scale")).to_be_visible()
    sound(page)

    follow(page, "Activity log")
    expect(page.get_by_text("registered a device")).to_be_visible()
    sound(page)
    follow(page, "Profile")
    sound(page)
    follow(page, "Your data")
    expect(page.get_by_role("cell", name=address)).to_have_count(0)
    page.get_by_role("button", name="Open all").click()
    expect(page.get_by_role("cell", name=address).first).to_be_visible()
    sound(page)
    page.get_by_role("link", name="Erase everything").click()
    expect(page.get_by_text("Journey Farm is closed")).to_be_visible()
    sound(page)
    sign_out(page)
    page.goto("/trust")
    expect(page.get_by_text("of 44 promises")).to_be_visible()
    sound(page)
    page.get_by_role("navigation", name="Trust centre").get_by_role("link", name="What we store").click()
    sound(page)
    page.locator("footer").get_by_role("link", name="Ask about your data").click()
    sound(page)
    assert [text for text in said if "status of 4" not in text] == []  # wrong fields, and the link that has ended
    context.close()


def test_a_file_larger_than_a_form_comes_in(opened: Open, customer: Callable[[], Customer]) -> None:
    """Chromium splits its cookies over HTTP/2; the session among them lets the larger body in."""
    own, page = customer(), opened()
    enter(page, own)
    follow(page, "Import")
    rows = [f"2026-01-{1 + n // 1440:02} {n // 60 % 24:02}:{n % 60:02},{20 + n % 10}.5" for n in range(20_000)]
    body = "\n".join(["time,air_temp", *rows]).encode()
    assert len(body) > 400_000
    page.get_by_label("File").set_input_files({"name": "long.csv", "mimeType": "text/csv", "buffer": body})
    page.get_by_role("button", name="Preview the file").click()
    page.get_by_role("button", name="Import the readings").click()
    expect(page.get_by_text("20000 of 20000 rows came in")).to_be_visible(timeout=30_000)
    sound(page)
