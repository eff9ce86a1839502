"""Each act says on which page its form stands: a browser that opens the act's address is led there, a program hears 405."""

import inspect
import re
from collections.abc import Callable
from importlib import import_module

import httpx
import pytest

from glasshouse.access import pages
from glasshouse.access.pages import Audience, DeclarationError, Need, Page, page
from glasshouse.operations.installation import Installation
from tests import matrix
from tests.architecture.test_asked_fields import FOLDERS, source_of
from tests.conftest import Customer, post

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
TEMPLATE = re.compile(r'"([a-z_]+(?:/[a-z_]+)?\.html)"')


@pytest.fixture(autouse=True)
def _views(home: Installation) -> None:
    import_module("glasshouse.web.urls")


def acts() -> list[Page]:
    """What is done at an address that shows nothing itself, by people."""
    return [
        page
        for page in pages.pages()
        if "POST" in page.methods and pages.find(page.name, "GET") is None and not page.form.programs
    ]


def html_of(page: Page) -> str:
    """The templates that a page's file names, and the frame around all."""
    code = inspect.getsource(inspect.getmodule(inspect.unwrap(page.view)))  # type: ignore[arg-type]
    names = {name for name in TEMPLATE.findall(code) if any((folder / name).exists() for folder in FOLDERS)}
    return "".join(map(source_of, sorted(names | {"base.html"})))


def test_each_act_names_the_page_that_its_form_stands_on() -> None:
    wrong = []
    for act in acts():
        shown = pages.page_of_form(act)
        if shown is None or not shown.arguments.keys() <= act.arguments.keys():
            wrong.append(f"{act.name}: no page with its form")
        elif not re.search(rf"{{% url '{act.name}'[ %]", html_of(shown)):
            wrong.append(f"{act.name}: no form of it on {shown.name}")
    assert wrong == []
    assert len(acts()) > 70


def test_a_browser_is_led_to_the_form_and_a_program_hears_405(web: Web) -> None:
    client = web()
    for act in acts():
        address = matrix.address_of(act)
        shown = pages.page_of_form(act)
        assert shown
        led = client.get(address, headers=BROWSER)
        assert led.status_code == 302, act.name
        assert pages.find(act.form_on, "GET") is shown
        for accept in ("*/*", "application/json"):
            answer = client.get(address, headers={"Accept": accept})
            assert (answer.status_code, answer.headers["Allow"]) == (405, "POST"), act.name
        assert client.put(address, headers=BROWSER | {"X-CSRFToken": "x"}).status_code in (403, 405), act.name


def test_the_address_of_a_refused_form_opens_its_page(customer: Make, web: Web) -> None:
    one = customer()
    client, page = web(one), f"/o/{one.organisation}/members"
    refused = post(client, f"{page}/invite", page, address="no address", role="viewer", all_sites="yes", days="7")
    assert refused.status_code == 400
    led = client.get(refused.request.url.path, headers=BROWSER)
    assert led.headers["Location"] == page
    assert client.get(led.headers["Location"]).status_code == 200


def test_what_was_sent_from_a_refused_form_leads_back_to_its_page() -> None:
    from glasshouse.web.redirects import safe_path

    assert safe_path("/o/0123456789abcdef/members/invite") == "/o/0123456789abcdef/members"
    assert safe_path("/v1/contacts") == "/"


def test_a_page_that_shows_its_form_itself_names_no_other() -> None:
    declare = page(
        "nowhere", name="nowhere", need=Need.ANYBODY, audience=Audience.PUBLIC, methods=("GET", "POST"), form_on="home"
    )
    with pytest.raises(DeclarationError):
        declare(lambda request: None)  # type: ignore[arg-type, return-value]
    assert pages.find("nowhere", "GET") is None
