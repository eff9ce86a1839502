"""Files of climate computers and loggers, without I/O: what a file most likely is, and what its rows say.

`propose` looks at a file and says how it would read it; a person may correct that; `read` reads every row by it, and tells of
each row or cell that could not be read, and why. Nothing is guessed silently.
"""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from crops.catalogue import recognise
from glasshouse.greenhouse.tables import MOST_BYTES, table_of
from glasshouse.greenhouse.units import LONGEST_UNIT, convertible, to_unit
from glasshouse.kernel.errors import InvalidError

__all__ = [
    "MOST_BYTES",
    "Given",
    "Layout",
    "Reading",
    "Remark",
    "convertible",
    "propose",
    "read",
    "table_of",
    "to_unit",
]
EXCEL_START = datetime(1899, 12, 30)  # noqa: DTZ001 - local time, as in the file
ISO = re.compile(r"^(\d{4})-(\d\d?)-(\d\d?)(?:[ T](\d\d?):(\d\d)(?::(\d\d)(?:\.\d+)?)?)?$")
DMY = re.compile(r"^(\d\d?)[/.](\d\d?)[/.](\d{4})(?: +(\d\d?):(\d\d)(?::(\d\d))?)?$")
SERIAL = re.compile(r"^\d{5}(?:\.\d+)?$")
UNIT = re.compile(r"\(([^()]*)\)\s*$")
CONTROL = re.compile(r"[\x00-\x1f\x7f]+")  # The end of a line within a heading would end its name elsewhere.
NUMBER = re.compile(r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$")
EMPTY = {"", "nan", "na", "n/a", "null", "none", "-", "--"}
LONGEST_NUMBER, LONGEST_HEADING = 64, 300  # characters; a longer cell is no number, a longer heading is cut


@dataclass(frozen=True, slots=True)
class Column:
    """One column of readings: its place in the row, its name (made unique), its unit as written, and the variable it means."""

    index: int
    name: str
    unit: str
    variable: str


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is to be read. time_format: one of TIME_FORMATS; zone: IANA name of the clock that wrote the times."""

    delimiter: str
    decimal: str
    header: bool
    time_column: int
    time_format: str
    zone: str
    columns: tuple[Column, ...]
    headings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values, for a saved template."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> "Layout":
        """The layout that as_json told of."""
        columns = tuple(Column(**column) for column in raw["columns"])
        return cls(**(raw | {"columns": columns, "headings": tuple(raw["headings"])}))


@dataclass(frozen=True, slots=True)
class Remark:
    """What was not read, or is doubtful. row counts from 1, the heading included; column is "" for a whole row."""

    row: int
    column: str
    text: str
    kept: bool


@dataclass(slots=True)
class Reading:
    """What a file says: by column, (seconds since 1970 UTC, value) in the file's order; and the remarks."""

    rows: int = 0
    points: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)


DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "excel": "Excel sheet"}
TIME_FORMATS = {"iso": "year-month-day", "dmy": "day/month/year", "mdy": "month/day/year", "excel": "Excel day numbers"}


@dataclass(frozen=True, slots=True)
class Given:
    """What a person says of a file instead of what would be proposed; None where nothing is said."""

    delimiter: str | None = None
    decimal: str | None = None
    header: bool | None = None
    time_column: int | None = None
    time_format: str | None = None


NOTHING_GIVEN = Given()


def _headings(rows: list[list[str]]) -> list[str]:
    head, width = rows[0], len(rows[1])
    if len(head) < width:  # A slip of the keys: two headings with a tab between them instead of the delimiter.
        head = [part.strip() for cell in head for part in cell.split("\t")]
    head += [""] * (width - len(head))
    return head


def _time_format(cells: list[str]) -> str:
    if sum(bool(ISO.match(cell)) for cell in cells) > 0.9 * len(cells):
        return "iso"
    slashed = [match for match in map(DMY.match, cells) if match]
    if len(slashed) > 0.9 * len(cells):
        # A second number above 12 can be no month; where nothing tells, the day comes first, as in most of the world.
        return "mdy" if any(int(match[2]) > 12 for match in slashed) else "dmy"
    serials = [float(cell) for cell in cells if SERIAL.match(cell)]
    if len(serials) > 0.9 * len(cells) and all(20_000 < one < 80_000 for one in serials):
        rising = sum(b > a for a, b in pairwise(serials))
        if rising >= 0.9 * (len(serials) - 1):
            return "excel"
    return ""


def propose(body: bytes, *, zone: str, given: Given = NOTHING_GIVEN) -> Layout:
    """How this file would be read, given the clock of its site and what a person says of it. Raises InvalidError."""
    rows, delimiter = table_of(body, given.delimiter)
    header = not any(_is_number(cell, ".") for cell in rows[0] if cell) if given.header is None else given.header
    head = _headings(rows) if header else [f"column {number}" for number in range(1, len(rows[0]) + 1)]
    body_rows = rows[1:] if header else rows
    sample = body_rows[:500]
    time_column, time_format = _time_column(head, sample, given)
    cells = [cell for row in sample for i, cell in enumerate(row) if i != time_column]
    commas = sum(bool(re.match(r"^-?\d+,\d+$", cell)) for cell in cells)
    points = sum(bool(re.match(r"^-?\d+\.\d+$", cell)) for cell in cells)
    decimal = given.decimal or ("," if delimiter != "," and commas > points else ".")
    columns = _columns(head, time_column, sample, decimal)
    if not columns:
        raise InvalidError(
            "Besides the time there is no column of numbers. Is the delimiter or the decimal mark another?",
            field="file",
        )
    layout = Layout(delimiter, decimal, header, time_column, time_format, zone, columns, tuple(head))
    return replace(layout, zone=_steady_zone(layout, body_rows))


def _time_column(head: list[str], sample: list[list[str]], given: Given) -> tuple[int, str]:
    """(place of the time column, its format), as said or as found. Raises InvalidError."""
    if given.time_column is not None and not 0 <= given.time_column < len(head):
        raise InvalidError(f"The file has columns 1 to {len(head)}.", field="time_column")
    places = range(len(head)) if given.time_column is None else [given.time_column]
    formats = {i: _time_format([row[i] for row in sample if i < len(row) and row[i]]) for i in places}
    # A written date beats a serial number, which an odd column of numbers may look like.
    found = sorted((kind == "excel", i, kind) for i, kind in formats.items() if kind)
    if given.time_column is not None and given.time_format:
        return given.time_column, given.time_format
    if not found:
        raise InvalidError(
            "No column looks like a time (2024-05-31 12:00, 31/05/2024 12:00, or an Excel day such as 45443.5).",
            field="time_column",
        )
    return found[0][1], given.time_format or found[0][2]


def _columns(head: list[str], time_column: int, sample: list[list[str]], decimal: str) -> tuple[Column, ...]:
    found: list[Column] = []
    seen: dict[str, int] = {}
    for index, whole in enumerate(head):
        heading = CONTROL.sub(" ", whole[:LONGEST_HEADING])
        counter = re.fullmatch(r"(read_?no|no|nr|index|id|#)\.?", heading.strip().lower())
        if index == time_column or counter:
            continue
        if not any(_is_number(row[index], decimal) for row in sample if index < len(row)):
            continue
        unit = UNIT.search(heading)
        plain = UNIT.sub("", heading).strip(" %") or f"column {index + 1}"
        seen[plain] = seen.get(plain, 0) + 1
        name = plain if seen[plain] == 1 else f"{plain} ({seen[plain]})"
        variable = recognise(plain)
        written = " ".join(unit[1].split())[:LONGEST_UNIT] if unit else ""
        if variable and written and not convertible(written, variable.unit):
            variable = None
        found.append(Column(index, name, written, variable.id if variable else ""))
    return tuple(found)


def _is_number(cell: str, decimal: str) -> bool:
    return len(cell) <= LONGEST_NUMBER and bool(NUMBER.match(cell.replace(",", ".") if decimal == "," else cell))


def _steady_zone(layout: Layout, rows: Iterable[list[str]]) -> str:
    """The zone, or its standard time all year round if the file has times that the zone's clock skipped in spring."""
    zone = ZoneInfo(layout.zone)
    for row in rows:
        wall = _wall(row[layout.time_column], layout.time_format) if layout.time_column < len(row) else None
        if wall and _skipped(wall, zone):
            offset = (datetime(wall.year, 1, 1, tzinfo=zone).utcoffset() or timedelta()).total_seconds() / 3600
            return f"Etc/GMT{-int(offset):+d}" if offset else "Etc/GMT"
    return layout.zone


def _skipped(wall: datetime, zone: ZoneInfo) -> bool:
    aware = wall.replace(tzinfo=zone)
    return aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall


def _wall(text: str, time_format: str) -> datetime | None:
    try:
        if time_format == "excel":
            return EXCEL_START + timedelta(seconds=round(float(text) * 86_400)) if SERIAL.match(text) else None
        match = (ISO if time_format == "iso" else DMY).match(text)
        if match is None:
            return None
        first, second, third, hour, minute, second_of = (int(part or 0) for part in match.groups())
        orders = {"iso": (first, second, third), "dmy": (third, second, first), "mdy": (third, first, second)}
        year, month, day = orders[time_format]
        return datetime(year, month, day, hour, minute, second_of)  # noqa: DTZ001 - local time, as in the file
    except ValueError:
        return None


def read(body: bytes, layout: Layout, progress: Callable[[int, int], None] = lambda done, total: None) -> Reading:
    """Every row of the file, read by the layout. A row that cannot be read becomes a remark, the others come in.

    progress: told now and then how many rows of how many are done; what it raises ends the reading.
    """
    rows, _ = table_of(body, layout.delimiter)
    zone, result, total = ZoneInfo(layout.zone), Reading(remarks=_unit_issues(layout)), len(rows)
    before: datetime | None = None
    moments: list[tuple[int, int]] = []
    rows_at: dict[int, int] = {}
    for number, row in enumerate(rows[1:] if layout.header else rows, 2 if layout.header else 1):
        if result.rows % 5000 == 0:
            progress(result.rows, total)
        result.rows += 1
        text = row[layout.time_column] if layout.time_column < len(row) else ""
        wall = _wall(text, layout.time_format)
        if wall is None:
            result.remarks.append(Remark(number, "", f"the time {text[:30]!r} cannot be read", kept=False))
            continue
        if _skipped(wall, zone):
            result.remarks.append(
                Remark(number, "", f"{wall} never was in {layout.zone}: clocks went forward", kept=False)
            )
            continue
        moment = wall.replace(tzinfo=zone).astimezone(UTC)
        if before is not None and moment <= before:  # In the hour that comes twice, a step back means the second time.
            later = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
            moment = later if later > moment else moment
        before = moment
        at = int(moment.timestamp())
        moments.append((number, at))
        if at in rows_at:
            text = f"the same time as row {rows_at[at]}; where both hold a value, this one counts"
            result.remarks.append(Remark(number, "", text, kept=True))
        rows_at[at] = number
        _read_cells(row, number, at, layout, result)
    result.remarks += [
        Remark(n, "", "this time lies far from all others; a slip of the keys?", kept=True) for n in _strays(moments)
    ]
    result.remarks.sort(key=lambda remark: remark.row)
    return result


def _unit_issues(layout: Layout) -> list[Remark]:
    """What is to be said of the columns' units. Raises InvalidError where a column could only be guessed at."""
    issues = []
    for column in layout.columns:
        variable = recognise(column.variable or column.name.partition(" (")[0])
        if variable is None or not column.unit or convertible(column.unit, variable.unit):
            continue
        unit, title = column.unit[:LONGEST_UNIT], variable.title.lower()
        if column.variable:  # A template of an earlier version.
            raise InvalidError(
                f"{column.name}: {unit!r} is not known as a unit of {title}. Choose another.", field="unit"
            )
        text = f"{unit!r} is not known as a unit of {title}, so the column keeps its own name; correct the unit if it is one"
        issues.append(Remark(1, column.name, text, kept=True))
    return issues


def _read_cells(row: list[str], number: int, at: int, layout: Layout, result: Reading) -> None:
    for column in layout.columns:
        cell = row[column.index] if column.index < len(row) else ""
        if cell.lower() in EMPTY:
            continue
        if not _is_number(cell, layout.decimal):
            text = f"{cell[:30]!r} is not a number"
            result.remarks.append(Remark(number, column.name, text, kept=False))
            continue
        value = float(cell.replace(",", ".") if layout.decimal == "," else cell)
        variable = recognise(column.variable) if column.variable else None
        if variable:
            value = to_unit(value, column.unit, variable.unit)
        if not math.isfinite(value):
            result.remarks.append(Remark(number, column.name, f"{cell[:30]!r} is too large", kept=False))
            continue
        if variable and not variable.least <= value <= variable.most:
            text = f"{value:g} {variable.symbol} is implausible for {variable.title.lower()}"
            result.remarks.append(Remark(number, column.name, text, kept=True))
        result.points.setdefault(column.name, []).append((at, value))


def _strays(moments: list[tuple[int, int]]) -> list[int]:
    """Rows whose time stands apart from all others by more than the others' whole span: at either end, at most three."""
    ordered = sorted(moments, key=lambda pair: pair[1])
    found = []
    for side in (ordered, ordered[::-1]):
        for cut in range(1, min(4, len(side) // 4 + 1)):
            gap, span = abs(side[cut][1] - side[cut - 1][1]), abs(side[-1][1] - side[cut][1])
            if gap > span > 0:
                found += [number for number, _ in side[:cut]]
                break
    return sorted(set(found))
