"""Stored readings are corrected by those who may: shown before it is done, with a reason, on record, and back again."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from glasshouse.access import api as access
from glasshouse.greenhouse import amendments, crops_client, imports, readings
from glasshouse.greenhouse.amendments import Asked
from glasshouse.greenhouse.models import Amendment, AmendmentState
from glasshouse.kernel import clock
from glasshouse.kernel.errors import ForbiddenError, InvalidError, NotFoundError
from glasshouse.kernel.ids import AmendmentId
from tests.conftest import Customer, post
from tests.test_files import until
from tests.test_undo_of_imports import bring_in, kinds, shown

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
Join = Callable[..., Customer]


def asked(one: Customer, kind: str, first: str = "00:00", end: str = "23:00", **more: str) -> Asked:
    names = [str(entry["id"]) for entry in readings.series(one.actor)]
    span = (f"2024-05-31T{first}", f"2024-05-31T{end}")
    return Asked(kind, names, *span, "The logger lay in the sun", **more)


def done(one: Customer, what: Asked) -> AmendmentId:
    number = amendments.propose(one.actor, what)
    amendments.carry_out(one.actor, number, in_background=False)
    amendments.run(one.actor, number)
    return number


def back(one: Customer, number: AmendmentId) -> None:
    amendments.undo(one.actor, number, in_background=False)
    amendments.run(one.actor, number)
    assert amendments.amendment_of(one.actor, number).state == AmendmentState.UNDONE


def test_readings_are_deleted_shown_before_and_come_back(customer: Make) -> None:
    one = customer()
    bring_in(one, 20, 21, 22, 23)
    number = amendments.propose(one.actor, asked(one, "delete", "01:00", "03:00"))
    report = amendments.amendment_of(one.actor, number).report
    assert report["readings"] == 2 and [row[2:] for row in report["rows"]] == [[21, None, None], [22, None, None]]
    assert shown(one) == [20, 21, 22, 23], "nothing is done before it is shown"
    with pytest.raises(InvalidError, match="not done"):
        amendments.undo(one.actor, number)
    amendments.carry_out(one.actor, number, in_background=False)
    amendments.run(one.actor, number)
    amendments.run(one.actor, number)
    assert shown(one) == [20, 23]
    back(one, number)
    assert shown(one) == [20, 21, 22, 23]
    assert {"greenhouse:reading:correct", "greenhouse:reading:undo-correct"} <= set(kinds(one))


def test_readings_that_are_marked_are_shown_on_demand_only(customer: Make) -> None:
    one = customer()
    bring_in(one, 20, 21, 30)
    number = done(one, asked(one, "mark", "02:00", "03:00"))
    (entry,) = readings.series(one.actor)
    assert shown(one) == [20, 21] and entry["value"] == 21
    chart = readings.readings(one.actor, [entry["id"]], (1_717_100_000, 1_717_300_000), 10)
    assert max(row[3] for row in chart["series"][entry["id"]]["rows"]) == 21
    row = amendments.amendment_of(one.actor, number)
    assert amendments.marked_by(one.actor, row)[entry["id"]]["value"] == [30]
    bring_in(one, 30, first_hour=2)
    assert shown(one) == [20, 21], "the same value once more unmarks nothing"
    back(one, number)
    assert shown(one) == [20, 21, 30]


def test_a_wrong_clock_and_a_wrong_unit_are_put_right(customer: Make) -> None:
    one = customer()
    bring_in(one, 32, 50)
    number = amendments.propose(one.actor, asked(one, "convert", unit="°F"))
    assert [row[4] for row in amendments.amendment_of(one.actor, number).report["rows"]] == [0, 10]
    amendments.carry_out(one.actor, number, in_background=False)
    amendments.run(one.actor, number)
    assert shown(one) == [0, 10]
    moved = done(one, asked(one, "shift", minutes="60"))
    (entry,) = readings.series(one.actor)
    rows = list(readings.export(one.actor, [entry["id"]], (1_717_100_000, 1_717_300_000)))[1:]
    assert [str(row[5])[11:16] for row in rows] == ["01:00", "02:00"]
    back(one, moved)
    back(one, number)
    assert shown(one) == [32, 50]


def test_what_makes_no_sense_says_why(customer: Make) -> None:
    one = customer()
    bring_in(one, 20)
    for what, field in (
        (asked(one, "shift", minutes="soon"), "minutes"),
        (asked(one, "shift", minutes="0"), "minutes"),
        (asked(one, "convert", unit="°C"), "unit"),
        (asked(one, "convert", unit="klux"), "unit"),
        (asked(one, "explode"), "kind"),
        (asked(one, "delete", "05:00", "04:00"), "ends"),
        (Asked("delete", ["1"], "x", "2024-05-31T10:00", "why"), "series"),
        (Asked("delete", [], "2024-05-31T09:00", "2024-05-31T10:00", "why"), "series"),
        (Asked("delete", ["vpd.1.2"], "2024-05-31T09:00", "2024-05-31T10:00", "why"), "series"),
        (Asked("delete", asked(one, "mark").series, "2024-05-31T09:00", "2024-05-31T10:00", " "), "reason"),
        (Asked("delete", asked(one, "mark").series, "9999-12-31T23:59", "2024-05-31T10:00", "why"), "starts"),
    ):
        with pytest.raises(InvalidError) as refused:
            amendments.propose(one.actor, what)
        assert refused.value.field == field, what
    assert shown(one) == [20]


def test_nobody_corrects_what_is_not_theirs(customer: Make, join: Join) -> None:
    one, other = customer(), customer()
    bring_in(one, 20)
    what = asked(one, "delete")
    number = amendments.propose(one.actor, what)
    viewer, elsewhere = join(one, "viewer"), join(one, "grower", sites=[])
    with pytest.raises(InvalidError):
        amendments.propose(other.actor, what)
    with pytest.raises(ForbiddenError):
        amendments.propose(viewer.actor, what)
    with pytest.raises(InvalidError):
        amendments.propose(elsewhere.actor, what)
    for who, error in ((other, NotFoundError), (viewer, ForbiddenError), (elsewhere, NotFoundError)):
        for act in (amendments.carry_out, amendments.undo, amendments.amendment_of, amendments.run):
            with pytest.raises(error):
                act(who.actor, number)
        assert error is ForbiddenError or list(amendments.amendments(who.actor)) == []
    with access.organisation_transaction(other.actor):
        tenant = access.organisation_of(other.actor).tenant
    body = {"change": number, "kind": "delete", "series": [int(what.series[0])], "start": 0, "end": 1 << 32}
    marked = {"series": what.series, "start": 0, "end": 1 << 32}
    for sites in ([other.site], [one.site], [one.site, other.site]):
        for site in (one.site, other.site):
            with pytest.raises(NotFoundError):
                crops_client.ask(
                    "POST",
                    "/v1/changes/amend",
                    tenant=tenant,
                    sites=sites,
                    verb="readings:write",
                    purpose="attack",
                    body=body | {"site": site},
                )
        with pytest.raises(NotFoundError):
            crops_client.ask(
                "POST", "/v1/marked", tenant=tenant, sites=sites, verb="readings:read", purpose="attack", body=marked
            )
    assert shown(one) == [20]


def test_after_ninety_days_it_stays(customer: Make) -> None:
    one = customer()
    bring_in(one, 20)
    number = done(one, asked(one, "mark"))
    with access.organisation_transaction(one.actor):
        Amendment.objects.filter(id=number).update(done_at=clock.now() - timedelta(days=90))
    with pytest.raises(InvalidError, match="too long ago"):
        amendments.undo(one.actor, number)


def test_the_pages_show_do_and_undo_it(customer: Make, web: Web) -> None:
    one = customer()
    bring_in(one, 20, 21)
    client, page = web(one), f"/o/{one.organisation}/corrections"
    what = asked(one, "shift", minutes="60")
    form = {
        "kind": "shift",
        "starts": what.starts,
        "ends": what.ends,
        "minutes": "60",
        "unit": "",
        "reason": "<b>clock</b>",
    }
    answer = post(client, page, page, series=what.series[0], **form)
    assert answer.status_code == 302, answer.text
    shows = answer.headers["location"]
    text = re.sub(r"\s+", " ", client.get(shows).text)
    assert "Readings that this is about: 2." in text and "&lt;b&gt;clock&lt;/b&gt;" in text
    assert "2024-05-31 00:00:00 <b>20" in text and "2024-05-31 01:00:00 <b>20" in text
    assert post(client, f"{shows}/carry-out", shows).status_code == 302
    number = AmendmentId(shows.rpartition("/")[2])
    until(lambda: amendments.amendment_of(one.actor, number).state == AmendmentState.DONE)
    assert "done" in client.get(page).text
    assert post(client, f"{shows}/undo", shows).status_code == 302
    until(lambda: amendments.amendment_of(one.actor, number).state == AmendmentState.UNDONE)
    assert shown(one) == [20, 21]
    wrong = post(client, page, page, series=what.series[0], **form | {"minutes": "x"})
    assert wrong.status_code == 400 and "60 or -60" in wrong.text
    assert client.get(f"{page}?lang=de").status_code == 200
    assert web(customer()).get(shows).status_code == 404


def test_a_file_that_was_in_utc_is_put_right_by_the_name_of_its_clock(customer: Make) -> None:
    one = customer()
    text = "time,temp\n" + "".join(f"2024-03-{day} 12:00,{day}\n" for day in (29, 30, 31))
    number = imports.upload(one.actor, one.site, "", "log.csv", [text.encode()])
    imports.choose(one.actor, number, imports.preview(one.actor, number).layout)
    imports.run(one.actor, number)
    names = [str(entry["id"]) for entry in readings.series(one.actor)]
    span = ("2024-03-01T00:00", "2024-05-01T00:00")

    def times() -> list[str]:
        rows = list(readings.export(one.actor, names, (1_709_000_000, 1_714_600_000)))[1:]
        return [str(row[6])[:16] for row in rows]

    assert times() == ["2024-03-29T11:00", "2024-03-30T11:00", "2024-03-31T10:00"]
    moved = done(one, Asked("shift", names, *span, "UTC", zone="UTC"))
    assert times() == ["2024-03-29T12:00", "2024-03-30T12:00", "2024-03-31T12:00"]
    back(one, moved)
    assert times() == ["2024-03-29T11:00", "2024-03-30T11:00", "2024-03-31T10:00"]
    for what, field in (
        (Asked("shift", names, *span, "x", zone="Europe/Rome"), "zone"),
        (Asked("shift", names, *span, "x", zone="UTC", minutes="60"), "zone"),
        (Asked("shift", names, *span, "x", zone="Mars/Base"), "zone"),
        (Asked("shift", names, *span, "x", zone="../../etc/passwd"), "zone"),
        (Asked("shift", names, *span, "x", zone="UTC", read_as="Z" * 5000), "read_as"),
    ):
        with pytest.raises(InvalidError) as refused:
            amendments.propose(one.actor, what)
        assert refused.value.field == field, what


def test_a_clock_that_skipped_the_times_of_readings_is_not_theirs(customer: Make) -> None:
    one = customer()
    text = "time,temp\n2024-03-30 02:30,1\n2024-03-31 02:30,2\n2024-04-01 02:30,3\n"
    number = imports.upload(one.actor, one.site, "", "log.csv", [text.encode()])
    layout = replace(imports.preview(one.actor, number).layout, zone="UTC")
    imports.choose(one.actor, number, layout)
    imports.run(one.actor, number)
    names = [str(entry["id"]) for entry in readings.series(one.actor)]
    span = ("2024-03-01T00:00", "2024-05-01T00:00")
    with pytest.raises(InvalidError, match="another clock"):
        amendments.propose(one.actor, Asked("shift", names, *span, "x", zone="Europe/Rome", read_as="UTC"))


def test_the_mark_of_one_reading_is_lifted_and_the_others_stay(customer: Make, web: Web) -> None:
    one = customer()
    bring_in(one, 20, 30, 31, 22)
    number = done(one, asked(one, "mark", "01:00", "03:00"))
    row = amendments.amendment_of(one.actor, number)
    ((name, marked),) = amendments.marked_by(one.actor, row).items()
    points = [f"{name}:{at}" for at in marked["time_ns"]]
    client, page = web(one), f"/o/{one.organisation}/corrections/{number}"
    assert points[0] in client.get(page).text
    answer = post(client, f"{page}/lift", page, reading=points[0], reason="It was right")
    assert answer.status_code == 302, answer.text
    lifting = AmendmentId(answer.headers["location"].rpartition("/")[2])
    assert amendments.amendment_of(one.actor, lifting).report["readings"] == 1
    assert shown(one) == [20, 22], "nothing is done before it is shown"
    amendments.carry_out(one.actor, lifting, in_background=False)
    amendments.run(one.actor, lifting)
    assert shown(one) == [20, 30, 22]
    assert amendments.marked_by(one.actor, row)[name]["value"] == [31]
    back(one, lifting)
    assert shown(one) == [20, 22]
    again = done(one, asked(one, "unmark", "02:00", "03:00"))
    assert shown(one) == [20, 31, 22]
    back(one, number)
    back(one, again)
    assert shown(one) == [20, 30, 31, 22]
    wrong = (["x"], [], [f"{int(name) + 1}:{marked['time_ns'][0]}"], [f"{name}:5"], [points[0]] * 201, [points[0], "x"])
    for chosen in wrong:
        with pytest.raises(InvalidError):
            amendments.propose_lifting(one.actor, number, chosen, "why")
    with pytest.raises(NotFoundError):
        amendments.propose_lifting(customer().actor, number, points, "why")


def test_series_are_named_in_the_readers_language(customer: Make, web: Web) -> None:
    one = customer()
    bring_in(one, 20, 21)
    number = amendments.propose(one.actor, asked(one, "mark"))
    client = web(one)
    client.headers["Accept-Language"] = "de"
    for page in ("corrections", f"corrections/{number}"):
        text = client.get(f"/o/{one.organisation}/{page}").text
        assert "Lufttemperatur" in text
        assert "Air temperature" not in text


def test_a_marked_reading_that_is_moved_is_not_shown_as_deleted(customer: Make, web: Web) -> None:
    one = customer()
    bring_in(one, 20, 30)
    done(one, asked(one, "mark", "01:00", "02:00"))
    number = amendments.propose(one.actor, asked(one, "shift", minutes="60"))
    text = web(one).get(f"/o/{one.organisation}/corrections/{number}").text
    assert "marked as wrong" in text[text.index("<tbody") :]
    assert "deleted" not in text[text.index("<tbody") :]
