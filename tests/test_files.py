"""Files of climate computers: what is proposed, what is read, what is remarked; the real ones too, where they are at hand."""

import csv
import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from glasshouse.greenhouse.files import FileChoices, Layout, Reading, convertible, propose, read, to_unit
from glasshouse.kernel.errors import InvalidError, NotFoundError
from tests.conftest import Customer, post


def until(ready: Callable[[], bool], most_s: float = 90) -> None:
    """Wait for what the worker does in the background."""
    ends = time.monotonic() + most_s
    while not ready():
        assert time.monotonic() < ends
        time.sleep(0.05)


DATA = Path(__file__).parents[2] / "shared" / "data"
REAL = sorted(DATA.rglob("*.csv"))


def taken(text: str | bytes, zone: str = "Europe/Rome", **given: object) -> tuple[Layout, Reading]:
    body = text.encode() if isinstance(text, str) else text
    layout = propose(body, zone=zone, choices=FileChoices(**given))  # type: ignore[arg-type]
    return layout, read(body, layout)


def utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def test_semicolons_decimal_commas_and_days_before_months() -> None:
    layout, reading = taken("Date;Temp (°C);Rhair\n31/05/2024 12:00;21,5;80\n31/05/2024 12:15;22,5;81\n")
    assert (layout.delimiter, layout.decimal, layout.time_format) == (";", ",", "dmy")
    assert [column.variable for column in layout.columns] == ["air_temp", "air_rh"]
    assert [(utc(at), value) for at, value in reading.points["Temp"]] == [
        ("2024-05-31 10:00", 21.5),
        ("2024-05-31 10:15", 22.5),
    ]


def test_excel_days_and_a_percent_sign_before_time() -> None:
    _, reading = taken("%time, Tout \n43815,6.9\n43815.00347,NaN\n43815.00694,6.8\n", "Europe/Amsterdam")
    assert [(utc(at), value) for at, value in reading.points["Tout"]] == [
        ("2019-12-15 23:00", 6.9),
        ("2019-12-15 23:10", 6.8),
    ]


def test_two_columns_of_one_name_stay_two() -> None:
    _, reading = taken("Time,WC, WC\n2024-05-31 12:00,1,2\n2024-05-31 12:15,3,4\n")
    assert [value for _, value in reading.points["WC"]] == [1, 3]
    assert [value for _, value in reading.points["WC (2)"]] == [2, 4]


def test_a_time_column_with_a_foolish_heading_is_found() -> None:
    layout, _ = taken("Substrate temperature (°C),Europe/Rome\n31.1,2021-06-22 11:15:00\n28.8,2021-06-22 11:30:00\n")
    assert (layout.time_column, layout.time_format) == (1, "iso")


def test_an_hour_that_comes_twice_is_read_twice() -> None:
    rows = "".join(f"2024-10-27 {clock},1\n" for clock in ("01:30", "02:00", "02:30", "02:00", "02:30", "03:00"))
    _, reading = taken(f"time,temp\n{rows}")
    assert [utc(at)[11:] for at, _ in reading.points["temp"]] == ["23:30", "00:00", "00:30", "01:00", "01:30", "02:00"]


def test_times_that_the_clock_skipped_tell_of_a_clock_on_standard_time() -> None:
    text = "time,temp\n2024-03-31 01:45,1\n2024-03-31 02:15,2\n2024-03-31 03:15,3\n"
    layout, reading = taken(text)
    assert layout.zone == "Etc/GMT-1"
    assert len(reading.points["temp"]) == 3
    from dataclasses import replace

    strict = read(text.encode(), replace(layout, zone="Europe/Rome"))
    assert [(issue.row, issue.kept) for issue in strict.issues] == [(3, False)]


def test_bad_cells_and_rows_are_remarked_and_the_rest_comes_in() -> None:
    _, reading = taken(
        "time,temp (°C)\n"
        + "".join(f"2024-05-31 {h:02d}:00,20\n" for h in range(20))
        + "yesterday,3\n2024-05-31 21:00,warm\n"
        "2024-05-31 22:00,240\n"
    )
    assert [(one.row, one.column, one.kept) for one in reading.issues] == [
        (22, "", False),
        (23, "temp", False),
        (24, "temp", True),
    ]
    assert len(reading.points["temp"]) == 21


def test_a_year_mistyped_is_flagged() -> None:
    rows = "".join(f"{43880 + day},0.5\n" for day in range(0, 100, 5))
    _, reading = taken(f"%time,ProdA\n43510,0.32\n{rows}")
    assert [(one.row, one.kept) for one in reading.issues] == [(2, True)]


def test_a_time_that_comes_again_is_flagged() -> None:
    _, reading = taken("time,temp\n2024-05-31 12:00,1\n2024-05-31 12:15,2\n2024-05-31 12:15,3\n")
    assert [(one.row, one.kept) for one in reading.issues] == [(4, True)]
    assert "row 3" in reading.issues[0].text


def test_units_are_converted_or_refused() -> None:
    assert to_unit(212, "°F", "degC") == pytest.approx(100)
    assert to_unit(0.25, "m³/m³", "percent") == pytest.approx(25)
    assert not convertible("klux", "degC")
    assert not convertible("no such unit", "degC")
    layout, _ = taken("time,Temp (klux)\n2024-05-31 12:00,1\n2024-05-31 12:15,2\n")
    assert layout.columns[0].variable == ""


def test_excel_files_are_read() -> None:
    from openpyxl import Workbook

    book, out = Workbook(), BytesIO()
    for row in (["Time", "Temp"], [datetime(2024, 5, 31, 12), 21.5], [datetime(2024, 5, 31, 13), 22.5]):  # noqa: DTZ001
        book.worksheets[0].append(row)
    book.save(out)
    _, reading = taken(out.getvalue())
    assert [(utc(at), value) for at, value in reading.points["Temp"]] == [
        ("2024-05-31 10:00", 21.5),
        ("2024-05-31 11:00", 22.5),
    ]


@pytest.mark.parametrize("body", [b"", b"one line", b"a,b\n1,2\n3,4\n", b"PK\x03\x04broken", b"a\0b\n1\n2\n"])
def test_what_is_no_table_with_times_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises(InvalidError):
        propose(body, zone="Europe/Rome")


@pytest.mark.slow
@pytest.mark.parametrize("path", REAL, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_real_file_comes_in_whole(path: Path) -> None:
    body = path.read_bytes()
    layout = propose(body, zone="Europe/Rome" if "tunnels" in path.parts else "Europe/Amsterdam")
    reading = read(body, layout)
    assert layout.columns
    assert reading.rows == len([line for line in body.splitlines() if line.strip(b", \r")]) - 1
    assert [issue for issue in reading.issues if not issue.kept] == []
    numbers = re.findall(rb"(?<=[,\t])\s*-?\d+\.?\d*(?=[,\r\n\t]|$)", body.replace(b" ", b""))
    assert sum(map(len, reading.points.values())) <= len(numbers) + reading.rows


def test_a_file_is_taken_once_however_often_and_by_its_owner_only(customer: Callable[[], Customer]) -> None:
    from glasshouse.greenhouse import imports, readings

    one, other = customer(), customer()
    body = b"time,temp,odd name=x\n" + b"".join(
        b"2024-05-31 %02d:00,%d,%d\n" % (hour, hour, hour) for hour in range(24)
    )
    number = imports.upload(one.actor, one.site, "", "log.csv", [body])
    with pytest.raises(NotFoundError):
        imports.preview(other.actor, number)
    with pytest.raises(NotFoundError):
        imports.upload(other.actor, one.site, "", "log.csv", [body])
    imports.choose(one.actor, number, imports.preview(one.actor, number).layout)
    assert [imports.run(one.actor, number)["new"] for _ in range(2)] == [48, 0]
    second = imports.upload(one.actor, one.site, "", "log2.csv", [body.replace(b",5,5", b",55,5")])
    imports.choose(one.actor, second, imports.preview(one.actor, second).layout)
    report = imports.run(one.actor, second)
    assert (report["new"], report["replaced"]) == (0, 1)
    assert sorted(series["field"] for series in readings.series(one.actor)) == ["air_temp", "odd name=x"]
    assert readings.series(other.actor) == []


def test_a_preview_of_dates_that_no_calendar_has_is_shown(
    customer: Callable[[], Customer], web: Callable[..., httpx.Client]
) -> None:
    from glasshouse.greenhouse import imports

    one = customer()
    # Open, because each order reads half of the rows; the end of the last day that there is lies in the year 10000.
    body = b"time,temp\n" + b"31/12/9999 24:00,20\n" * 6 + b"12/31/9998 10:00,20\n" * 6
    number = imports.upload(one.actor, one.site, "", "log.csv", [body])
    assert web(one).get(f"/o/{one.organisation}/import/{number}").status_code == 200


def test_the_list_of_uploads_holds_no_issues(customer: Callable[[], Customer]) -> None:
    from glasshouse.greenhouse import imports

    one = customer()
    number = imports.upload(
        one.actor, one.site, "", "log.csv", [b"time,temp\n2024-05-31 12:00,21\n2024-05-31 13:00,x\n"]
    )
    imports.choose(one.actor, number, imports.preview(one.actor, number).layout)
    assert len(imports.run(one.actor, number)["issues"]) == 1
    (listed,) = imports.uploads(one.actor)
    assert (listed.report["points"], imports.issues_of(listed.report)) == (1, [])


def test_a_reader_that_was_taken_over_adds_no_column_and_fills_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.greenhouse import file_process, import_results

    layout, _ = taken("time,temp\n2024-05-31 12:00,21\n")
    said = {"text": "t" * 1_000_000, "values": {f"value{n}": "v" * 100_000 for n in range(20)}}
    issue = {"row": 1, "column": "c" * 1_000_000, "said": said, "kept": True}
    facts = dict.fromkeys(file_process.COUNTS, 0) | {"series": ["temp"], "issues": [issue]}
    frames = [json.dumps(facts).encode(), bytes(8), bytes(8)]
    monkeypatch.setattr(file_process, "_answers", lambda *_: frames)
    report = import_results.report(layout, file_process.read([], layout), {"taken": 1, "new": 1, "replaced": 0})
    assert len(json.dumps(report)) < 6_000
    frames[0] = json.dumps(facts | {"series": ["of\nnobody"]}).encode()
    with pytest.raises(InvalidError, match="our reader failed"):
        file_process.read([], layout)


def test_upload_correct_take_and_report_on_the_pages(
    customer: Callable[[], Customer], web: Callable[..., httpx.Client]
) -> None:
    one = customer()
    client, page = web(one), f"/o/{one.organisation}/import"
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(page).text)
    assert token
    form = {"csrfmiddlewaretoken": token[1], "place": one.site}
    wrong = client.post(page, data=form, files={"file": ("x.csv", b"a,b\n1,2\n3,4\n")})
    refused = client.get(wrong.headers["location"])
    assert "No column looks like a time" in refused.text
    assert 'name="first_row"' in refused.text, "whatever was found, each choice can be made by hand"
    body = b"time,temp\n2024-05-31 12:00,21\n2024-05-31 13:00,=cmd\n2024-05-31 14:00,240\n"
    look = client.post(page, data=form, files={"file": ("log.csv", body)}).headers["location"]
    assert "Air temperature" in client.get(look).text
    said = {"delimiter": ",", "decimal": ".", "header": "yes", "time_column": "0", "time_format": "iso"}
    assert post(client, look, look, **said, zone="Mars/Olympus").status_code == 400
    assert post(client, look, look, **said | {"time_column": "1"}, zone="Europe/Rome").status_code == 400
    again = post(client, look, look, **said | {"heading_row": "0"}, zone="Europe/London")
    assert "column 2 is" in again.text
    assert "2024-05-31T11:00+00:00" in again.text
    report = post(client, f"{look}/run", look, **said, zone="Europe/Rome", v1="air_temp").headers["location"]
    until(lambda: "came in" in client.get(report).text)
    assert "3 of 3 rows came in: 2 readings, 2 of them new" in client.get(report).text
    assert client.get(f"{report}?format=csv").text.splitlines()[1:] == [
        "3,temp,'=cmd' is not a number,no",
        "4,temp,240 °C is implausible for Air temperature,yes",
    ]


def test_a_file_comes_in_by_command(customer: Callable[[], Customer], tmp_path: Path) -> None:
    from glasshouse.accounts.models import Session
    from glasshouse.cli.importing import bring_in
    from glasshouse.greenhouse import api as greenhouse

    one = customer()
    name = greenhouse.sites(one.actor)[0].name
    file = tmp_path / "log.csv"
    file.write_text("time,temp\n2024-05-31 12:00,21\n2024-05-31 13:00,warm\n")
    told = list(bring_in(file, (one.address, one.password), (name, ""), None))
    assert told[0] == "temp: air_temp"
    assert told[1:3] == ["2 of 2 rows came in (Europe/Rome):", "1 readings, 1 new, 0 in the place of another value."]
    assert told[-2] == "row 3, temp: 'warm' is not a number (left out)"
    assert re.fullmatch(r"To undo it within 90 days: glasshouse import --undo [0-9a-z]{16}", told[-1])
    for who, where in (((one.address, "wrong"), name), ((one.address, one.password), "Nowhere")):
        with pytest.raises(InvalidError):
            list(bring_in(file, who, (where, ""), None))
    assert Session.objects.filter(account_id=one.actor.account).count() == 0


def test_what_a_person_says_of_a_file_counts_more_than_what_is_proposed() -> None:
    text = "1/2/2024 12:00|x;3,5\n1/3/2024 12:00|x;4,5\n".replace("|x", "")
    _, reading = taken(text, header=False, time_format="mdy")
    assert [utc(at) for at, _ in reading.points["column 2"]] == ["2024-01-02 11:00", "2024-01-03 11:00"]
    _, reading = taken(text, header=False)
    assert [utc(at) for at, _ in reading.points["column 2"]] == ["2024-02-01 11:00", "2024-03-01 11:00"]
    with pytest.raises(InvalidError, match="columns 1 to 2"):
        taken(text, time_column=9)
    with pytest.raises(InvalidError, match="no column of numbers"):
        taken("time;value\n2024-05-31 12:00;5\n", delimiter=",", time_column=0, time_format="iso")


def test_month_first_is_seen_where_a_day_shows_it() -> None:
    layout, reading = taken("time,temp\n5/31/2024 12:00,1\n6/1/2024 12:00,2\n")
    assert layout.time_format == "mdy"
    assert utc(reading.points["temp"][1][0]) == "2024-06-01 10:00"


def test_a_template_reads_files_of_its_kind_and_no_others(customer: Callable[[], Customer]) -> None:
    from glasshouse.greenhouse import imports, layout_choices

    one, other = customer(), customer()
    body = b"time,Box 1 (klux)\n2024-05-31 12:00,1\n2024-05-31 12:15,2\n"
    number = imports.upload(one.actor, one.site, "", "a.csv", [body])
    layout = layout_choices.with_choices(imports.preview(one.actor, number).layout, "Etc/GMT-1", {1: "illuminance"})
    saved = imports.save_template(one.actor, "Roof", layout)
    again = imports.save_template(one.actor, "Roof", layout)
    assert [template.id for template in imports.templates(one.actor)] == [again] != [saved]
    second = imports.preview(one.actor, imports.upload(one.actor, one.site, "", "b.csv", [body]))
    assert (second.template, second.layout) == ("Roof", layout)
    different = imports.upload(one.actor, one.site, "", "c.csv", [b"time,Box 2 (klux)\n2024-05-31 12:00,1\n"])
    assert imports.preview(one.actor, different).template == ""
    foreign = imports.upload(other.actor, other.site, "", "d.csv", [body])
    assert imports.preview(other.actor, foreign).template == ""
    with pytest.raises(NotFoundError):
        imports.remove_template(other.actor, again)
    imports.remove_template(one.actor, again)
    assert imports.templates(one.actor) == []


def test_an_import_that_is_stopped_leaves_nothing(
    customer: Callable[[], Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.greenhouse import imports, readings

    one = customer()
    rows = "".join(
        f"2024-05-{day:02d} {hour:02d}:{minute:02d},1\n"
        for day in range(1, 29)
        for hour in range(24)
        for minute in range(0, 60, 4)
    )
    number = imports.upload(one.actor, one.site, "", "long.csv", [b"time,temp\n", rows.encode()])
    imports.choose(one.actor, number, imports.preview(one.actor, number).layout)
    with pytest.raises(imports.StoppedError):

        def halfway(percent: int) -> None:
            if percent > 40:
                with_state(one, number, "reading")
                imports.stop(one.actor, number)

        imports.run(one.actor, number, halfway)
    assert readings.series(one.actor) == []
    assert imports.report_of(one.actor, number).state == "stopped"


def with_state(who: Customer, number: str, state: str) -> None:
    from glasshouse.access import api as access
    from glasshouse.greenhouse.models import Upload

    with access.organisation_transaction(who.actor):
        assert Upload.objects.get(id=number).state == state


def test_a_job_whose_asker_lost_the_right_takes_nothing(customer: Callable[[], Customer]) -> None:
    from glasshouse.access import api as access
    from glasshouse.access.models import Membership
    from glasshouse.greenhouse import imports, readings
    from glasshouse.greenhouse.tasks import take_file
    from glasshouse.kernel import clock
    from glasshouse.kernel.errors import GlasshouseError

    one = customer()
    number = imports.upload(one.actor, one.site, "", "log.csv", [b"time,temp\n2024-05-31 12:00,1\n"])
    imports.choose(one.actor, number, imports.preview(one.actor, number).layout)
    with access.organisation_transaction(one.actor):
        Membership.objects.create(
            organisation_id=one.organisation, account_id="0" * 16, role="administrator", created_at=clock.now()
        )
        Membership.objects.filter(account_id=one.actor.account).update(role="viewer")
    ids = {"account": one.actor.account, "person": one.actor.person, "organisation": one.actor.organisation}
    with pytest.raises(GlasshouseError):
        imports.run(one.actor, number)
    take_file(**ids, upload=number)
    assert readings.series(one.actor) == []


def test_jobs_are_given_ids_only() -> None:
    import inspect

    from procrastinate.contrib.django import app

    ours = [task for name, task in app.tasks.items() if not name.startswith(("procrastinate", "builtin"))]
    assert ours
    for task in ours:
        for name, parameter in inspect.signature(task.func).parameters.items():
            assert parameter.annotation is str, f"{task.name}: {name}"


@pytest.mark.skipif(not REAL, reason="the real files are not at hand")
def test_what_is_plotted_of_a_real_file_is_what_stands_in_it(customer: Callable[[], Customer]) -> None:
    from glasshouse.greenhouse import imports, readings

    one = customer()
    path = DATA / "tunnels" / "TRH_1.csv"
    number = imports.upload(one.actor, one.site, "", path.name, [path.read_bytes()])
    imports.choose(one.actor, number, imports.preview(one.actor, number).layout)
    imports.run(one.actor, number)
    # Read once more by other means: the standard library, and the clock of the Internet's time-zone data.
    expected: dict[float, float] = {}
    with path.open(encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            if row["Temperature (°C)"].strip().lower() not in ("", "nan"):
                wall = datetime.strptime(row["Timestamp"].strip(), "%d/%m/%Y %H:%M:%S").replace(
                    tzinfo=ZoneInfo("Europe/Rome")
                )
                expected[wall.timestamp()] = float(row["Temperature (°C)"])
    name = next(series["id"] for series in readings.series(one.actor) if series["variable"] == "air_temp")
    start, end = int(min(expected)), int(max(expected)) + 1
    rows = list(readings.export(one.actor, [name], (start, end)))[1:]
    found = {datetime.fromisoformat(str(row[6])).timestamp(): row[7] for row in rows}
    # Where the clock goes back an hour comes twice; our reading tells the two apart, strptime cannot.
    twice = {at for at in expected if at not in found or found[at] != expected[at]}
    assert len(twice) <= 8
    assert len(found) >= len(expected)
    chart = readings.readings(one.actor, [name], (start, end), 500)["series"][name]
    plausible = [value for value in expected.values() if -40 <= value <= 65]
    assert max(row[3] for row in chart["rows"]) == max(plausible)
    assert min(row[1] for row in chart["rows"]) == min(plausible)
    assert len(chart["odd"]) == len(expected) - len(plausible)
