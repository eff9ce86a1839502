"""Where in a file its table is: the columns of times, the first row of readings, the headings above. Without I/O."""

import itertools
import re
from typing import NamedTuple

from glasshouse.greenhouse.file_clock import looks_like
from glasshouse.greenhouse.file_names import Heading, heading_rows, headings, is_counter, is_units_row, plain
from glasshouse.greenhouse.file_shapes import FileChoices
from glasshouse.greenhouse.file_times import EPOCHS, EPOCHS_MS, SERIAL
from glasshouse.kernel.errors import InvalidError

NO_TIME = (
    "No column looks like a time (2024-05-31 12:00, 31/05/2024 12:00, or an Excel day such as 45443.5). Say which column "
    "holds it, and how it is written."
)
LEAST_SHARE = 0.5  # of the rows below the first one with a time
UTC_NAMED = re.compile(r"(?<![A-Za-z])(utc|gmt)(?![A-Za-z])", re.IGNORECASE)
TIME_NAMED = re.compile(
    r"time|date|tijd|zeit|datum|stamp|fecha|hora|heure|data|ora|czas|tid|epoch|day|dag|tag|jour", re.IGNORECASE
)
CLOCK_NAMED = re.compile(r"time|tijd|zeit|uhrzeit|hora|heure|ora|czas|klok", re.IGNORECASE)
DOTTED_CLOCK = re.compile(r"[0-2]?\d\.[0-5]\d(\.[0-5]\d)?$")
UNIT_COMMENT = re.compile(r"(?:^|,)\s*Unit=([^,\t]{1,40})")


class TimeColumns(NamedTuple):
    """Where the times are: a column, perhaps a second one with the time of day (-1: none), what they look like, the first row."""

    column: int
    clock_column: int
    kind: str
    first_row: int


class Shape(NamedTuple):
    """Where the table is. heading_rows, units_row (-1 for none): of the file, from 0; others: columns of more times."""

    times: TimeColumns
    heading_rows: tuple[int, ...]
    units_row: int
    headings: list[Heading]
    others: tuple[int, ...]


def find(rows: list[list[str]], choices: FileChoices) -> Shape:
    """The table in the first rows of a file, as found or as said. Raises InvalidError."""
    width = max(map(len, rows), default=0)
    if choices.time_column is not None and not 0 <= choices.time_column < width:
        raise InvalidError("The file has columns 1 to %(last)s.", field="time_column", values={"last": width})
    kinds = [[looks_like(cell) for cell in row] for row in rows]
    places = range(width) if choices.time_column is None else [choices.time_column]
    start = (choices.first_row or 1) - 1
    candidates = [times for column in places if (times := _times_in(rows, kinds, column, start))]
    _mark_dotted(rows, kinds)
    clocks = {
        column
        for column in range(width)
        if _share([row[column : column + 1] == ["clock"] for row in kinds], rows) > LEAST_SHARE
    }
    if not candidates:
        if choices.time_column is None or not choices.time_format:
            raise InvalidError(NO_TIME, field="time_column")
        candidates = [TimeColumns(choices.time_column, -1, "said", start or (0 if choices.header is False else 1))]
    ranks = {"full": 0, "date": 0, "epoch": 1, "epoch_ms": 1, "compact": 2, "excel": 3, "said": 0}

    def rank(times: TimeColumns) -> tuple[int, bool, int, int]:
        above = " ".join(row[times.column] for row in rows[: times.first_row] if times.column < len(row))
        return (ranks[times.kind], not UTC_NAMED.search(above), -len(set(_cells(rows, times))), times.column)

    # Columns such as _start and _stop hold one time in every row.
    chosen = min([times for times in candidates if len(set(_cells(rows, times))) > 1] or candidates, key=rank)
    clock_column = _clock_column(rows, chosen, clocks) if choices.clock_column is None else choices.clock_column
    if clock_column >= width:
        raise InvalidError("The file has columns 1 to %(last)s.", field="clock_column", values={"last": width})
    first_row = chosen.first_row if choices.first_row is None else start
    times = TimeColumns(chosen.column, clock_column, chosen.kind, first_row)
    others = tuple(other.column for other in candidates if other.column != chosen.column and _is_second(rows, other))
    return _with_headings(rows, times, others, choices, max(map(len, rows[first_row:]), default=width))


def _mark_dotted(rows: list[list[str]], kinds: list[list[str]]) -> None:
    """Mark cells such as "10.15" as times of day below a heading that speaks of time; elsewhere they are numbers."""
    named = {column for row in rows[:40] for column, cell in enumerate(row) if CLOCK_NAMED.fullmatch(cell)}
    for row, kind in zip(rows, kinds, strict=True):
        for column in named:
            if column < len(row) and DOTTED_CLOCK.match(row[column]):
                kind[column] = "clock"


def _is_second(rows: list[list[str]], other: TimeColumns) -> bool:
    """Whether a column beside the times holds times, too: written ones, or seconds since 1970 under a heading that says so."""
    if other.kind in ("full", "date"):
        return True
    above = " ".join(row[other.column] for row in rows[: other.first_row] if other.column < len(row))
    return other.kind in ("epoch", "epoch_ms") and bool(TIME_NAMED.search(above))


def _cells(rows: list[list[str]], times: TimeColumns) -> list[str]:
    return [row[times.column] for row in rows[times.first_row :] if times.column < len(row)]


def _share(hits: list[bool], rows: list[list[str]]) -> float:
    written = [hit for hit, row in zip(hits, rows, strict=True) if row]
    first = written.index(True) if True in written else 0
    return sum(written[first:]) / max(1, len(written) - first)


def _times_in(rows: list[list[str]], kinds: list[list[str]], column: int, start: int) -> TimeColumns | None:
    """The times in a column, where more than half of its cells from the first one on are some."""
    cells = [row[column] if column < len(row) else "" for row in rows]
    looks = [kind[column] if column < len(kind) else "" for kind in kinds]
    numbers = {"epoch": EPOCHS, "epoch_ms": EPOCHS_MS, "excel": SERIAL}
    for kinds_of_one in (("full", "date"), ("epoch",), ("epoch_ms",), ("compact",), ("excel",)):
        name = kinds_of_one[0]
        hits = (
            [bool(numbers[name].match(cell)) for cell in cells]
            if name in numbers
            else [look in kinds_of_one for look in looks]
        )
        first = _first(hits, rows, start)
        if first is None:
            continue
        below = [hit for hit, row in zip(hits[first:], rows[first:], strict=True) if row]
        if sum(below) <= LEAST_SHARE * len(below):
            continue
        if name not in ("full",) and not _is_rising(cells, hits, first, name, rows, column):
            continue
        if name == "full":
            dates = sum(look == "date" for look in looks[first:])
            name = "date" if dates > len(below) / 2 else "full"
        return TimeColumns(column, -1, name, first)
    return None


def _first(hits: list[bool], rows: list[list[str]], start: int) -> int | None:
    """The first row with a time that is followed by another one, or is the last."""
    places = [place for place, row in enumerate(rows) if row and place >= start]
    for index, place in enumerate(places):
        if hits[place]:
            following = [hits[other] for other in places[index + 1 : index + 4]]
            if not following or any(following):
                return place
    return None


def _is_rising(cells: list[str], hits: list[bool], first: int, kind: str, rows: list[list[str]], column: int) -> bool:
    """Whether numbers that may be times go in one direction, as times do and serial numbers do not."""
    numbers = [float(cell.replace(",", ".")) for cell, hit in zip(cells[first:], hits[first:], strict=True) if hit]
    above = " ".join(row[column] for row in rows[:first] if column < len(row))
    if is_counter(Heading(above, above, "")):
        return False
    if kind == "excel" and not all(20_000 < number < 80_000 for number in numbers):
        return False
    if kind == "compact" and not all(19_000_101 < number < 22_001_231 for number in numbers):
        return False
    if kind == "epoch" and not all(1e8 < number < 7e9 for number in numbers):
        return False
    if len(numbers) == 1:
        return bool(TIME_NAMED.search(above))
    rising = sum(after > before for before, after in itertools.pairwise(numbers))
    falling = sum(after < before for before, after in itertools.pairwise(numbers))
    whole = kind == "excel" and all(number.is_integer() for number in numbers)
    if whole and not TIME_NAMED.search(above) and above and len(numbers) > 2:
        return False  # A count of something that happens to lie there.
    return max(rising, falling) >= 0.9 * (len(numbers) - 1)


def _clock_column(rows: list[list[str]], times: TimeColumns, clocks: set[int]) -> int:
    """The column with the time of day, where the times' own column has dates only; -1 where there is none."""
    cells = [cell for cell in _cells(rows, times) if cell]
    midnight = times.kind == "full" and all(re.search(r"[ T]00:00(:00(\.0+)?)?$", cell) for cell in cells)
    if not clocks or not (times.kind in ("date", "compact") or midnight or _whole_days(times, cells)):
        return -1
    return min(clocks, key=lambda column: (column < times.column, abs(column - times.column)))


def _whole_days(times: TimeColumns, cells: list[str]) -> bool:
    return times.kind == "excel" and all("." not in cell and "," not in cell for cell in cells)


def _with_headings(
    rows: list[list[str]], times: TimeColumns, others: tuple[int, ...], choices: FileChoices, width: int
) -> Shape:
    first_row = times.first_row
    if choices.header is False or choices.heading_row == 0:
        places: list[int] = []
    elif choices.heading_row is not None:
        places = [place for place in range(choices.heading_row - 1, first_row) if place < len(rows) and rows[place]]
    else:
        places = heading_rows(rows, first_row, width, times.column)
    if choices.header and not places and first_row:
        places = [first_row - 1]
    units_row = -1
    if choices.units_row is not None:
        units_row = choices.units_row - 1 if 0 < choices.units_row <= first_row else -1
    else:
        for place in places if len(places) > 1 else []:
            if is_units_row([cell for column, cell in enumerate(rows[place]) if column != times.column]):
                units_row = place
        if first_row >= 4 and rows[0][:1] == ["TOA5"]:
            units_row = 2
    time_columns = {times.column} | ({times.clock_column} if times.clock_column >= 0 else set())
    named = headings(rows, places, units_row, width, time_columns) if [p for p in places if p != units_row] else []
    named = named or [Heading("", "", "")] * width
    return Shape(times, tuple(places), units_row, _with_comments(rows, first_row, named), others)


def _with_comments(rows: list[list[str]], first_row: int, named: list[Heading]) -> list[Heading]:
    """Headings with the units that a comment of the file names, a cell for each column ("Type=float,Unit=degC")."""
    for row in rows[:first_row]:
        if row and row[0].startswith("#") and any("Unit=" in cell for cell in row):
            units = [match[1].strip() if (match := UNIT_COMMENT.search(cell)) else "" for cell in row]
            return [
                heading._replace(unit=heading.unit or (units[column] if column < len(units) else ""))
                for column, heading in enumerate(named)
            ]
    return named


def joined(named: list[Heading]) -> tuple[str, ...]:
    """The headings as they are written, by which files of one kind are known again."""
    return tuple(plain(heading.text) for heading in named)
