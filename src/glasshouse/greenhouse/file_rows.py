"""The rows of a file, read by a layout: each cell becomes a reading or an import issue. Without I/O."""

import math
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from crop_contract.variables import Variable, recognise
from glasshouse.greenhouse.file_long import BETWEEN
from glasshouse.greenhouse.file_numbers import EMPTY, LONGEST_NUMBER, STATES, is_number, number_of, parts_of
from glasshouse.greenhouse.file_shapes import (
    DOUBTS,
    EXCHANGED,
    FAR,
    IMPLAUSIBLE,
    REPEATED,
    Column,
    ImportIssue,
    Layout,
    Reading,
    Series,
)
from glasshouse.greenhouse.file_strays import strays
from glasshouse.greenhouse.file_times import Clock, TimeIssue, WallReader, cut, zone_of
from glasshouse.greenhouse.statements import Statement, Values
from glasshouse.greenhouse.units import LONGEST_UNIT, UNCHANGED, Conversion, conversion_to, convertible
from glasshouse.kernel.errors import InvalidError

__all__ = ["LONGEST_NUMBER", "MOST_READINGS", "is_number", "read_rows"]
MOST_READINGS = 6_000_000  # of one file: what the crop plane takes in one batch
MOST_REMEMBERED = 200_000  # distinct cells of a column whose number is kept


def read_rows(
    rows: Iterable[list[str]], layout: Layout, progress: Callable[[int], None] = lambda done: None
) -> Reading:
    """The rows (a whole file, or a sample), read by the layout. progress: told how many are done. Raises InvalidError."""
    result = Reading()
    times = _Times(layout, result)
    by_member: dict[str, list[_ColumnRead]] = {}
    for read_as in _columns_read(layout, result):
        by_member.setdefault(read_as.column.member, []).append(read_as)
    plain_columns = by_member.get("", []) if not layout.name_columns else None
    last_taken = max((column.index for column in layout.columns), default=0)
    widest = max(len(layout.headings), last_taken + 1)
    readings = 0
    for number, row in _numbered(rows, layout):
        if result.rows % 5000 == 0:
            progress(result.rows)
        result.rows += 1
        member = "" if plain_columns is not None else _member_of(row, layout)
        at_s = times.moment(row, number, member)
        if at_s is None:
            continue
        if len(row) > widest and any(row[widest:]):
            _note_wide(row[widest], number, result)
        columns = plain_columns if plain_columns is not None else by_member.get(member)
        if columns is None:
            _note_unchosen(member, number, result)
            continue
        readings += _read_cells(row, number, at_s, columns, result)
        if readings > MOST_READINGS:
            raise InvalidError(
                "The file has more than %(most)s readings. Split it.", field="file", values={"most": MOST_READINGS}
            )
    read_columns = [read_as for columns in by_member.values() for read_as in columns]
    _look_for_strays(times, read_columns, layout, result)
    for read_as in read_columns:
        if read_as.series:
            result.points[read_as.column.name] = read_as.series
    result.issues.sort(key=lambda issue: issue.row)
    return result


def _numbered(rows: Iterable[list[str]], layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """The rows below those above the table, without empty ones, each with its number in the file, from 1."""
    if layout.first_row < 0:  # A layout of an earlier version, which counted no empty rows.
        rows = (row for row in rows if row)
    above = layout.rows_above
    return ((number, row) for number, row in enumerate(islice(rows, above, None), above + 1) if row)


def _member_of(row: list[str], layout: Layout) -> str:
    """Of a file in long form: which series a row is of."""
    return BETWEEN.join(row[i] if i < len(row) else "" for i in layout.name_columns)


def _note_wide(cell: str, number: int, result: Reading) -> None:
    """cell: the first that has no column."""
    text = "has more cells than there are columns; %(cell)s and on are left out"
    result.issue(number, "", text, {"cell": repr(cell[:30])}, kept=False)
    result.refused -= 1  # The row itself comes in.
    result.wide += 1


def _note_unchosen(member: str, number: int, result: Reading) -> None:
    name = " ".join(member.split(BETWEEN))[:60]
    text = "series %(series)s is not among those that were chosen"
    result.issue(number, "", text, {"series": repr(name)}, kept=False)


def _look_for_strays(times: "_Times", columns: "list[_ColumnRead]", layout: Layout, result: Reading) -> None:
    """Rows whose time lies far from all others are flagged; with FAR in the layout's leave_out their readings are left out."""
    rows = strays(times.numbers, times.moments)
    if FAR not in layout.leave_out:
        result.flagged += len(rows)
        result.issues += [ImportIssue(number, "", Statement(DOUBTS[FAR]), kept=True) for number in rows]
        return
    chosen = set(rows)
    row_at = {at: number for number, at in zip(times.numbers, times.moments, strict=True) if number in chosen}
    for read_as in columns if row_at else []:
        series, rest = read_as.series, Series()
        for at, value in series:
            if at not in row_at:
                rest.append(at, value)
                continue
            result.left_out += 1
            text = "its row's time lies far from all others; left out by choice"
            result.issues.append(ImportIssue(row_at[at], read_as.column.name, Statement(text), kept=False))
        read_as.series = rest


class _Times:
    """The moments of rows; each that cannot be told is an import issue."""

    def __init__(self, layout: Layout, result: Reading) -> None:
        self.layout, self.result = layout, result
        self.clock = Clock(zone_of(layout.zone), newest_first=layout.newest_first, step_s=layout.step_s)
        self.reader = WallReader(layout.time_format or "iso")
        self.suspects = frozenset(layout.suspects)
        self.numbers, self.moments = array("q"), array("d")
        self.rows_at: dict[object, int] = {}

    def moment(self, row: list[str], number: int, member: str) -> float | None:
        """Seconds since 1970 UTC of a row; None where it has an issue."""
        layout = self.layout
        text = row[layout.time_column] if layout.time_column < len(row) else ""
        clock_text = ""
        if layout.clock_column >= 0:
            clock_text = row[layout.clock_column] if layout.clock_column < len(row) else ""
        try:
            if layout.clock_column >= 0 and not clock_text and text:
                raise TimeIssue(Statement("the time of day is missing"))
            at_s = self.clock.moment(self.reader.wall(text, clock_text), f"{text} {clock_text}".strip(), member)
        except TimeIssue as issue:
            self.result.issue(number, "", issue.said.text, issue.said.values, kept=False)
            return None
        if self.suspects and cut(text).date in self.suspects:
            left_out = EXCHANGED in layout.leave_out
            self.result.issue(number, "", DOUBTS[EXCHANGED], {"date": repr(text[:30])}, kept=not left_out)
            if left_out:
                return None
        key = (at_s, member) if member else at_s
        before = self.rows_at.get(key, 0)
        if before:
            self.result.repeats += 1
            if REPEATED in layout.leave_out:
                text = "the same time as row %(row)s; left out by choice"
                self.result.issue(number, "", text, {"row": before}, kept=False)
                return None
            self.result.issue(number, "", DOUBTS[REPEATED], {"row": before}, kept=True)
        self.rows_at[key] = number
        self.numbers.append(number)
        self.moments.append(at_s)
        return at_s


@dataclass(slots=True)
class _ColumnRead:
    """A column with what every one of its cells needs, looked up once. convert: from its unit to the variable's."""

    column: Column
    decimal: str
    thousands: str
    variable: Variable | None
    convert: Conversion | None
    series: Series = field(default_factory=Series)
    known: dict[str, float] = field(default_factory=dict)

    def value(self, cell: str) -> float | None:
        """The number of a cell as it is written, None where it holds none."""
        if self.column.kind == "state" and cell.casefold() in STATES:
            return STATES[cell.casefold()]
        number = number_of(cell, self.decimal, self.thousands)
        if number is None and len(cell) <= LONGEST_NUMBER:
            parts = parts_of(cell)
            if parts and parts[1] and parts[1] in (self.column.suffix, self.column.unit, self._bare_unit()):
                number = number_of(parts[0], self.decimal, self.thousands)
        return number

    def _bare_unit(self) -> str:
        return "%" if self.column.unit.startswith("%") or (not self.column.unit and self.column.suffix == "%") else "\0"


def _columns_read(layout: Layout, result: Reading) -> list[_ColumnRead]:
    """The columns to read; a doubt about a unit is an import issue. Raises InvalidError where a column could only be guessed."""
    columns = []
    for column in layout.columns:
        _check_unit(column, result)
        variable = recognise(column.variable) if column.variable else None
        conversion = conversion_to(column.unit, variable.unit) if variable and column.unit else UNCHANGED
        convert = None if conversion == UNCHANGED else conversion
        columns.append(_ColumnRead(column, layout.decimal, layout.thousands, variable, convert))
    return columns


def _check_unit(column: Column, result: Reading) -> None:
    variable = recognise(column.variable or column.name.partition(" (")[0])
    if variable is None or not column.unit or convertible(column.unit, variable.unit):
        return
    unit = column.unit[:LONGEST_UNIT]
    if column.variable:  # A template of an earlier version.
        message = "%(column)s: %(unit)s is not known as a unit of %(quantity)s. Choose another."
        values: dict[str, object] = {"column": column.name, "unit": repr(unit), "quantity": variable.title}
        raise InvalidError(message, field="unit", values=values)
    text = "%(unit)s is not known as a unit of %(quantity)s, so the column keeps its own name; correct the unit if it is one"
    result.issue(1, column.name, text, {"unit": repr(unit), "quantity": variable.title}, kept=True)


def _read_cells(row: list[str], number: int, at_s: float, columns: list[_ColumnRead], result: Reading) -> int:
    """Reads a row's cells; how many readings they gave."""
    readings, width = 0, len(row)
    result.cells += len(columns)
    for read_as in columns:
        column = read_as.column
        cell = row[column.index] if column.index < width else ""
        value = read_as.known.get(cell)
        if value is None:
            value = _new_value(cell, number, read_as, result)
            if value is None:
                continue
        series = read_as.series
        series.times.append(at_s)
        series.values.append(value)
        readings += 1
    return readings


def _new_value(cell: str, number: int, read_as: _ColumnRead, result: Reading) -> float | None:
    """The value of a cell that was not seen before, or has an issue each time; None where it is left out."""
    column, variable = read_as.column, read_as.variable
    if cell.casefold() in EMPTY:
        result.empty += 1
        return None
    value = read_as.value(cell)
    if value is None:
        result.issue(number, column.name, "%(cell)s is not a number", {"cell": repr(cell[:30])}, kept=False)
        return None
    if read_as.convert:
        value = round(value * read_as.convert.factor + read_as.convert.offset, 9) if math.isfinite(value) else value
    if not math.isfinite(value):
        result.issue(number, column.name, "%(cell)s is too large", {"cell": repr(cell[:30])}, kept=False)
        return None
    if variable and not variable.least <= value <= variable.most:
        said: Values = {"value": f"{value:g} {variable.symbol}".strip(), "quantity": variable.title}
        result.issue(number, column.name, IMPLAUSIBLE, said, kept=not column.leave_implausible)
        if column.leave_implausible:
            return None
    elif len(read_as.known) < MOST_REMEMBERED:
        read_as.known[cell] = value
    return value
