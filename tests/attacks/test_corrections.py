"""Corrections and undone imports under attack: numbers that are none, jobs that come twice, rights that end in between."""

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import amendments, imports, readings, tasks, undo
from glasshouse.greenhouse.models import Amendment, AmendmentState, UploadState
from glasshouse.kernel import clock
from glasshouse.kernel.errors import ForbiddenError, InvalidError
from glasshouse.kernel.ids import AccountId
from glasshouse.organisations import members
from tests.conftest import Customer, post
from tests.test_amendments import asked
from tests.test_undo_of_imports import bring_in, shown, undone

Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]


@pytest.mark.parametrize("minutes", ["--60", "+-5", "-+1", "++1", "²", "٣", "1e2", "-", "9" * 9])
def test_minutes_that_are_no_number_are_refused(customer: Make, minutes: str) -> None:
    one = customer()
    bring_in(one, 20)
    with pytest.raises(InvalidError) as refused:
        amendments.propose(one.actor, asked(one, "shift", minutes=minutes))
    assert refused.value.field == "minutes"


def test_series_that_are_no_number_are_refused(customer: Make) -> None:
    one = customer()
    bring_in(one, 20)
    for names in (["٣"], ["9" * 30], ["9" * 5000], ["0"], ["1\x00"]):
        with pytest.raises(InvalidError):
            amendments.propose(
                one.actor, amendments.Asked("delete", names, "2024-05-31T00:00", "2024-06-01T00:00", "x")
            )


@pytest.mark.parametrize("unit", ["", "x" * 3000, "\x00", "{}", "°F" * 20])
def test_texts_that_are_no_unit_are_refused(customer: Make, unit: str) -> None:
    one = customer()
    bring_in(one, 20)
    with pytest.raises(InvalidError):
        amendments.propose(one.actor, asked(one, "convert", unit=unit))


def test_addresses_made_to_break_a_list_break_nothing(customer: Make, web: Web) -> None:
    one = customer()
    client, o = web(one), f"/o/{one.organisation}"
    for path in (
        "/events?person=%00",
        "/events?person=a%00&format=csv",
        "/events?events=%00",
        "/events?from=0001-01-01&to=0001-01-01",
        "/corrections?corrections=%00",
        "/corrections?after=" + "9" * 4000,
    ):
        assert client.get(o + path).status_code < 500, path
    assert post(client, f"{o}/search", f"{o}/search", query="a\x00").status_code < 500


def job(one: Customer, number: str) -> None:
    tasks.take_file(str(one.actor.account), str(one.actor.person), str(one.actor.organisation), number)


def test_a_job_that_comes_twice_brings_back_nothing_that_was_undone(customer: Make) -> None:
    one = customer()
    number = bring_in(one, 20, 21)
    undone(one, number)
    job(one, number)
    assert shown(one) == []
    assert undo.state_of(imports.report_of(one.actor, number)).is_done


def test_a_job_that_comes_twice_ends_no_undoing(customer: Make) -> None:
    one = customer()
    number = bring_in(one, 20, 21)
    undo.ask(one.actor, number, in_background=False)
    job(one, number)
    assert imports.report_of(one.actor, number).state == UploadState.UNDOING
    undo.run(one.actor, number)
    assert shown(one) == []


def test_rights_that_end_between_asking_and_doing(customer: Make, join: Join) -> None:
    one = customer()
    helper = join(one, "grower")
    number = bring_in(one, 20, 21)
    what = amendments.propose(helper.actor, asked(one, "delete"))
    amendments.carry_out(helper.actor, what, in_background=False)
    undo.ask(helper.actor, number, in_background=False)
    members.remove_member(one.actor, AccountId(str(helper.actor.account)))
    ids = (str(helper.actor.account), str(helper.actor.person), str(helper.actor.organisation))
    tasks.undo_file(*ids, number)
    tasks.amend_readings(*ids, what)
    assert shown(one) == [20, 21]
    assert imports.report_of(one.actor, number).state == UploadState.TAKEN
    assert amendments.amendment_of(one.actor, what).state == AmendmentState.FAILED


def corrector(one: Customer, join: Join, *permissions: Permission) -> Customer:
    """A member of a role of the customer's own that may correct readings, and what is named besides."""
    granted = [Permission.READINGS_CORRECT, Permission.SITE_READ, *permissions]
    return join(one, members.save_role(one.actor, f"Corrects {len(granted)}", granted))


def test_who_may_not_see_readings_sees_none_by_correcting_them(customer: Make, join: Join, web: Web) -> None:
    one = customer()
    bring_in(one, 20, 21)
    blind, seeing = corrector(one, join), corrector(one, join, Permission.READINGS_READ)
    number = amendments.propose(one.actor, asked(one, "mark"))
    amendments.carry_out(one.actor, number, in_background=False)
    amendments.run(one.actor, number)
    row = amendments.amendment_of(one.actor, number)
    assert amendments.marked_by(seeing.actor, row) and amendments.amendment_of(seeing.actor, number).report["rows"]
    for look in (
        lambda: amendments.amendment_of(blind.actor, number),
        lambda: amendments.marked_by(blind.actor, row),
        lambda: list(amendments.amendments(blind.actor)),
        lambda: amendments.propose(blind.actor, asked(one, "mark")),
        lambda: amendments.undo(blind.actor, number),
    ):
        with pytest.raises(ForbiddenError):
            look()
    assert web(blind).get(f"/o/{one.organisation}/corrections/{number}").status_code == 403


def test_readings_that_came_in_after_it_was_shown_are_not_moved_into_the_future(customer: Make) -> None:
    one = customer()
    day = (clock.now() - timedelta(days=3)).date()
    text = f"time,temp\n{day} 00:00,20\n{day} 01:00,21\n".encode()

    def take(body: bytes) -> None:
        upload = imports.upload(one.actor, one.site, "", "log.csv", [body])
        imports.choose(one.actor, upload, imports.preview(one.actor, upload).layout)
        imports.run(one.actor, upload)

    take(text)
    names = [str(entry["id"]) for entry in readings.series(one.actor)]
    span = (f"{day}T00:00", f"{day + timedelta(days=9)}T00:00")
    number = amendments.propose(one.actor, amendments.Asked("shift", names, *span, "clock", minutes=str(3 * 1440)))
    take(text.replace(str(day).encode(), str(day + timedelta(days=2)).encode()))
    amendments.carry_out(one.actor, number, in_background=False)
    with pytest.raises(InvalidError, match="in the future"):
        amendments.run(one.actor, number)


def test_what_was_shown_long_ago_is_not_done_any_more(customer: Make, web: Web) -> None:
    one = customer()
    bring_in(one, 20, 21)
    number = amendments.propose(one.actor, asked(one, "delete"))
    with access.organisation_transaction(one.actor):
        Amendment.objects.filter(id=number).update(created_at=clock.now() - timedelta(hours=25))
    with pytest.raises(InvalidError, match="more than a day ago"):
        amendments.carry_out(one.actor, number, in_background=False)
    assert shown(one) == [20, 21]
    page = web(one).get(f"/o/{one.organisation}/corrections/{number}").text
    assert "lapsed" in page and "Do it" not in page
    assert "lapsed" in web(one).get(f"/o/{one.organisation}/corrections").text
