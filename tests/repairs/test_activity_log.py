"""The activity log, and one's own activities, in words: no kinds, no ids. The log is narrowed, and saved as it is narrowed."""

import csv
import re
from collections.abc import Callable

import httpx
import pytest

from glasshouse.events.kinds import Kind
from glasshouse.greenhouse import api as greenhouse
from glasshouse.kernel.ids import AccountId, SiteId
from glasshouse.organisations import members
from tests.conftest import Customer

Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]
CODE = re.compile(r"\b[a-z-]+:[a-z-]+:[a-z-]+\b")


def rows_of(client: httpx.Client, address: str) -> list[list[str]]:
    answer = client.get(f"{address}{'&' if '?' in address else '?'}format=csv")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.reader(answer.text.splitlines()))


def table_of(page: str) -> str:
    return page[page.index("<tbody>") : page.index("</tbody>")]


def test_it_says_who_did_what_to_what(customer: Make, join: Join, web: Web) -> None:
    own = customer()
    colleague = join(own, "device-manager")
    greenhouse.create_compartment(own.actor, SiteId(own.site), "North bay")
    greenhouse.create_device(colleague.actor, SiteId(own.site), "", "Box seven")
    page = web(own).get(f"/o/{own.organisation}/events").text
    table = table_of(page)
    assert "added a compartment" in table and "North bay" in table
    assert "registered a device" in table and "Box seven" in table
    assert members.member(own.actor, AccountId(str(colleague.actor.account))).name in table
    assert "You" in table
    assert not CODE.search(table), "no kind of an event"
    assert own.site not in table and str(own.actor.account) not in table, "no id"


def test_it_is_narrowed_by_person_kind_and_days_and_saved_as_it_is_narrowed(
    customer: Make, join: Join, web: Web
) -> None:
    own = customer()
    colleague = join(own, "device-manager")
    greenhouse.create_device(colleague.actor, SiteId(own.site), "", "Box seven")
    greenhouse.create_compartment(own.actor, SiteId(own.site), "North bay")
    client, address = web(own), f"/o/{own.organisation}/events"
    everything = rows_of(client, address)
    assert everything[0] == ["When (UTC)", "Who", "What", "Which"]
    by_colleague = rows_of(client, f"{address}?person={colleague.actor.account}")
    assert ["registered a device", "Box seven"] in [row[2:] for row in by_colleague]
    assert {row[1] for row in by_colleague[1:]}.isdisjoint({"You"})
    of_sites = rows_of(client, f"{address}?kind=sites")
    assert 2 <= len(of_sites) - 1 < len(everything) - 1
    assert not any("invit" in row[2] for row in of_sites)
    assert len(rows_of(client, f"{address}?from=2020-01-01&to=2020-01-31")) == 1
    assert rows_of(client, f"{address}?from=2020-01-01") == everything
    assert rows_of(client, f"{address}?kind=none-such&from=yesterday&to=9999-12-31") == everything
    page = client.get(f"{address}?kind=sites&to=2020-01-31").text
    assert "Nothing fits" in page
    assert '<option value="sites" selected>' in page
    assert "format=csv" not in page, "there is nothing to save"


def test_every_page_of_it_and_the_file_are_whole(customer: Make, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.events import api as events

    own = customer()
    for number in range(7):
        greenhouse.create_compartment(own.actor, SiteId(own.site), f"Bay {number}")
    whole = list(_lines(own))
    monkeypatch.setattr(events, "EVENTS_A_PIECE", 3)
    assert list(_lines(own)) == whole
    assert [line.thing for line in whole if line.what == "added a compartment"] == [
        f"Bay {n}" for n in range(6, -1, -1)
    ]


def _lines(own: Customer) -> list[object]:
    from glasshouse.web import activity

    return list(activity.all_lines(own.actor, activity.Filter()))


def test_names_are_shown_as_far_as_a_role_shows_them(customer: Make, join: Join, web: Web) -> None:
    own = customer()
    greenhouse.create_compartment(own.actor, SiteId(own.site), "North bay")
    contact = join(own, "privacy-contact")  # Sees members and events, and no sites.
    table = table_of(web(contact).get(f"/o/{own.organisation}/events").text)
    assert "added a compartment" in table
    assert "North bay" not in table


def test_each_kind_that_happens_in_an_organisation_has_words() -> None:
    from glasshouse.subject.activity_words import GROUPS, WORDS, group_of

    of_organisations = {kind for kind in Kind if kind.split(":")[0] in ("access", "greenhouse", "support")}
    assert of_organisations - WORDS.keys() == set()
    assert {group_of(kind) for kind in WORDS} == GROUPS.keys()


def test_each_kind_of_an_accounts_own_acts_has_words_for_its_person() -> None:
    from glasshouse.subject.activity_words import OWN_WORDS, WORDS, own_activity

    of_staff = {Kind.STAFF_CREATED, Kind.OBJECTION_DECIDED}
    own = {kind for kind in Kind if kind.split(":")[0] in ("accounts", "consent")} - of_staff
    assert own - OWN_WORDS.keys() - WORDS.keys() == set()
    assert own_activity(Kind.SESSION_STARTED) == "signed in"
    assert own_activity(Kind.FILE_UPLOADED) == "uploaded a file"
    assert own_activity(Kind.STAFF_CREATED) == Kind.STAFF_CREATED, "as it is, rather than not at all"


def test_a_person_reads_their_own_activities_in_words(customer: Make, web: Web) -> None:
    own = customer()
    greenhouse.create_compartment(own.actor, SiteId(own.site), "North bay")
    page = web(own).get("/account/data?purpose=what+you+did,+for+security:+opaque+ids+only").text
    assert "added a compartment" in table_of(page)
    assert not CODE.search(table_of(page)), "no kind of an event"
