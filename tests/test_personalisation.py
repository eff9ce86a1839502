"""What is fitted to a member: an order with its reason, listed with its data, and switched off for good."""

import re
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from django.db import connection

from glasshouse.accounts import api as accounts
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse import readings
from glasshouse.kernel import clock
from glasshouse.kernel.errors import ForbiddenError, InvalidError, NotFoundError
from glasshouse.kernel.ids import SiteId
from glasshouse.organisations import tokens
from glasshouse.personalisation import api as personalisation
from glasshouse.personalisation.models import DayOfUse, Pins
from glasshouse.personalisation.rules import MOST_PINS, Fitted, counted, is_id
from glasshouse.requests import api as requests
from glasshouse.retention import api as retention
from glasshouse.subject import inventory, restriction
from glasshouse.support import api as support
from glasshouse.vault.datamap import place
from tests.conftest import Customer, post

Make, Web, Join = Callable[[], Customer], Callable[..., httpx.Client], Callable[..., Customer]
PLACE, SERIES = "place", "series"


def rooms(one: Customer, crops: httpx.Client, *names: str) -> dict[str, str]:
    """Compartments with one reading each; name -> id."""
    ids = {}
    for name in names:
        ids[name] = str(greenhouse.create_compartment(one.actor, SiteId(one.site), name))
        key = greenhouse.create_device(one.actor, SiteId(one.site), ids[name], f"box {name}")
        body = f"climate air_temperature=21.5 {int(clock.now().timestamp()) - 60}000000000"
        assert crops.post("/api/v2/write", content=body, headers={"Authorization": f"Token {key}"}).status_code == 204
    return ids


def order(page: str) -> list[str]:
    """The headings of the overview, from the top."""
    return [" ".join(re.sub("<[^>]+>", " ", title).split()) for title in re.findall(r"<h2>(.*?)</h2>", page, re.S)]


def overview(client: httpx.Client, one: Customer) -> str:
    return client.get(f"/o/{one.organisation}/").text


def masked(page: str, *names: str) -> str:
    """A page without what differs between any two looks at it."""
    for name in names:
        page = page.replace(name, "•")
    page = re.sub(r'(value|data-now|datetime|nonce)="[^"]*"', "", page)
    return re.sub(r"\d+ (seconds?|minutes?) ago", "", page)


def test_what_is_pinned_comes_first_and_says_why(customer: Make, web: Web, crops: httpx.Client) -> None:
    one = customer()
    ids = rooms(one, crops, "Alpha", "Beta", "Gamma")
    client = web(one)
    assert [title[-5:] for title in order(overview(client, one))] == ["Alpha", " Beta", "Gamma"]
    answer = post(client, f"/o/{one.organisation}/fitted/pin", f"/o/{one.organisation}/", place=ids["Gamma"])
    assert answer.status_code == 302
    page = overview(client, one)
    assert order(page)[0].endswith("Gamma")
    assert "Here because you pinned it." in page and f"/o/{one.organisation}/fitted" in page
    listed = client.get(f"/o/{one.organisation}/fitted").text
    assert "First on the overview, because you pinned it" in listed
    assert re.search(r'aria-label="Remove [^"]*Gamma"', listed), "each button says what it removes"
    answer = post(client, f"/o/{one.organisation}/fitted/unpin", f"/o/{one.organisation}/fitted", place=ids["Gamma"])
    assert answer.status_code == 302
    assert [title[-5:] for title in order(overview(client, one))] == ["Alpha", " Beta", "Gamma"]


def test_a_refused_pin_leads_to_no_field_that_is_not_there(customer: Make, web: Web) -> None:
    one = customer()
    client, fitted = web(one), f"/o/{one.organisation}/fitted"
    answer = post(client, f"{fitted}/pin", fitted, place="0" * 16)
    assert (answer.status_code, "that you may see" in answer.text) == (400, True)
    assert "#field-" not in answer.text


def test_pinned_charts_have_a_section_of_their_own(customer: Make, web: Web, crops: httpx.Client) -> None:
    one = customer()
    rooms(one, crops, "Alpha", "Beta")
    client, wanted = web(one), str(readings.series(one.actor)[-1]["id"])
    chart = f"/o/{one.organisation}/chart?s={wanted}"
    assert f'name="series" value="{wanted}"' in client.get(chart).text
    assert post(client, f"/o/{one.organisation}/fitted/pin", chart, series=wanted).status_code == 302
    page = overview(client, one)
    assert order(page)[0] == "Pinned charts"
    assert f'id="pinned-tile-{wanted}"' in page and f'id="tile-{wanted}"' in page


def test_places_used_often_come_earlier_from_the_second_day_on(
    customer: Make, web: Web, crops: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = customer()
    ids = rooms(one, crops, "Alpha", "Beta", "Gamma")
    client, today = web(one), clock.now()
    for days in (40, 2):
        with monkeypatch.context() as earlier:
            earlier.setattr(clock, "now", lambda days=days: today - timedelta(days=days))
            personalisation.note_use(one.actor, [ids["Beta"]])
    assert personalisation.fitted(one.actor).days == {ids["Beta"]: 1}, "a day counts for 30 days"
    assert order(overview(client, one))[0].endswith("Alpha")
    for _ in range(3):
        path = f"/o/{one.organisation}/fitted/use"
        assert post(client, path, f"/o/{one.organisation}/chart", place=ids["Beta"]).status_code == 204
    page = overview(client, one)
    assert order(page)[0].endswith("Beta")
    assert "opened its charts on 2 of the last 30 days" in page
    assert "2 of the last 30" in client.get(f"/o/{one.organisation}/fitted").text


def test_switched_off_two_members_see_the_same_page(customer: Make, join: Join, web: Web, crops: httpx.Client) -> None:
    one = customer()
    ids = rooms(one, crops, "Alpha", "Beta")
    other = join(one, "administrator")
    first, second = web(one), web(other)
    personalisation.pin(one.actor, PLACE, [ids["Beta"]])
    personalisation.pin(one.actor, SERIES, [str(readings.series(one.actor)[0]["id"])])
    personalisation.note_use(one.actor, [ids["Beta"]])
    assert order(overview(first, one)) != order(overview(second, other))
    fitted = f"/o/{one.organisation}/fitted"
    assert post(first, f"{fitted}/off", fitted).status_code == 302
    assert post(second, f"{fitted}/off", fitted).status_code == 302
    names = [accounts.person_of(who.actor).name for who in (one, other)]
    assert masked(overview(first, one), *names) == masked(overview(second, other), *names)
    assert not DayOfUse.objects.filter(key_owner=one.actor.person).exists(), "the days are deleted at once"
    personalisation.note_use(one.actor, [ids["Beta"]])
    assert not DayOfUse.objects.filter(key_owner=one.actor.person).exists(), "and none is counted any more"
    with pytest.raises(InvalidError, match="switch it on first"):
        personalisation.pin(one.actor, PLACE, [ids["Alpha"]])
    personalisation.unpin(one.actor, PLACE, ids["Beta"])
    assert personalisation.stored(one.actor).places == (), "a pin can be removed while it is off"
    assert post(first, f"{fitted}/on", fitted).status_code == 302
    assert order(overview(first, one))[0] == "Pinned charts"


def test_an_objection_by_any_way_and_a_restriction_switch_it_off(customer: Make, crops: httpx.Client) -> None:
    one, other = customer(), customer()
    for who in (one, other):
        personalisation.pin(who.actor, PLACE, [who.site])
        personalisation.note_use(who.actor, [who.site])
    requests.object_to(one.actor.alone, personalisation.PURPOSE, "")
    assert personalisation.fitted(one.actor) == Fitted(off=True)
    assert personalisation.fitted(other.actor).days == {other.site: 1}, "of nobody else"
    restriction.restrict(other.actor.alone, "accuracy", "It is wrong.")
    assert personalisation.fitted(other.actor).off


def test_nobody_else_pins_counts_or_sees_it(customer: Make, join: Join, crops: httpx.Client) -> None:
    one, stranger = customer(), customer()
    other = join(one, "viewer")
    personalisation.pin(one.actor, PLACE, [one.site])
    assert personalisation.fitted(other.actor) == Fitted()
    for wrong in ([stranger.site], ["zzzzzzzzzzzzzzzz"], ["' OR 1"], []):
        with pytest.raises(InvalidError):
            personalisation.pin(one.actor, PLACE, wrong)
    with pytest.raises(InvalidError):
        personalisation.pin(one.actor, SERIES, ["999999999"])
    with pytest.raises(InvalidError):
        personalisation.pin(one.actor, "people", [str(one.actor.account)])
    personalisation.note_use(one.actor, [stranger.site, "x"])
    assert personalisation.fitted(one.actor).days == {}
    intruder = stranger.actor.for_organisation(one.actor.organisation)  # type: ignore[arg-type]
    for act in (personalisation.fitted, personalisation.stored):
        with pytest.raises(NotFoundError):
            act(intruder)
    with pytest.raises(NotFoundError):
        personalisation.pin(intruder, PLACE, [one.site])


def test_pins_are_bounded_and_kept_in_their_order(customer: Make, crops: httpx.Client) -> None:
    one = customer()
    ids = [
        str(greenhouse.create_compartment(one.actor, SiteId(one.site), f"C{number}")) for number in range(MOST_PINS + 1)
    ]
    personalisation.pin(one.actor, PLACE, ids[1:3])
    personalisation.pin(one.actor, PLACE, ids[:2])
    assert personalisation.fitted(one.actor).places == (ids[1], ids[2], ids[0])
    with pytest.raises(InvalidError, match="at most"):
        personalisation.pin(one.actor, PLACE, ids[3:])
    assert len(personalisation.fitted(one.actor).places) == 3, "all or nothing"
    personalisation.unpin(one.actor, PLACE, ids[2])
    personalisation.unpin(one.actor, PLACE, ids[2])
    assert personalisation.fitted(one.actor).places == (ids[1], ids[0])


def test_what_is_fitted_is_sealed_held_of_the_person_and_ends(customer: Make, crops: httpx.Client) -> None:
    one = customer()
    personalisation.pin(one.actor, PLACE, [one.site])
    personalisation.note_use(one.actor, [one.site])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pins FROM personalisation_pins UNION SELECT places FROM personalisation_day")
        assert all(one.site.encode() not in bytes(raw) for (raw,) in cursor.fetchall())
    held = {item.place for item in inventory.view(one.alone)}
    assert {place("personalisation.Pins", "pins"), place("personalisation.DayOfUse", "places")} <= held
    day = DayOfUse.objects.filter(key_owner=one.actor.person)
    assert day.update(at=clock.now() - timedelta(days=31)) == 1
    Pins.objects.filter(key_owner=one.actor.person).update(used_at=clock.now() - timedelta(days=366))
    retention.run_deletions()
    assert not day.exists()
    assert not Pins.objects.filter(key_owner=one.actor.person).exists()


def test_a_token_and_support_get_nothing_fitted(customer: Make, olaf: Make, crops: httpx.Client) -> None:
    one, guest = customer(), olaf()
    personalisation.pin(one.actor, PLACE, [one.site])
    token = tokens.actor_of_token(tokens.create_token(one.actor, "walk", ["greenhouse:reading:read"], 1))
    support.give(one.actor, support.Wish(("climate",), 2, "walk", staff=str(guest.actor.account)))
    visitor = guest.actor.for_organisation(one.actor.organisation)  # type: ignore[arg-type]
    for actor in (token, visitor):
        assert personalisation.fitted(actor) == Fitted()
        for act in (personalisation.stored, lambda who: personalisation.pin(who, PLACE, [one.site])):
            with pytest.raises(ForbiddenError, match="members only"):
                act(actor)


def test_rules() -> None:
    fitted = Fitted(places=("b", "a"), days={"c": 5, "d": 2, "e": 1})
    assert sorted("abcdef", key=fitted.order) == ["b", "a", "c", "d", "e", "f"]
    assert counted([["x", "x", "y"], ["x"]]) == {"x": 2, "y": 1}
    assert is_id("place", "0" * 16) and not is_id("place", "0" * 16 + "\n") and not is_id("series", "1\n")
    with pytest.raises(ValueError, match="is not a valid"):
        is_id("people", "1")
