"""Files of climate computers and loggers, without I/O: what a file most likely is, and what its rows say.

`propose` looks at a file and says how it would read it; a person may correct that; `read` reads every row by it, and tells of
each row or cell that could not be read, and why. Nothing is guessed silently.

The service calls these two in a process of its own only (`file_process.py`): they cost what a file makes them cost.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from crop_contract.variables import recognise
from glasshouse.greenhouse.file_rows import LONGEST_NUMBER, is_number, read_rows
from glasshouse.greenhouse.file_shapes import (
    DELIMITERS,
    MOST_ISSUES,
    NO_CHOICES,
    Column,
    FileChoices,
    ImportIssue,
    Layout,
    Proposal,
    Reading,
)
from glasshouse.greenhouse.file_times import TIME_FORMATS, is_storable, skipped, time_format_of, wall_of
from glasshouse.greenhouse.tables import MOST_BYTES, open_table
from glasshouse.greenhouse.units import LONGEST_UNIT, convertible, to_unit
from glasshouse.kernel.errors import InvalidError

__all__ = [
    "DELIMITERS",
    "MOST_BYTES",
    "MOST_ISSUES",
    "NO_CHOICES",
    "TIME_FORMATS",
    "FileChoices",
    "ImportIssue",
    "Layout",
    "Proposal",
    "Reading",
    "convertible",
    "proposal_of",
    "propose",
    "read",
    "read_rows",
    "to_unit",
]
UNIT = re.compile(r"\(([^()]*)\)\s*$")
CONTROL = re.compile(r"[\x00-\x1f\x7f]+")  # The end of a line within a heading would end its name elsewhere.
LONGEST_HEADING = 300  # characters; a longer heading is cut
MOST_HEADINGS = 200_000  # characters of all headings
LOOKED_AT = 500  # rows by which a proposal is made
# What of them is kept to be shown: rows as long as there is room, and three in any case. A cell is kept one character longer
# than a number may be, so that what is no number stays none.
SAMPLE_CELLS, SAMPLE_CHARACTERS, SAMPLE_CELL = 20_000, 200_000, LONGEST_NUMBER + 1
# How far times are looked through for those that the clock skipped. A cell of a sheet costs much more than one of a text.
SCANNED_ROWS, SCANNED_CELLS, SCANNED_SHEET_CELLS = 1_000_000, 20_000_000, 500_000


def _headings(rows: list[list[str]]) -> list[str]:
    head, width = rows[0], len(rows[1])
    if len(head) < width:  # A slip of the keys: two headings with a tab between them instead of the delimiter.
        head = [part.strip() for cell in head for part in cell.split("\t")]
    head += [""] * (width - len(head))
    return head


def propose(body: bytes, *, zone: str, choices: FileChoices = NO_CHOICES) -> Layout:
    """How this file would be read, by the clock of its site and what a person says of it. Raises InvalidError."""
    return proposal_of(body, zone=zone, choices=choices).layout


def proposal_of(body: bytes, *, zone: str, choices: FileChoices = NO_CHOICES) -> Proposal:
    """The layout that would be proposed, and the first rows to show it by. Raises InvalidError."""
    table = open_table(body, choices.delimiter)
    rows = list(islice(table.rows, LOOKED_AT + 1))
    if len(rows) < 2:
        raise InvalidError("The file holds no rows below its heading.", field="file")
    layout = _layout(rows, table.delimiter, zone, choices)
    most_cells = SCANNED_SHEET_CELLS if table.delimiter == "excel" else SCANNED_CELLS
    scanned = _up_to(chain(rows[1:] if layout.header else rows, islice(table.rows, SCANNED_ROWS)), most_cells)
    return Proposal(replace(layout, zone=_steady_zone(layout, scanned)), _sample(rows))


def _layout(rows: list[list[str]], delimiter: str, zone: str, choices: FileChoices) -> Layout:
    header = not any(is_number(cell, ".") for cell in rows[0] if cell) if choices.header is None else choices.header
    whole = _headings(rows) if header else [f"column {number}" for number in range(1, len(rows[0]) + 1)]
    head = [heading[:LONGEST_HEADING] for heading in whole]
    if sum(map(len, head)) > MOST_HEADINGS:
        raise InvalidError(
            f"The headings of this file hold more than {MOST_HEADINGS:,} characters. Shorten them, or split the file by "
            "columns.",
            field="file",
        )
    sample = rows[1:] if header else rows[:LOOKED_AT]
    time = _time_column(head, sample, choices)
    cells = [cell for row in sample for i, cell in enumerate(row) if i != time.column]
    commas = sum(bool(re.match(r"^-?\d+,\d+$", cell)) for cell in cells)
    points = sum(bool(re.match(r"^-?\d+\.\d+$", cell)) for cell in cells)
    decimal = choices.decimal or ("," if delimiter != "," and commas > points else ".")
    columns = _columns(head, time.column, sample, decimal)
    if not columns:
        raise InvalidError(
            "Besides the time there is no column of numbers. Is the delimiter or the decimal mark another?",
            field="file",
        )
    return Layout(delimiter, decimal, header, time.column, time.time_format, zone, columns, tuple(head))


def _up_to(rows: Iterable[list[str]], cells: int) -> Iterator[list[str]]:
    """The rows until so many cells were passed."""
    for row in rows:
        yield row
        cells -= len(row)
        if cells <= 0:
            return


def _sample(rows: list[list[str]]) -> list[list[str]]:
    """The first rows, cut to what a page shows and a stored proposal may hold."""
    sample: list[list[str]] = []
    cells = characters = 0
    for row in rows:
        cut = [cell[:SAMPLE_CELL] for cell in row]
        cells += len(cut)
        characters += sum(map(len, cut))
        if len(sample) >= 3 and (cells > SAMPLE_CELLS or characters > SAMPLE_CHARACTERS):
            break
        sample.append(cut)
    return sample


class _TimeColumn(NamedTuple):
    """Which column holds the times, and how they are written: one of TIME_FORMATS."""

    column: int
    time_format: str


def _time_column(head: list[str], sample: list[list[str]], choices: FileChoices) -> _TimeColumn:
    """The time column, as said or as found. Raises InvalidError."""
    if choices.time_column is not None and not 0 <= choices.time_column < len(head):
        raise InvalidError(f"The file has columns 1 to {len(head)}.", field="time_column")
    places = range(len(head)) if choices.time_column is None else [choices.time_column]
    formats = {i: time_format_of([row[i] for row in sample if i < len(row) and row[i]]) for i in places}
    # A written date beats a serial number, which an odd column of numbers may look like.
    candidates = sorted((kind == "excel", i, kind) for i, kind in formats.items() if kind)
    if choices.time_column is not None and choices.time_format:
        return _TimeColumn(choices.time_column, choices.time_format)
    if not candidates:
        raise InvalidError(
            "No column looks like a time (2024-05-31 12:00, 31/05/2024 12:00, or an Excel day such as 45443.5).",
            field="time_column",
        )
    _, column, time_format = candidates[0]
    return _TimeColumn(column, choices.time_format or time_format)


def _columns(head: list[str], time_column: int, sample: list[list[str]], decimal: str) -> tuple[Column, ...]:
    columns: list[Column] = []
    name_counts: dict[str, int] = {}
    for index, whole in enumerate(head):
        heading = CONTROL.sub(" ", whole[:LONGEST_HEADING])
        counter = re.fullmatch(r"(read_?no|no|nr|index|id|#)\.?", heading.strip().lower())
        if index == time_column or counter:
            continue
        if not any(is_number(row[index], decimal) for row in sample if index < len(row)):
            continue
        unit = UNIT.search(heading)
        plain = UNIT.sub("", heading).strip(" %") or f"column {index + 1}"
        name_counts[plain] = name_counts.get(plain, 0) + 1
        name = plain if name_counts[plain] == 1 else f"{plain} ({name_counts[plain]})"
        variable = recognise(plain)
        unit_text = " ".join(unit[1].split())[:LONGEST_UNIT] if unit else ""
        if variable and unit_text and not convertible(unit_text, variable.unit):
            variable = None
        columns.append(Column(index, name, unit_text, variable.id if variable else ""))
    return tuple(columns)


def _steady_zone(layout: Layout, rows: Iterable[list[str]]) -> str:
    """The zone, or its standard time all year round if the file has times that the zone's clock skipped in spring."""
    zone = ZoneInfo(layout.zone)
    for row in rows:
        wall = wall_of(row[layout.time_column], layout.time_format) if layout.time_column < len(row) else None
        if wall and is_storable(wall) and skipped(wall, zone):
            offset = (datetime(wall.year, 1, 1, tzinfo=zone).utcoffset() or timedelta()).total_seconds() / 3600
            return f"Etc/GMT{-int(offset):+d}" if offset else "Etc/GMT"
    return layout.zone


def read(body: bytes, layout: Layout, progress: Callable[[int, int], None] = lambda done, total: None) -> Reading:
    """Every row of the file, read by the layout. A row that cannot be read becomes an import issue, the others come in.

    progress: told now and then how many rows of about how many are done; what it raises ends the reading. Raises InvalidError.
    """
    table = open_table(body, layout.delimiter)
    return read_rows(table.rows, layout, lambda done: progress(done, max(table.about_rows, done)))
