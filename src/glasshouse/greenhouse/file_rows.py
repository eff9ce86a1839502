"""The rows of a file, read by a layout: each cell becomes a reading or an import issue. Without I/O."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from zoneinfo import ZoneInfo

from crop_contract.variables import Variable, recognise
from glasshouse.greenhouse.file_shapes import Column, ImportIssue, Layout, Reading, Series
from glasshouse.greenhouse.file_times import Clock, TimeIssue
from glasshouse.greenhouse.units import LONGEST_UNIT, UNCHANGED, Conversion, conversion_to, convertible
from glasshouse.kernel.errors import InvalidError

NUMBER = re.compile(r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$")
EMPTY = {"", "nan", "na", "n/a", "null", "none", "-", "--"}
LONGEST_NUMBER = 64  # characters; a longer cell is no number
MOST_READINGS = 6_000_000  # of one file: what the crop plane takes in one batch


def is_number(cell: str, decimal: str) -> bool:
    """Whether a cell holds a number, written with this decimal mark ("." or ",")."""
    return len(cell) <= LONGEST_NUMBER and bool(NUMBER.match(cell.replace(",", ".") if decimal == "," else cell))


def read_rows(
    rows: Iterable[list[str]], layout: Layout, progress: Callable[[int], None] = lambda done: None
) -> Reading:
    """The rows (a whole file, or a sample), read by the layout. progress: told how many are done. Raises InvalidError."""
    result, clock = Reading(), Clock(ZoneInfo(layout.zone))
    columns = _columns_read(layout, result)
    readings = 0
    if layout.header:
        rows = islice(rows, 1, None)
    for number, row in enumerate(rows, 2 if layout.header else 1):
        if result.rows % 5000 == 0:
            progress(result.rows)
        result.rows += 1
        text = row[layout.time_column] if layout.time_column < len(row) else ""
        try:
            at_s = clock.moment(text, layout.time_format, number)
        except TimeIssue as issue:
            result.issue(number, "", str(issue), kept=False)
            continue
        if before := clock.earlier_row(at_s, number):
            text = f"the same time as row {before}; where both hold a value, this one counts"
            result.issue(number, "", text, kept=True)
        readings += _read_cells(row, number, at_s, columns, result)
        if readings > MOST_READINGS:
            raise InvalidError(f"The file has more than {MOST_READINGS:,} readings. Split it.", field="file")
    for number in clock.strays():
        result.flagged += 1
        text = "this time lies far from all others; a slip of the keys?"
        result.issues.append(ImportIssue(number, "", text, kept=True))
    result.issues.sort(key=lambda issue: issue.row)
    return result


@dataclass(frozen=True, slots=True)
class _ColumnRead:
    """A column with what every one of its cells needs, looked up once. convert: from its unit to the variable's."""

    column: Column
    decimal: str
    variable: Variable | None
    convert: Conversion | None


def _columns_read(layout: Layout, result: Reading) -> list[_ColumnRead]:
    """The columns to read; a doubt about a unit is an import issue. Raises InvalidError where a column could only be guessed."""
    columns = []
    for column in layout.columns:
        _check_unit(column, result)
        variable = recognise(column.variable) if column.variable else None
        conversion = conversion_to(column.unit, variable.unit) if variable and column.unit else UNCHANGED
        columns.append(_ColumnRead(column, layout.decimal, variable, None if conversion == UNCHANGED else conversion))
    return columns


def _check_unit(column: Column, result: Reading) -> None:
    variable = recognise(column.variable or column.name.partition(" (")[0])
    if variable is None or not column.unit or convertible(column.unit, variable.unit):
        return
    unit, title = column.unit[:LONGEST_UNIT], variable.title.lower()
    if column.variable:  # A template of an earlier version.
        raise InvalidError(f"{column.name}: {unit!r} is not known as a unit of {title}. Choose another.", field="unit")
    text = (
        f"{unit!r} is not known as a unit of {title}, so the column keeps its own name; correct the unit if it is one"
    )
    result.issue(1, column.name, text, kept=True)


def _read_cells(row: list[str], number: int, at_s: int, columns: list[_ColumnRead], result: Reading) -> int:
    """Reads a row's cells; how many readings they gave."""
    readings = 0
    for read_as in columns:
        column, variable = read_as.column, read_as.variable
        cell = row[column.index] if column.index < len(row) else ""
        if cell.lower() in EMPTY:
            continue
        if not is_number(cell, read_as.decimal):
            result.issue(number, column.name, f"{cell[:30]!r} is not a number", kept=False)
            continue
        value = float(cell.replace(",", ".") if read_as.decimal == "," else cell)
        if read_as.convert:
            value = round(value * read_as.convert.factor + read_as.convert.offset, 9) if math.isfinite(value) else value
        if not math.isfinite(value):
            result.issue(number, column.name, f"{cell[:30]!r} is too large", kept=False)
            continue
        if variable and not variable.least <= value <= variable.most:
            text = f"{value:g} {variable.symbol} is implausible for {variable.title.lower()}"
            result.issue(number, column.name, text, kept=True)
        series = result.points.get(column.name)
        if series is None:
            series = result.points[column.name] = Series()
        series.append(at_s, value)
        readings += 1
    return readings
