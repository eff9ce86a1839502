"""The menu of the staff is the same on each of their pages, and marks the one entry that the page belongs to."""

import re
from collections.abc import Callable

import httpx

from tests.conftest import Customer, enter_staff
from tests.promises.test_officer_queue import asked

Web = Callable[..., httpx.Client]

# A page -> the entry of the menu that it belongs to.
PAGES = {
    "/staff/requests": "Queue",
    "/staff/requests/figures": "Queue",
    "/staff/legal-requests": "Legal requests",
    "/staff/office": "Privacy office",
    "/staff/set-aside": "Privacy office",
    "/staff/documents": "Documents",
    "/staff/assessments": "Assessments",
    "/staff/recipients": "Recipients",
    "/staff/sources": "Data sources",
    "/staff/agents": "Agents",
}
LINK = re.compile(r'<a href="([^"]*)"([^>]*)>\s*<svg.*?</svg><span>([^<]*)</span></a>', re.DOTALL)


def _menu(page: str) -> list[tuple[str, bool]]:
    """The titles of the sidebar's entries, in order, and whether each is marked as the current one."""
    sidebar = page[page.index('<header class="sidebar"') : page.index('<span class="push">')]
    return [(title, "aria-current" in marks) for _, marks, title in LINK.findall(sidebar)]


def _shown(client: httpx.Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.text


def test_the_menu_of_the_staff_is_the_same_on_each_page_and_marks_one_entry(officer: Customer, web: Web) -> None:
    client = enter_staff(web(officer))
    pages = PAGES | {f"/staff/requests/{asked()}": "Queue"}
    titles = [title for title, _ in _menu(_shown(client, "/staff/requests"))]
    assert {"Queue", "Privacy office", "Documents", "Assessments", "Recipients"} <= set(titles)
    for path, wanted in pages.items():
        menu = _menu(_shown(client, path))
        assert [title for title, _ in menu] == titles, path
        assert [title for title, is_current in menu if is_current] == [wanted], path


def test_a_staff_page_speaks_the_readers_language(officer: Customer, web: Web) -> None:
    client = enter_staff(web(officer))
    for path in PAGES:
        page = _shown(client, f"{path}?lang=de")
        assert '<html lang="de"' in page, path
    assert "Offene Anfragen" in _shown(client, "/staff/requests?lang=de")
