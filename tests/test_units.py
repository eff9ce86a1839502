"""Units, headings and cells of a file are looked up and matched within bounds: nothing a person writes is ever computed."""

import subprocess
import sys
import zipfile
from functools import cache
from io import BytesIO
from typing import Any

import pytest

from crop_contract.variables import VARIABLES
from glasshouse.greenhouse.files import FileChoices, convertible, propose, read, to_unit
from glasshouse.kernel.errors import InvalidError

NO_TIME = "No column looks like a time (2024-05-31 12:00, 31/05/2024 12:00, or an Excel day such as 45443.5)."
READ = (
    "done",
    f"glasshouse.kernel.errors.InvalidError: {NO_TIME}",
)  # A heading may hide the rows that tell the delimiter.
PROPOSE = "import sys; from glasshouse.greenhouse.files import propose, read; body = {}; "
PROPOSE += "layout = propose(body.encode(), zone='Europe/Rome'); read(body.encode(), layout); print('done')"


def within_seconds(expression: str, most_s: float = 20) -> str:
    """What a process of its own prints that reads the file: one that hangs is ended, and fails the test."""
    done = subprocess.run(
        [sys.executable, "-c", PROPOSE.format(expression)], capture_output=True, text=True, timeout=most_s, check=False
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    [
        "10**10**10",
        "9**9**9**9*m",
        "2^99999999999",
        "m**999999999",
        "1e999999999",
        "degC**10**10**10",
        "__import__('os').abort()",
        "9" * 100_000,
        "-" * 100_000,
        "/" * 100_000,
        "/" * 39,
        "²" * 40,
        "ﷺ" * 40,
    ],
)
def test_a_unit_in_a_heading_is_never_computed(unit: str) -> None:
    text = f"'time,air_temp (' + {unit!r} + ')\\n2024-05-31 12:00,1\\n2024-05-31 12:15,2\\n'"
    assert within_seconds(text) in READ
    assert not any(convertible(unit, variable.unit) for variable in VARIABLES.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "'time,temp\\n2024-05-31 12:00,1\\n2024-05-31 12:15,' + '1' * 120_000 + 'x\\n'",
        "'time,' + '(' * 120_000 + '\\n2024-05-31 12:00,1\\n2024-05-31 12:15,2\\n'",
        "'time,temp' + ' ' * 120_000 + '1x\\n2024-05-31 12:00,1\\n2024-05-31 12:15,2\\n'",
    ],
    ids=["digits", "parentheses", "spaces"],
)
def test_a_long_cell_or_heading_is_read_in_linear_time(text: str) -> None:
    assert within_seconds(text) in READ


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("time,temp\n2024-05-31 12:00," + "1" * 200_000 + "\n", "131,072"),
        ("time,temp\n2024-05-31 12:00,1\n" + "," * 5_000 + "\n", "2,000 columns"),
        (
            "time,temp\n" + "2024-05-31 12:00,1\n" * 300 + '2024-05-31 12:00,"' + "1\n" * 200_000,
            "quotation mark opens in line 302",
        ),
    ],
    ids=["cell", "columns", "quote that never ends"],
)
def test_a_table_beyond_bounds_is_refused_with_the_bound(body: str, reason: str) -> None:
    with pytest.raises(InvalidError, match=reason):
        propose(body.encode(), zone="Europe/Rome")


def _sheet(rows: str, dimension: str) -> bytes:
    from openpyxl import Workbook

    plain, made = BytesIO(), BytesIO()
    Workbook().save(plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for info in source.infolist():
            content = source.read(info)
            if info.filename.endswith("sheet1.xml"):
                name = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
                head = f'<worksheet xmlns="{name}"><dimension ref="{dimension}"/><sheetData>'
                content = f"{head}{rows}</sheetData></worksheet>".encode()
            target.writestr(info.filename, content)
    return made.getvalue()


@pytest.mark.slow
def test_an_excel_file_that_unpacks_to_gigabytes_is_refused() -> None:
    row = '<row r="1"><c r="A1"><v>1</v></c></row>'
    body = _sheet(row * 7_000_000, "A1:B2")
    assert len(body) < 3 << 20
    with pytest.raises(InvalidError, match="unpack"):
        propose(body, zone="Europe/Rome")


@pytest.mark.slow
def test_an_excel_sheet_that_claims_every_cell_there_is_costs_nothing() -> None:
    body = _sheet('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>', "A1:XFD1048576")
    expression = f"bytes.fromhex('{body.hex()}').decode('latin-1')"
    code = PROPOSE.format(expression).replace(".encode()", ".encode('latin-1')")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False)
    assert "InvalidError" in done.stderr


def test_a_number_too_large_for_a_reading_is_an_issue_of_its_cell() -> None:
    body = b"time,temp\n2024-05-31 12:00,1\n2024-05-31 12:15,1e999\n"
    reading = read(body, propose(body, zone="Europe/Rome"))
    assert [value for _, value in reading.points["temp"]] == [1]
    assert [(one.row, one.column, one.kept) for one in reading.issues] == [(3, "temp", False)]


@pytest.mark.parametrize(
    ("unit", "variable", "value", "expected"),
    [
        ("F", "air_temp", 212, 100),
        ("°F", "air_temp", 212, 100),
        ("℉", "air_temp", 212, 100),
        ("deg F", "air_temp", 32, 0),
        ("K", "air_temp", 273.15, 0),
        ("°C", "air_temp", 21.5, 21.5),
        ("ºC", "air_temp", 21.5, 21.5),
        ("℃", "air_temp", 21.5, 21.5),
        ("*C", "air_temp", 21.5, 21.5),
        ("deg C", "air_temp", 21.5, 21.5),
        ("degrees Celsius", "air_temp", 21.5, 21.5),
        ("%", "air_rh", 80, 80),
        ("%RH", "air_rh", 80, 80),
        ("% r.h.", "air_rh", 80, 80),
        ("mS/cm", "slab_ec", 2.5, 2.5),
        ("µS/cm", "slab_ec", 2500, 2.5),
        ("μS/cm", "slab_ec", 2500, 2.5),
        ("uS cm-1", "slab_ec", 2500, 2.5),
        ("S/m", "slab_ec", 0.25, 2.5),
        ("hPa", "vpd", 12, 1.2),
        ("mbar", "vpd", 12, 1.2),
        ("Pa", "vpd", 1200, 1.2),
        ("W/m2", "global_radiation", 500, 500),
        ("W m⁻²", "global_radiation", 500, 500),
        ("Wm-2", "global_radiation", 500, 500),
        ("J/cm²/h", "global_radiation", 36, 100),
        ("J/(cm² h)", "global_radiation", 36, 100),
        ("µmol/m²/s", "par", 400, 400),
        ("umol/m2/s", "par", 400, 400),
        ("μmol m⁻² s⁻¹", "par", 400, 400),
        ("umol.m-2.s-1", "par", 400, 400),
        ("µmol·m⁻²·s⁻¹", "par", 400, 400),
        ("µmol/m²s", "par", 400, 400),
        ("micromol per m² per s", "par", 400, 400),
        ("umolm-2s-1", "par", 400, 400),
        ("mol/m²/d", "dli", 20, 20),
        ("mol m-2 day-1", "dli", 20, 20),
        ("lux", "illuminance", 20_000, 20),
        ("klx", "illuminance", 20, 20),
        ("KLUX", "illuminance", 20, 20),
        ("ppm", "co2", 800, 800),
        ("µmol/mol", "co2", 800, 800),
        ("g/kg", "dry_matter", 62, 6.2),
        ("m³/m³", "slab_wc", 0.6, 60),
        ("m3 m-3", "slab_wc", 0.6, 60),
        ("l/m²", "irrigation", 4.2, 4.2),
        ("L m-2", "irrigation", 4.2, 4.2),
        ("mm", "irrigation", 4.2, 4.2),
        ("inch", "irrigation", 1, 25.4),
        ("ml/m2", "irrigation", 4200, 4.2),
        ("mph", "wind_speed", 10, 4.4704),
        ("km/h", "wind_speed", 36, 10),
        ("m s-1", "wind_speed", 3, 3),
        ("knots", "wind_speed", 36, 18.52),
        ("mg/l", "abs_humidity", 12, 12),
        ("g/m3", "abs_humidity", 12, 12),
        ("J/cm2", "radiation_sum", 1200, 1200),
        ("MJ/m²", "radiation_sum", 12, 1200),
        ("kWh/m2", "radiation_sum", 1, 360),
        ("MJ m-2", "heat", 3, 3),
        ("g/m2", "harvest", 350, 0.35),
        ("t/ha", "harvest", 10, 1),
        ("mmol/l", "irr_k", 5, 5),
        ("mM", "irr_k", 5, 5),
        ("µmol/L", "irr_fe", 25, 25),
        ("cm", "stem_thickness", 1.1, 11),
        ("mm/day", "stem_growth", 20, 14),
        ("stems/m2", "stem_density", 3, 3),
        ("m-2", "plant_density", 3, 3),
        ("hours", "truss_days", 48, 2),
        ("°", "wind_direction", 90, 90),
        ("kg", "fruit_weight", 1.2, 1200),
        ("pH", "ph", 5.8, 5.8),
        ("-", "ph", 5.8, 5.8),
    ],
)
def test_units_as_people_write_them(unit: str, variable: str, value: float, expected: float) -> None:
    assert convertible(unit, VARIABLES[variable].unit), unit
    assert to_unit(value, unit, VARIABLES[variable].unit) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("unit", "variable"),
    [
        ("klux", "air_temp"),
        ("%", "irrigation"),
        ("mg/m3", "co2"),
        ("°", "air_rh"),
        ("mj/m2", "heat"),
        ("mpa", "vpd"),
        ("mM", "irrigation"),
        ("mm", "irr_k"),
        ("no such unit", "air_temp"),
        ("", "air_temp"),
    ],
)
def test_what_is_another_quantity_or_means_two_things_is_no_unit(unit: str, variable: str) -> None:
    assert not convertible(unit, VARIABLES[variable].unit)


def test_an_unknown_unit_is_an_issue_and_its_column_keeps_its_own_name() -> None:
    body = b"time,CO2 (mg/m3),temp (C)\n2024-05-31 12:00,700,20\n2024-05-31 12:15,701,21\n"
    layout = propose(body, zone="Europe/Rome")
    assert [column.variable for column in layout.columns] == ["", "air_temp"]
    issue, *others = read(body, layout).issues
    assert (issue.row, issue.column, issue.kept, others) == (1, "CO2", True, [])
    assert "mg/m3" in issue.text


def test_a_template_with_a_unit_that_is_no_longer_known_is_refused_not_guessed() -> None:
    from dataclasses import replace

    body = b"time,temp (C)\n2024-05-31 12:00,20\n2024-05-31 12:15,21\n"
    layout = propose(body, zone="Europe/Rome", choices=FileChoices())
    old = replace(layout, columns=(replace(layout.columns[0], unit="10**10**10"),))
    with pytest.raises(InvalidError, match="temp"):
        read(body, old)


def test_a_unit_of_the_form_is_looked_up_too(home: object) -> None:
    from glasshouse.greenhouse.layout_choices import with_choices

    layout = propose(b"time,temp\n2024-05-31 12:00,20\n2024-05-31 12:15,21\n", zone="Europe/Rome")
    chosen = with_choices(layout, "Europe/Rome", {1: "air_temp"}, {"1": "deg F"})
    assert chosen.columns[0].unit == "deg F"
    for unit in ("10**10**10", "x" * 5_000, "klx"):
        with pytest.raises(InvalidError):
            with_choices(layout, "Europe/Rome", {1: "air_temp"}, {"1": unit})
    with pytest.raises(InvalidError):
        with_choices(layout, "Europe/Rome", {1: ""}, {"1": "x" * 5_000})


@pytest.mark.parametrize("step", [10, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.slow
def test_the_factors_are_those_of_an_independent_library(step: int) -> None:
    """pint is asked about the table's own spellings only, never about a person's text.

    step: of spellings with a slash, which are made of the others, only each tenth is compared in every run.
    """
    pint = pytest.importorskip("pint")
    from glasshouse.greenhouse import units

    registry = pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
    # Read otherwise by pint: "fc" as femto-light-speed, "no" and "kt" not at all or as weights, an E of light as a charge.
    others = {"fc", "kt", "kts", "ly", "E", "mE", "uE", "M", "mM", "uM", "nM", "R", "C", "F", "ac", "no", "nr", "count"}
    compared = 0

    @cache  # Units of one dimension share its spellings: each is parsed once, also where pint does not know it.
    def quantity(text: str) -> Any:
        try:
            return registry.Quantity(7.0, registry.Unit(text))
        except (pint.PintError, AttributeError, TypeError, ValueError, AssertionError):
            return None

    tables = {name: {key: (float(f), 0.0) for key, f in table.items()} for name, table in units._dimensions().items()}
    tables["temperature"] = {"degC": (1, 0), "K": (1, -273.15), "degF": (5 / 9, -160 / 9), "degR": (5 / 9, -273.15)}
    for unit, dimension in units.OF_CATALOGUE.items():
        plain_ones = [spelling for spelling in tables[dimension] if "/" not in spelling]
        for spelling in [*plain_ones, *[one for one in tables[dimension] if "/" in one][::step]]:
            if set(spelling.split("/")) & others or dimension == "count" or set(spelling) & {" ", "-"}:
                continue
            plain = spelling.translate({ord("°"): "deg", ord("%"): "percent", ord("‰"): "permille"})
            plain = "/".join(f"{part[:-1]}**{part[-1]}" if part[-1:] in "23" else part for part in plain.split("/"))
            if quantity(plain) is None:
                continue
            try:
                there = quantity(plain).to(unit).magnitude
            except (pint.PintError, AttributeError, TypeError, ValueError, AssertionError):
                continue
            compared += 1
            assert to_unit(7.0, spelling, unit) == pytest.approx(there, rel=1e-5, abs=1e-8), (spelling, unit)
    assert compared > 500
