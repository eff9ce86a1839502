"""A grower previews a file with doubts in it, in German, leaves some out, and switches the intake of a folder on."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.conftest import Customer
from tests.journeys.conftest import Open, enter, sound
from tests.repairs.test_import_bounds import wide
from tests.test_import_wizard import DOUBTFUL


def test_doubts_of_a_file_are_left_out_on_its_page(customer: Callable[[], Customer], opened: Open) -> None:
    one = customer()
    page = opened("de-DE")
    enter(page, one)
    expect(page.locator("body.app")).to_be_visible()
    page.goto(f"/o/{one.organisation}/import")
    body = f"Anlage 3\n\n{DOUBTFUL}".encode()
    page.locator("[name=file]").set_input_files({"name": "anlage.csv", "mimeType": "text/csv", "buffer": body})
    page.get_by_role("button", name="Vorschau der Datei").click()
    expect(page.get_by_text("Verlauf der ersten Zeilen")).to_be_visible()
    sound(page)
    page.get_by_label("240 °C ist unplausibel").check()
    page.get_by_role("button", name="Messwerte importieren").click()
    expect(page.get_by_text("26 von 26 Zeilen kamen herein: 25 Messwerte")).to_be_visible(timeout=60_000)
    sound(page)


@pytest.mark.any_width
def test_columns_of_a_wide_file_are_chosen_from_one_list(customer: Callable[[], Customer], opened: Open) -> None:
    one = customer()
    page = opened()
    enter(page, one)
    expect(page.locator("body.app")).to_be_visible()
    page.goto(f"/o/{one.organisation}/import")
    page.locator("[name=file]").set_input_files({"name": "wide.csv", "mimeType": "text/csv", "buffer": wide(40, 20)})
    page.get_by_role("button", name="Preview the file").click()
    page.get_by_label("c0 is").fill("Air temperature (°C)")
    page.get_by_label("Unit of c0", exact=True).fill("°C")
    sound(page)
    page.get_by_role("button", name="Show again with these choices").click()
    expect(page.get_by_label("c0 is")).to_have_value("Air temperature (°C)")
    page.goto(f"/o/{one.organisation}/intake")
    expect(page.get_by_role("heading", name="Files that come by themselves")).to_be_visible()
    sound(page)
