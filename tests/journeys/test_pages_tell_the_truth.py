"""What stays true on a page that is left open: values grow old, a lost connection is told, a gap stays a gap."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.conftest import Customer
from tests.journeys import conftest as journeys
from tests.journeys.conftest import Open, enter, sound

Make = Callable[[], Customer]
LOST = re.compile(r"Connection lost – values from .*\d\d?[:.]\d\d")


pytestmark = pytest.mark.any_width


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Chromium says on its console about the failures that a journey makes is no error of the page."""
    words = ("htmx:afterRequest", "htmx:sendError", "htmx:timeout", "ERR_", "status of ", "Error Code")
    monkeypatch.setattr(journeys, "expected", lambda text: any(word in text for word in words))


def send(crops: httpx.Client, own: Customer, lines: list[str], room: str = "", device: str = "Box") -> None:
    from glasshouse.greenhouse import api as greenhouse

    token = greenhouse.create_device(own.actor, own.site, room, device)
    body = "\n".join(lines)
    answer = crops.post("/write?precision=s", content=body, headers={"Authorization": f"Token {token}"})
    assert answer.status_code == 204, answer.text


def overview(page: Page, crops: httpx.Client, own: Customer) -> None:
    now = int(time.time())
    send(crops, own, [f"m air_temp={20 + i / 100} {now - 60 * i}" for i in range(30)])
    page.clock.install()
    enter(page, own)
    expect(page.locator(".tile.ok").first).to_be_visible()


@pytest.mark.usefixtures("cut")
def test_values_grow_old_and_a_lost_connection_is_told(opened: Open, customer: Make, crops: httpx.Client) -> None:
    page, own = opened(), customer()
    overview(page, crops, own)
    when = page.locator(".tile .tile-time").first
    expect(when).to_contain_text("s ago")
    page.keyboard.press("Tab")
    page.locator(".tile").first.focus()
    page.route("**/o/*/", lambda route: route.abort())  # the network is gone
    page.clock.fast_forward(10_000)
    expect(page.get_by_text("Connection lost")).to_have_count(0)
    page.clock.fast_forward(60_000)
    expect(page.get_by_role("status").filter(has_text=LOST)).to_be_visible()
    expect(when).to_contain_text(re.compile(r"([6-9]\d|1\d\d) s ago|min ago"))
    page.clock.fast_forward(240_000)
    expect(when).to_contain_text("silent since")  # three minutes: thrice its interval
    expect(page.locator(".tile").first).to_have_class(re.compile("silent"))
    assert "gradient" in page.locator(".tile").first.evaluate("one => getComputedStyle(one).backgroundImage")
    assert page.evaluate("document.activeElement.classList.contains('tile')")
    sound(page)
    page.unroute("**/o/*/")
    expect(page.get_by_text("Connection lost")).to_have_count(0, timeout=15_000)
    assert page.evaluate("document.activeElement.classList.contains('tile')")


@pytest.mark.usefixtures("cut")
@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_service_that_answers_with_errors_is_told(
    opened: Open, customer: Make, crops: httpx.Client, status: int
) -> None:
    page, own = opened(), customer()
    overview(page, crops, own)
    page.route("**/o/*/", lambda route: route.fulfill(status=status, body="no"))
    page.clock.fast_forward(30_000)
    expect(page.get_by_role("status").filter(has_text=LOST)).to_contain_text("error", timeout=20_000)
    assert page.locator(".tile").count()


@pytest.mark.usefixtures("cut")
def test_an_answer_that_never_comes_is_a_lost_connection(opened: Open, customer: Make, crops: httpx.Client) -> None:
    page, own = opened(), customer()
    overview(page, crops, own)
    held: list[Route] = []
    page.route("**/o/*/", lambda route: held.append(route))
    page.clock.fast_forward(30_000)
    expect(page.get_by_role("status").filter(has_text=LOST)).to_be_visible(timeout=20_000)
    for route in held:
        route.abort()


def test_after_the_session_ended_the_page_leads_to_signing_in(
    opened: Open, customer: Make, crops: httpx.Client
) -> None:
    page, own = opened(), customer()
    overview(page, crops, own)
    page.context.clear_cookies()
    page.clock.fast_forward(10_000)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert f"next=/o/{own.organisation}/" in page.url.replace("%2F", "/")


def test_a_clock_that_is_wrong_does_not_make_values_old(opened: Open, customer: Make, crops: httpx.Client) -> None:
    page, own = opened(), customer()
    send(crops, own, [f"m air_temp={i} {int(time.time()) - 60 * i}" for i in range(30)])
    enter(page, own)
    page.clock.set_fixed_time(int(time.time() * 1000) + 3_600_000 * 5)
    page.goto(f"/o/{own.organisation}/")
    expect(page.locator(".tile .tile-time").first).to_contain_text("s ago")


# -- the chart -----------------------------------------------------------------------------------------------------


def hover(page: Page, share: float) -> None:
    """Point at the chart, so far from its left edge."""
    over = page.locator("#chart .u-over").bounding_box()
    assert over
    page.mouse.move(over["x"] + over["width"] * share, over["y"] + over["height"] / 2)


def ids(own: Customer) -> dict[str, str]:
    from glasshouse.greenhouse import readings

    return {f"{one['field']} {one['source']}": one["id"] for one in readings.series(own.actor)}


def test_where_nothing_was_measured_the_chart_says_so(opened: Open, customer: Make, crops: httpx.Client) -> None:
    page, own = opened(), customer()
    start = int(time.time()) // 3600 * 3600 - 10 * 3600
    there = [i for i in range(240) if i < 80 or i >= 160]  # a gap in the middle third of four hours
    lines = [f"m co2={400 + i} {start + 60 * i}" for i in there] + [f"m slab_temp=21.5 {start + 60}"]
    send(crops, own, lines)
    enter(page, own)
    series = "&".join(f"s={number}" for number in ids(own).values())
    page.goto(f"/o/{own.organisation}/chart?{series}&from={start}&to={start + 14_400}")
    page.wait_for_selector("#chart[data-points]:not([data-points='0'])")
    rows = page.locator("#legend li")
    co2, slab = rows.filter(has_text="CO2").locator(".reading"), rows.filter(has_text="Slab").locator(".reading")
    hover(page, 0.15)
    expect(co2).to_contain_text("ppm")
    expect(slab).to_have_text("no reading")  # its only reading lies elsewhere
    hover(page, 0.5)
    expect(co2).to_have_text("no reading")
    hover(page, 0.9)
    expect(co2).to_contain_text("ppm")
    hover(page, 0.006)
    expect(slab).to_have_text("21.5 °C")
    # No line stands in the gap.
    assert inked(page, 0.1, 0.3) > 0
    assert inked(page, 0.36, 0.64) == 0
    # By the keyboard.
    page.get_by_label("Time that the values are read at").focus()
    page.keyboard.press("Home")
    expect(co2).to_contain_text("ppm")
    sound(page)


def inked(page: Page, left: float, right: float) -> int:
    """How many points of the canvas between two shares of its plot have the colour of the first line."""
    return int(
        page.evaluate(
            """([left, right]) => {
              const over = document.querySelector("#chart .u-over").getBoundingClientRect();
              const canvas = document.querySelector("#chart canvas"), all = canvas.getBoundingClientRect();
              const ratio = canvas.width / all.width, x = (over.x - all.x) * ratio, width = over.width * ratio;
              const line = document.querySelector("#legend li line").getAttribute("stroke");
              const wanted = [1, 3, 5].map((i) => parseInt(line.slice(i, i + 2), 16));
              const part = canvas.getContext("2d").getImageData(x + width * left, 0, width * (right - left), canvas.height).data;
              let count = 0;
              for (let i = 0; i < part.length; i += 4) {
                if (wanted.every((value, k) => Math.abs(part[i + k] - value) < 24) && part[i + 3] > 128) count += 1;
              }
              return count;
            }""",
            [left, right],
        )
    )


def looks(page: Page) -> dict[str, tuple[str, str]]:
    """Series -> colour and dash, as the legend shows them."""
    found = page.locator("#legend li").evaluate_all(
        """all => all.map((one) => { const line = one.querySelector("line");
           return [one.dataset.s, line.getAttribute("stroke"), line.getAttribute("stroke-dasharray") || ""]; })"""
    )
    return {number: (colour, dash) for number, colour, dash in found}


def test_no_two_lines_look_alike_and_none_changes_when_another_is_hidden(
    opened: Open, customer: Make, crops: httpx.Client
) -> None:
    from glasshouse.greenhouse import api as greenhouse

    page, own, now = opened(), customer(), int(time.time())
    rooms = [greenhouse.create_compartment(own.actor, own.site, name) for name in ("North", "South")]
    for room in rooms:
        fields = ",".join(f"co2_{i}={400 + i}" for i in range(17)) + ",co2=420"
        send(crops, own, [f"m {fields} {now - 60 * i}" for i in range(5)], room, f"Box {room[:4]}")
    enter(page, own)
    numbers = list(ids(own).values())
    assert len(numbers) == 36
    series = "&".join(f"s={number}" for number in numbers)
    page.goto(f"/o/{own.organisation}/chart?{series}&from={now - 600}&to={now}")
    expect(page.locator("#legend li")).to_have_count(36)
    first = looks(page)
    assert len(set(first.values())) == 36
    assert len({colour for colour, _ in list(first.values())[:8]}) == 8
    for number in numbers[1:4]:
        page.locator(f"[name=s][value='{number}']").dispatch_event("click")
    expect(page.locator("#legend li")).to_have_count(33)
    assert looks(page).items() <= first.items()
    for number in reversed(numbers[1:4]):
        page.locator(f"[name=s][value='{number}']").dispatch_event("click")
    expect(page.locator("#legend li")).to_have_count(36)
    assert looks(page) == first
    sound(page)


def test_a_choice_that_cannot_be_shown_leaves_no_old_line(opened: Open, customer: Make, crops: httpx.Client) -> None:
    page, own, now = opened(), customer(), int(time.time())
    send(crops, own, [f"m co2=400 {now - 60 * i}" for i in range(5)])
    enter(page, own)
    page.goto(f"/o/{own.organisation}/chart")
    expect(page.locator("#chart canvas")).to_have_count(1)
    page.locator("[name=s]:checked").dispatch_event("click")
    expect(page.get_by_text("Choose at least one series")).to_be_visible()
    expect(page.locator("#chart canvas")).to_have_count(0)


# -- keys ----------------------------------------------------------------------------------------------------------


def test_the_key_page_reloaded_and_a_double_click_register_one_device(
    opened: Open, customer: Make, tmp_path: Path
) -> None:
    from glasshouse.access import api as access
    from glasshouse.greenhouse.models import Device

    page, own = opened(), customer()
    enter(page, own)
    page.goto(f"/o/{own.organisation}/sites")
    page.get_by_label("New device").fill("Klimabox 1")
    page.get_by_role("button", name="Register device").dblclick()
    expect(page.get_by_role("heading", name="The device's key")).to_be_visible()
    key = page.locator(".copy code").first.inner_text().strip()
    assert key.startswith("gh_")
    assert key not in page.url
    sound(page)
    page.reload()
    expect(page.get_by_text("You cannot see this key again. Make a new key")).to_be_visible()
    assert key not in page.content()
    sound(page)
    page.go_back()
    page.go_forward()
    assert key not in page.content()
    with access.organisation_transaction(own.actor):
        assert [device.name for device in Device.objects.all()] == ["Klimabox 1"]
