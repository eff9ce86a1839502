"""Support's record tells what was shown, all of it, and nothing that was not."""

from collections.abc import Callable

import httpx
import pytest

from glasshouse.operations.installation import Installation
from tests.conftest import Customer, administering, enter_staff

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
NOTHING = "0" * 16


def invited(own: Customer, staff: Customer, areas: tuple[str, ...], *, change: bool = False) -> None:
    from glasshouse.support import api as support

    support.give(own.actor, support.Wish(areas, 2, "ticket 9", change=change, staff=str(staff.actor.account)))


def record(own: Customer) -> list[tuple[str, list[str]]]:
    from glasshouse.support import record as support_record

    return [(entry.what, entry.ids) for entry, _ in support_record.of_organisation(own.actor)]


@pytest.mark.parametrize("areas", [("events",), ("climate",), ("people",)])
def test_at_every_route_the_record_says_what_was_shown(customer: Make, olaf: Make, web: Web, areas: tuple[str]) -> None:
    """Each route that stands under a customer's address, opened by support: shown and on record as such, or refused."""
    from glasshouse.access import pages
    from tests import matrix

    own, staff = customer(), olaf()
    invited(own, staff, areas)
    client = enter_staff(web(staff))
    known, opened = len(record(own)), 0
    matrix.names()
    for page in pages.pages():
        if not page.of_organisation or "GET" not in page.methods:
            continue
        name = page.name
        answer = client.get(matrix.address_of(page, own.organisation))
        rows = record(own)
        new, known = rows[: len(rows) - known], len(rows)
        shown = [what for what, ids in new if what != "refused"]
        if answer.status_code == 200:
            opened += 1
            assert ("page", [name]) in new, name
            assert "refused" not in [what for what, _ in new], name
        else:
            assert shown == [], (name, answer.status_code, new)
            assert new in ([], [("refused", [name])]), (name, new)
    assert opened


def test_a_refused_page_is_told_as_refused(customer: Make, olaf: Make, web: Web) -> None:
    own, staff = customer(), olaf()
    invited(own, staff, ("climate",))
    client = enter_staff(web(staff))
    assert client.get(f"/o/{own.organisation}/members").status_code == 403
    page = web(own).get(f"/o/{own.organisation}/record").text
    assert "opened the page “People”" not in page
    assert "was refused the page “People”" in page


def test_a_chart_that_could_not_be_answered_was_not_looked_at(customer: Make, olaf: Make, web: Web) -> None:
    own, staff = customer(), olaf()
    invited(own, staff, ("climate",))
    client = enter_staff(web(staff))
    assert client.get(f"/o/{own.organisation}/readings?s=999999999&from=1&to=9").status_code == 404
    assert "chart" not in [what for what, _ in record(own)]


def test_what_cannot_be_recorded_is_not_shown(home: Installation, customer: Make, olaf: Make, web: Web) -> None:
    own, staff = customer(), olaf()
    invited(own, staff, ("climate",))
    client = enter_staff(web(staff))
    path, name = f"/o/{own.organisation}/sites", f"Site {own.address.partition('@')[0]}"
    assert name in client.get(path).text
    with administering(home) as link:
        link.execute("REVOKE INSERT ON support_seen FROM glasshouse_support, glasshouse_app")
        try:
            answer = client.get(path)
        finally:
            link.execute("GRANT INSERT ON support_seen TO glasshouse_support, glasshouse_app")
    assert answer.status_code >= 500
    assert name not in answer.text


def test_an_act_is_on_record_though_its_answer_shows_nothing(customer: Make, olaf: Make, web: Web) -> None:
    from glasshouse.support import api as support
    from glasshouse.support.models import Grant
    from tests.conftest import post

    own, staff, other = customer(), olaf(), olaf()
    grant = support.give(own.actor, support.Wish(("climate",), 2, "t", change=True, staff=str(staff.actor.account)))
    support.countersign(other.actor.for_organisation(own.actor.organisation), grant)
    assert Grant
    client = enter_staff(web(staff))
    page = f"/o/{own.organisation}/sites"
    before = len(record(own))
    answer = post(client, f"{page}/{own.site}/compartments", "/account", name="Bay")
    assert answer.status_code == 302
    assert [what for what, _ in record(own)[: len(record(own)) - before]] == ["compartment made"]
