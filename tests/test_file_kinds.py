"""Kinds of files, each in many variations that no corpus holds: delimiters, encodings, languages, orders. Each with its truth."""

import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest

from glasshouse.greenhouse.files import FileChoices, Layout, Proposal, Reading, proposal_of, read
from glasshouse.greenhouse.layout_choices import with_choices
from glasshouse.kernel.errors import InvalidError
from tests.file_corpus import unbalanced

ZONE = "Europe/Amsterdam"
WALLS = [datetime(2024, 5, 30, 22) + timedelta(minutes=15 * step) for step in range(96)]  # noqa: DTZ001
VALUES = [round(18 + step / 16, 2) for step in range(96)]
DUTCH = "januari februari maart april mei juni juli augustus september oktober november december"
FRENCH = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
GERMAN = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"


def taken(body: bytes, zone: str = ZONE, **given: object) -> tuple[Proposal, Reading]:
    """How a file is proposed, and read; nothing of it may be silent."""
    proposal = proposal_of(body, zone=zone, choices=FileChoices(**given))  # type: ignore[arg-type]
    assert not proposal.problem, proposal.problem
    reading = read(body, Layout.from_json(proposal.layout.as_json()))
    assert not unbalanced(proposal.layout, reading)
    return proposal, reading


def seconds(wall: datetime, zone: str = ZONE) -> float:
    return wall.replace(tzinfo=ZoneInfo(zone)).timestamp()


def table(written: Callable[[datetime], str], delimiter: str = ";", heading: str = "Time", decimal: str = ",") -> str:
    """A file of two columns."""
    rows = [
        f"{written(wall)}{delimiter}{str(value).replace('.', decimal)}"
        for wall, value in zip(WALLS, VALUES, strict=True)
    ]
    return "\n".join([f"{heading}{delimiter}Temp (°C)", *rows, ""])


def named(names: str, form: str) -> Callable[[datetime], str]:
    return lambda wall: wall.strftime(form).replace("MONTH", names.split()[wall.month - 1])


TIMES: dict[str, Callable[[datetime], str]] = {
    form: lambda wall, form=form: wall.strftime(form)  # type: ignore[misc]
    for form in (
        *(
            "%d-%m-%Y %H:%M",
            "%d.%m.%Y %H:%M:%S",
            "%d/%m/%y %H:%M",
            "%-d-%-m-%Y %-H:%M",
            "%d-%m-%Y %H.%M",
            "%d.%m.%y %H.%M.%S",
        ),
        *("%m/%d/%Y %H:%M", "%m/%d/%y %I:%M:%S %p", "%-m/%-d/%Y %-I:%M %p", "%m-%d-%Y %H:%M", "%m/%d/%Y %I:%M %p"),
        *(
            "%Y-%m-%d %H:%M",
            "%Y/%m/%d %H:%M",
            "%Y.%m.%d %H:%M",
            "%Y-%m-%dT%H:%M:%S",
            "%Y-%m-%dT%H:%M:%S.000",
            "%Y%m%d %H%M",
        ),
        *(
            "%Y%m%d%H%M%S",
            "%H:%M %d/%m/%Y",
            "%a %d/%m/%Y %H:%M",
            "%d %b %Y %H:%M",
            "%b %d, %Y %H:%M",
            "%d-%b-%y %H:%M:%S",
        ),
        *("%Y-%m-%d  %H:%M", "%d/%m/%Y, %H:%M:%S", "%Y-%m-%d %H:%M:%S.500"),
    )
}
TIMES |= {
    "Dutch month": named(DUTCH, "%d MONTH %Y %H:%M"),
    "French month": named(FRENCH, "%d MONTH %Y %Hh%M"),
    "German month": named(GERMAN, "%d. MONTH %Y %H:%M"),
}


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize(("delimiter", "decimal"), [(";", ","), ("\t", ","), ("|", "."), (";", ".")])
def test_a_form_of_time_is_read_with_every_delimiter(name: str, delimiter: str, decimal: str) -> None:
    proposal, reading = taken(table(TIMES[name], delimiter, decimal=decimal).encode())
    assert not proposal.layout.asks
    fraction = 0.5 if name.endswith(".500") else 0
    assert list(reading.points["Temp"]) == [
        (seconds(wall) + fraction, value) for wall, value in zip(WALLS, VALUES, strict=True)
    ]


@pytest.mark.parametrize(
    ("form", "offset"),
    [
        ("%Y-%m-%dT%H:%M:%SZ", 0),
        ("%Y-%m-%dT%H:%M:%S.250000Z", 0),
        ("%Y-%m-%d %H:%M:%S UTC", 0),
        ("%d/%m/%Y %H:%M GMT", 0),
        ("%Y-%m-%d %H:%M:%S+02:00", 7200),
        ("%Y-%m-%d %H:%M:%S +0530", 19_800),
        ("%d.%m.%Y %H:%M:%S -03:00", -10_800),
        ("%Y-%m-%dT%H:%M+01", 3600),
        ("%d-%m-%Y %H:%M CEST", 7200),
    ],
)
def test_an_offset_behind_the_time_counts_more_than_the_site(form: str, offset: int) -> None:
    proposal, reading = taken(table(lambda wall: wall.strftime(form)).encode())
    assert any("own offset" in str(note) for note in proposal.notes)
    assert int(reading.points["Temp"][0][0]) == seconds(WALLS[0], "Etc/GMT") - offset


@pytest.mark.parametrize(
    ("heading", "zone"),
    [
        ("Date Time, GMT+01:00", "Etc/GMT-1"),
        ("Time (UTC)", "Etc/GMT"),
        ("Timestamp UTC", "Etc/GMT"),
        ("Time (GMT+05:30)", "+05:30"),
        ("Date-Time (CEST)", ZONE),
        ("Date/Time (EST)", "Etc/GMT+5"),
        ("Time", ZONE),
    ],
)
def test_a_zone_in_the_heading_is_the_clock_of_the_file(heading: str, zone: str) -> None:
    proposal, _ = taken(table(TIMES["%Y-%m-%d %H:%M"], heading=heading).encode())
    assert proposal.layout.zone == zone


@pytest.mark.parametrize("unit", [1, 1000])
def test_seconds_and_milliseconds_since_1970(unit: int) -> None:
    _, reading = taken(table(lambda wall: str(int(seconds(wall)) * unit), heading="ts").encode())
    assert reading.points["Temp"][0] == (seconds(WALLS[0]), VALUES[0])


def test_excel_days_with_every_mark() -> None:
    def days(wall: datetime) -> float:
        return (wall - datetime(1899, 12, 30)).total_seconds() / 86_400  # noqa: DTZ001

    for mark in ",.":
        _, reading = taken(table(lambda wall, mark=mark: f"{days(wall):.6f}".replace(".", mark)).encode())  # type: ignore[misc]
        assert [at for at, _ in reading.points["Temp"]] == [seconds(wall) for wall in WALLS]


# -- orders --------------------------------------------------------------------------------------------------------


def days_of(first: str, count: int, form: str, step_h: int = 24) -> bytes:
    start = datetime.strptime(first, "%Y-%m-%d")  # noqa: DTZ007
    walls = [start + timedelta(hours=step_h * number) for number in range(count)]
    return "\n".join(
        ["Time;Temp (°C)", *(f"{wall:{form}};{20 + number}" for number, wall in enumerate(walls))]
    ).encode()


@pytest.mark.parametrize("form", ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d-%m-%y %H:%M"])
def test_where_both_orders_remain_a_person_is_asked(form: str) -> None:
    body = days_of("2024-05-04", 20, form, step_h=1)
    proposal = proposal_of(body, zone=ZONE)
    assert proposal.layout.asks == ("time_format",)
    assert any("several orders" in str(note) for note in proposal.notes)
    for order in ("dmy", "mdy"):
        proposal = proposal_of(body, zone=ZONE, choices=FileChoices(time_format=order))
        assert (proposal.layout.asks, proposal.layout.time_format) == ((), order)


@pytest.mark.parametrize(("form", "order"), [("%d/%m/%Y", "dmy"), ("%m/%d/%Y", "mdy"), ("%y/%m/%d", "iso")])
def test_a_day_that_comes_late_in_the_file_decides(form: str, order: str) -> None:
    body = days_of("2023-01-01", 60_000, f"{form} %H:%M", step_h=0).replace(b"", b"")
    late = datetime(2023, 1, 31, 12).strftime(f"{form} %H:%M")  # noqa: DTZ001
    proposal, _ = taken(body + f"\n{late};1".encode())
    assert (proposal.layout.time_format, proposal.layout.asks) == (order, ())


@pytest.mark.parametrize(("form", "order"), [("%d/%m/%Y %H:%M", "dmy"), ("%m/%d/%Y %H:%M", "mdy")])
def test_one_day_following_another_decides(form: str, order: str) -> None:
    proposal, _ = taken(days_of("2024-05-03", 24 * 5, form, step_h=1))
    assert (proposal.layout.time_format, proposal.layout.asks) == (order, ())


@pytest.mark.parametrize(("heading", "order"), [("Time(dd/mm/yyyy)", "dmy"), ("Date (mm/dd/yyyy hh:mm)", "mdy")])
def test_an_order_in_the_heading_decides(heading: str, order: str) -> None:
    body = days_of("2024-05-04", 20, "%d/%m/%Y %H:%M", step_h=1).replace(b"Time", heading.encode(), 1)
    proposal, _ = taken(body)
    assert proposal.layout.time_format == order


def test_dates_that_a_spreadsheet_exchanged_are_found_by_the_jump() -> None:
    lines = ["Date;Temp (°C)"]
    for day in range(25, 31):
        lines.append(f"{day}/05/2024;20")
    lines += [f"06/{day:02d}/2024;20" for day in range(1, 5)] + ["05/06/2024;20"]
    proposal, reading = taken("\n".join(lines).encode())
    assert len(proposal.layout.suspects) == 4
    assert sum("exchanged" in issue.text for issue in reading.issues) == 4


# -- clock changes -------------------------------------------------------------------------------------------------

AUTUMN = 1_698_541_200  # 2023-10-29 01:00 UTC, when clocks in Amsterdam go back


def local_rows(step_s: int, hours: int = 4, *, back: bool = False, doubled: bool = False) -> tuple[bytes, list[int]]:
    """Rows by the clock of the site through the hour that comes twice, and their true moments."""
    moments = list(range(AUTUMN - 3600 * hours, AUTUMN + 3600 * hours, step_s))
    if doubled:
        moments = [at for at in moments for _ in range(2)]
    if back:
        moments.reverse()
    rows = [f"{datetime.fromtimestamp(at, ZoneInfo(ZONE)):%Y-%m-%d %H:%M:%S},{n % 9}" for n, at in enumerate(moments)]
    return "\n".join(["Time,Temp (°C)", *rows]).encode(), moments


@pytest.mark.parametrize("step_s", [300, 900, 1800, 3600])
@pytest.mark.parametrize("back", [False, True], ids=["oldest first", "newest first"])
def test_the_hour_that_comes_twice_is_read_twice(step_s: int, back: bool) -> None:
    body, moments = local_rows(step_s, back=back)
    _, reading = taken(body)
    assert [at for at, _ in reading.points["Temp"]] == moments


def test_a_row_that_comes_twice_is_no_second_hour() -> None:
    body, moments = local_rows(900, doubled=True)
    _, reading = taken(body)
    assert [at for at, _ in reading.points["Temp"]] == moments
    assert reading.repeats == len(moments) // 2


@pytest.mark.parametrize("step_s", [300, 3600])
@pytest.mark.parametrize("back", [False, True], ids=["oldest first", "newest first"])
def test_a_clock_that_is_not_put_back_is_seen(step_s: int, back: bool) -> None:
    moments = list(range(AUTUMN - 6 * 3600, AUTUMN + 6 * 3600, step_s))
    rows = [f"{datetime.fromtimestamp(at + 3600, ZoneInfo('UTC')):%d-%m-%Y %H:%M};1" for at in moments]
    body = "\n".join(["Time;Temp (°C)", *(reversed(rows) if back else rows)]).encode()
    proposal, reading = taken(body)
    assert proposal.layout.zone == "Etc/GMT-1"
    assert any("is not put forward and back" in str(note) for note in proposal.notes)
    assert sorted(at for at, _ in reading.points["Temp"]) == moments


def test_two_sensors_at_one_time_are_no_second_hour() -> None:
    _, moments = local_rows(900)
    rows = [
        f"{datetime.fromtimestamp(at, ZoneInfo(ZONE)):%Y-%m-%d %H:%M},{name},{number}"
        for at in moments
        for number, name in enumerate(("north", "south"))
    ]
    _, reading = taken("\n".join(["Time,Sensor,Value", *rows]).encode())
    assert [at for at, _ in reading.points["north"]] == moments
    assert [at for at, _ in reading.points["south"]] == moments


# -- tables --------------------------------------------------------------------------------------------------------

ROWS = [f"{wall:%Y-%m-%d %H:%M};{value};{70 - value}" for wall, value in zip(WALLS, VALUES, strict=True)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(encoding: str, ends: str) -> None:
    _, reading = taken(ends.join(["Time;Temp (°C);RH (%)", *ROWS, ""]).encode(encoding))
    assert [value for _, value in reading.points["Temp"]] == VALUES
    assert len(reading.points["RH"]) == 96


ABOVE = {
    "nothing": [],
    "a title": ["Report of greenhouse 1"],
    "narrow": ["Site;Kas 1", "Made;2024-06-01 08:00", ""],
    "wide": ["A;wide;title;with;many;cells;in;one;row", ""],
    "comments": ["# made by a logger", "# version 4"],
    "sep": ["sep=;"],
    "sep and more": ["sep=;", "Logger;TV-4500", ""],
}


@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize("below", ["", "Average;21.0;65", "End of file"])
def test_what_stands_above_and_below_a_table(above: str, below: str) -> None:
    _, reading = taken("\n".join([*ABOVE[above], "Time;Temp (°C);RH (%)", *ROWS, below]).encode())
    assert [value for _, value in reading.points["Temp"]] == VALUES
    assert list(reading.points) == ["Temp", "RH"]
    assert reading.refused == bool(below)


@pytest.mark.parametrize(
    ("heads", "names"),
    [
        (["Time;Temp;RH", ";°C;%"], ["Temp", "RH"]),
        ([";North;South", "Time;Temp (°C);Temp (°C)"], ["North Temp", "South Temp"]),
        ([";House 1;", ";avg;max", "Time;°C;°C"], ["House 1 avg", "House 1 max"]),
        (["Time;Temp (in);Temp (out)"], ["Temp (in)", "Temp (out)"]),
        (["Time;Temp (A);Temp (C)"], ["Temp (A)", "Temp (C)"]),
        (["Time;Temp (min);Temp (max)"], ["Temp (min)", "Temp (max)"]),
        (["Time;Temp (°C);Temp (°F)"], ["Temp (°C)", "Temp (°F)"]),
        (["Time;Temp;Temp"], ["Temp", "Temp (2)"]),
        (["Time;1;2"], ["1", "2"]),
        (['Time;"Afd 1\nTemp";"Afd 2\nTemp"'], ["Afd 1 Temp", "Afd 2 Temp"]),
    ],
)
def test_what_tells_two_columns_apart_is_never_cut_off(heads: list[str], names: list[str]) -> None:
    _, reading = taken("\n".join([*heads, *ROWS]).encode())
    assert list(reading.points) == names


def test_a_column_that_begins_late_is_taken() -> None:
    rows = [
        f"{WALLS[0] + timedelta(hours=hour):%Y-%m-%d %H:%M},1,{hour if hour > 2900 else ''}" for hour in range(3000)
    ]
    _, reading = taken("\n".join(["Time,Temp (°C),Late", *rows]).encode())
    assert len(reading.points["Late"]) == 99


def test_columns_behind_the_headings_are_taken_or_told() -> None:
    _, reading = taken(
        "\n".join(["Time,Temp (°C)", *(f"2024-05-31 {hour:02d}:00,1,{hour}" for hour in range(24))]).encode()
    )
    assert [value for _, value in reading.points["column 3"]] == list(range(24))


def test_files_in_long_form_with_units() -> None:
    rows = [
        f"2024-05-31 {hour:02d}:00;{name};{value};{unit}"
        for hour in range(24)
        for name, value, unit in (("temp", 20, "°C"), ("rh", 70, "%"))
    ]
    proposal, reading = taken("\n".join(["Time;Variable;Value;Unit", *rows]).encode())
    assert [(column.name, column.unit, column.variable) for column in proposal.layout.columns] == [
        ("temp", "°C", "air_temp"),
        ("rh", "%", "air_rh"),
    ]
    assert [len(series) for series in reading.points.values()] == [24, 24]


def test_two_rooms_in_long_form_are_two_series() -> None:
    rows = [f"2024-05-31 {hour:02d}:00;{room};{hour};{hour + 50}" for hour in range(24) for room in ("North", "South")]
    _, reading = taken("\n".join(["Time;Where;Temp (°C);RH (%)", *rows]).encode())
    assert sorted(reading.points) == ["RH North", "RH South", "Temp North", "Temp South"]


@pytest.mark.parametrize(
    ("on", "off"), [("Aan", "Uit"), ("open", "dicht"), ("Ein", "Aus"), ("ouvert", "fermé"), ("True", "False")]
)
def test_words_for_on_and_off_are_one_and_nought(on: str, off: str) -> None:
    rows = [f"2024-05-31 {hour:02d}:00;20;{on if hour % 3 else off}" for hour in range(24)]
    _, reading = taken("\n".join(["Time;Temp (°C);Screen", *rows]).encode())
    assert [value for _, value in reading.points["Screen"]] == [1.0 if hour % 3 else 0.0 for hour in range(24)]


# -- numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1.234,5", "987,5"], [1234.5, 987.5]),
        (["1\u202f234,5", "987,5"], [1234.5, 987.5]),
        (["1 234,5", "-987,5"], [1234.5, -987.5]),
        (["1'234.5", "987.5"], [1234.5, 987.5]),
        (["1,234.5", "1,987,654.25"], [1234.5, 1987654.25]),
        (["\u22125,25", "5,5"], [-5.25, 5.5]),
        (["65%", "70 %"], [65, 70]),
        (["21.5 °C", "22.5 °C"], [21.5, 22.5]),
        (["1e-3", "2.5E+02"], [0.001, 250]),
    ],
)
def test_numbers_as_people_and_programs_write_them(cells: list[str], values: list[float]) -> None:
    rows = [f"2024-05-31 {hour:02d}:00\t{cells[hour % 2]}" for hour in range(24)]
    _, reading = taken("\n".join(["Time\tBox 1", *rows]).encode())
    assert [value for _, value in reading.points["Box 1"]] == values * 12


def test_where_a_mark_may_be_either_a_person_is_asked() -> None:
    body = "\n".join(["Time;Weight", *(f"2024-05-31 {hour:02d}:00;1.{100 + hour}" for hour in range(24))]).encode()
    assert proposal_of(body, zone=ZONE).layout.asks == ("decimal",)
    for decimal, first in ((".", 1.1), (",", 1100)):
        _, reading = taken(body, decimal=decimal)
        assert reading.points["Weight"][0][1] == first


def test_a_value_below_what_can_be_measured_is_told_not_taken() -> None:
    body = "\n".join(
        ["Time;NO3", *(f"2024-05-31 {hour:02d}:00;{'<0.05' if hour == 3 else hour}" for hour in range(24))]
    ).encode()
    _, reading = taken(body)
    assert [(issue.row, issue.text) for issue in reading.issues] == [(5, "'<0.05' is not a number")]


# -- units ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading", "unit", "variable"),
    [
        ("Temperature (F)", "F", "air_temp"),
        ("Temperature [deg C]", "deg C", "air_temp"),
        ("Temp, °C", "°C", "air_temp"),
        ("Temp - °C", "°C", "air_temp"),
        ("°C Temp", "°C", "air_temp"),
        ("Temp °C", "°C", "air_temp"),
        ("CO2 (mg/m3)", "mg/m3", ""),
        ("CO2 (ppm)", "ppm", "co2"),
        ("Drain (%)", "%", ""),
        ("Drain (l/m2)", "l/m2", "drain"),
        ("Light (lux)", "lux", "illuminance"),
        ("Light", "", ""),
        ("EC (mS)", "mS", ""),
        ("EC (mS/cm)", "mS/cm", "slab_ec"),
        ("PAR (umol/m2/s)", "umol/m2/s", "par"),
        ("Radiation (W/m2)", "W/m2", "global_radiation"),
        ("Humidity (%RH)", "%RH", "air_rh"),
        ("Pressure (inHg)", "inHg", ""),
        ("Temperature (bananas)", "", ""),
    ],
)
def test_a_unit_is_kept_and_a_variable_is_meant_only_in_its_units(heading: str, unit: str, variable: str) -> None:
    body = "\n".join([f"Time\t{heading}", *(f"2024-05-31 {hour:02d}:00\t{60 + hour}" for hour in range(24))]).encode()
    proposal, _ = taken(body)
    (column,) = proposal.layout.columns
    assert (column.unit, column.variable) == (unit, variable)


def test_what_the_crop_plane_is_told_is_never_taken_for_another_unit() -> None:
    from crop_contract.variables import recognise
    from glasshouse.greenhouse.import_results import field_of

    body = b"Time,CO2 (mg/m3),Light,Box\n" + b"".join(b"2024-05-31 %02d:00,700,90000,1\n" % hour for hour in range(24))
    proposal, _ = taken(body)
    fields = [field_of(column) for column in proposal.layout.columns]
    assert fields == ["CO2 (mg/m3)", "Light (own name)", "Box"]
    assert [recognise(field) for field in fields] == [None, None, None]


# -- workbooks and zip files ---------------------------------------------------------------------------------------


def book(*sheets: tuple[str, list[list[object]]]) -> bytes:
    from openpyxl import Workbook

    made, out = Workbook(), BytesIO()
    made.remove(made.worksheets[0])
    for name, rows in sheets:
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    made.save(out)
    return out.getvalue()


def test_date_and_time_in_two_cells_of_a_workbook() -> None:
    rows: list[list[object]] = [["Date", "Time", "Temp (°C)"]]
    rows += [[wall.date(), wall.time(), value] for wall, value in zip(WALLS, VALUES, strict=True)]
    _, reading = taken(book(("Data", rows)))
    assert list(reading.points["Temp"]) == [(seconds(wall), value) for wall, value in zip(WALLS, VALUES, strict=True)]


def test_a_sheet_can_be_chosen_and_a_text_sheet_is_passed_over() -> None:
    rows: list[list[object]] = [
        ["Time", "Temp (°C)"],
        *([wall, value] for wall, value in zip(WALLS, VALUES, strict=True)),
    ]
    other = [["Time", "RH (%)"], *([wall, 70] for wall in WALLS)]
    body = book(("Read me", [["This is a report"], ["of greenhouse 1"]]), ("Temp", rows), ("RH", other))
    proposal, reading = taken(body)
    assert (proposal.layout.sheet, list(reading.points)) == ("Temp", ["Temp"])
    assert proposal.sheets == ["Read me", "Temp", "RH"]
    assert list(taken(body, sheet="RH")[1].points) == ["RH"]


def test_both_readers_of_workbooks_see_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.greenhouse import sheets

    rows: list[list[object]] = [["Time", "Temp (°C)", "Note", "On", "Count"]]
    rows += [
        [wall, value, "x" if number % 2 else None, True, number]
        for number, (wall, value) in enumerate(zip(WALLS, VALUES, strict=True))
    ]
    body = book(("Data", rows))
    slow = list(sheets.opened(body, "Data").rows)
    monkeypatch.setattr(sheets, "FAST_FROM", 0)
    fast = list(sheets.opened(body, "Data").rows)
    assert [[cell.casefold() for cell in row] for row in fast] == [[cell.casefold() for cell in row] for row in slow]


@pytest.mark.parametrize("name", ["log.csv", "folder/log.TXT"])
def test_a_file_in_a_zip_file(name: str) -> None:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("read me.md", "hello")
        packed.writestr(name, "\n".join(["Time;Temp (°C);RH (%)", *ROWS]))
        packed.writestr("other.csv", "\n".join(["Time;CO2 (ppm)", "2024-05-31 12:00;400", "2024-05-31 13:00;410"]))
    proposal, reading = taken(out.getvalue())
    assert list(reading.points) == ["Temp", "RH"]
    assert proposal.sheets == [name, "other.csv"]
    assert list(taken(out.getvalue(), sheet="other.csv")[1].points) == ["CO2"]


def test_a_layout_of_an_earlier_version_reads_as_it_did() -> None:
    raw = {"delimiter": ",", "decimal": ".", "header": True, "time_column": 0, "time_format": "iso", "zone": "Etc/GMT"}
    columns = [{"index": 1, "name": "temp", "unit": "", "variable": "air_temp"}]
    layout = Layout.from_json(raw | {"columns": columns, "headings": ["time", "temp"]})
    reading = read(b"\ntime,temp\n\n2024-05-31 12:00,1\n", layout)
    assert (list(reading.points["temp"]), reading.issues) == ([(1_717_156_800, 1)], [])


# -- by hand, whatever was found -----------------------------------------------------------------------------------


def test_each_choice_can_be_made_by_hand_after_a_refusal() -> None:
    body = "hello\nworld;x\nA;B;C\nu;°C;%\n1#5#24;20,5;60\n2#5#24;21,5;61\n".encode()
    assert proposal_of(body, zone=ZONE).problem
    again = proposal_of(
        body.replace(b"#", b"/"),
        zone=ZONE,
        choices=FileChoices(
            delimiter=";", decimal=",", first_row=5, heading_row=3, units_row=4, time_column=0, time_format="dmy"
        ),
    )
    assert not again.problem
    assert [(column.name, column.unit) for column in again.layout.columns] == [("B", "°C"), ("C", "%")]


@pytest.mark.parametrize(("name", "advice"), [("x" * 301, "longer than 300"), ("tem\u202eperature", "cannot be shown")])
def test_a_name_that_cannot_be_stored_is_refused_with_its_own_reason(name: str, advice: str) -> None:
    layout = proposal_of(b"time,temperature\n2024-05-31 12:00,21.5\n2024-05-31 12:05,21.6\n", zone="UTC").layout
    with pytest.raises(InvalidError, match=advice):
        with_choices(layout, "UTC", {}, names={str(layout.columns[0].index): name})


PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n"
PRINTED = {
    "pdf": PDF,
    "pdf after a byte order mark and lines": b"\xef\xbb\xbf\r\n \t" + PDF,
    "postscript": b"%!PS-Adobe-3.0\n%%Title: report\n",
    "postscript of a printer driver": b"\x04%!PS-Adobe-3.0\n",
    "rtf": b"{\\rtf1\\ansi\\deff0\n",
}


@pytest.mark.parametrize("case", PRINTED)
def test_a_document_to_be_printed_is_refused_as_one_also_where_a_table_stands_in_it(case: str) -> None:
    rows = table(lambda wall: f"{wall:%Y-%m-%d %H:%M}").encode()
    assert not proposal_of(b"% Report\n\n" + rows, zone=ZONE).problem, "a heading alone makes no document"
    for name, body in (("log", PRINTED[case] + rows), ("zip", packed(PRINTED[case] + rows))):
        with pytest.raises(InvalidError, match="a document to be printed, and no table"):
            proposal_of(body, zone=ZONE)
            pytest.fail(name)


def packed(content: bytes) -> bytes:
    """A zip file with one text in it."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("log.csv", content)
    return file.getvalue()
