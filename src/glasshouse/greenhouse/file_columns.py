"""What the columns of a table are: readings, words for on and off, texts, counts, nothing. Without I/O."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from crop_contract.variables import Variable, recognise
from glasshouse.greenhouse.file_long import NAMES, VALUES, Members
from glasshouse.greenhouse.file_names import LONGEST_HEADING, Heading, is_counter
from glasshouse.greenhouse.file_numbers import EMPTY, STATES, Marks, number_of, parts_of
from glasshouse.greenhouse.file_scan import Scan
from glasshouse.greenhouse.file_shapes import Column, FileChoices, LeftOut
from glasshouse.greenhouse.file_table import Shape
from glasshouse.greenhouse.statements import Statement
from glasshouse.greenhouse.units import LONGEST_UNIT, convertible, is_unit

LEAST_NUMBERS = 0.1  # of a column's cells, for it to be one of readings
# What names without a unit may mean in several: a person says which.
SEVERAL_UNITS = {"illuminance", "drain", "irrigation"}


class Cells(NamedTuple):
    """What stands in a column, of the rows that were looked at. suffix: what stands behind most numbers, a unit."""

    numbers: list[str]
    suffix: str
    texts: list[str]
    empty: int


class NumberMarks(NamedTuple):
    """The marks of a file's numbers. asks_decimal: whether only a person can say which of them is the decimal mark."""

    decimal: str
    thousands: str
    asks_decimal: bool


class SortedColumns(NamedTuple):
    """The columns that are taken, those left out with their reasons, and the marks of their numbers."""

    taken: list[Column]
    left_out: list[LeftOut]
    marks: NumberMarks


def sorted_columns(
    cells: dict[int, Cells], headings: list[Heading], shape: Shape, members: Members, marks: NumberMarks
) -> SortedColumns:
    """Which columns of a table are taken, with names of their own. cells: of the columns that are neither times nor names."""
    taken: list[Column] = []
    left_out: list[LeftOut] = []
    for index, looked in cells.items():
        column = _decided(index, headings[index], looked, shape, members, marks)
        if isinstance(column, Column):
            taken += members.split(column)
        elif column:
            left_out.append(column)
    for index in members.columns:
        left_out.append(LeftOut(index, name_of(headings[index], index), Statement("it names the series")))
    return SortedColumns(named_apart(taken), left_out, marks)


def _decided(
    index: int, heading: Heading, looked: Cells, shape: Shape, members: Members, marks: NumberMarks
) -> Column | LeftOut | None:
    """What a column is beside the others of its table. None for a column with neither heading nor cell."""
    if index in shape.others:
        return LeftOut(index, name_of(heading, index), Statement("it is a second column of times"))
    is_name = members.columns and NAMES.fullmatch(heading.text) and not VALUES.fullmatch(heading.text)
    if is_name and looked.numbers:
        always = Statement("it names something, always %(cell)s", {"cell": repr(looked.numbers[0][:30])})
        return LeftOut(index, heading.text, always)
    column = decide(index, heading, looked, (marks.decimal, marks.thousands))
    if isinstance(column, Column) and _is_count(column, looked, shape, heading):
        return LeftOut(index, column.name, Statement("it counts rows"))
    return column


def _is_count(column: Column, looked: Cells, shape: Shape, heading: Heading) -> bool:
    """Whether a column left of the times goes up by one in each row, as the count of a logger does."""
    if column.index > shape.times.column or column.variable or heading.unit or column.kind:
        return False
    numbers = [float(number) for number in looked.numbers if number.isdecimal() and len(number) < 15]
    return len(numbers) == len(looked.numbers) and counts_rows(numbers)


def cells_of(head: list[list[str]], scan: Scan, shape: Shape, members: Members, width: int) -> dict[int, Cells]:
    """What stands in each column that is neither times nor names, by its place. head: the first rows of the file."""
    rows = head[shape.times.first_row :]
    sample = [row for row in rows if row and scan.is_timed(row)] or rows
    cells = {}
    for index in range(width):
        if index not in (shape.times.column, shape.times.clock_column, *members.columns):
            texts = [row[index] for row in sample if index < len(row)]
            cells[index] = looked_at(texts if any(texts) else scan.late.get(index, texts))
    return cells


def number_marks(columns: list[Cells], delimiter: str, choices: FileChoices) -> NumberMarks:
    """The marks that the numbers of a file show, or that a person says. delimiter: as of a Table."""
    marks = marks_of(columns)
    decimal, thousands, asks = marks.conclude()
    if asks and (delimiter == "excel" or (decimal == "." and delimiter == ",")):
        asks = False
    if decimal == "," and delimiter == "," and not marks.decimal[","] and marks.open[","]:
        asks = True
    if choices.decimal:
        decimal, asks = choices.decimal, False
        thousands = thousands if thousands != decimal else ""
        other = "." if decimal == "," else ","
        if marks.open[other] or marks.grouped[other]:
            thousands = other
    if choices.thousands is not None:
        thousands = choices.thousands
    return NumberMarks(decimal, thousands, asks)


def looked_at(cells: list[str]) -> Cells:
    """What stands in the cells of a column."""
    numbers: list[str] = []
    texts: list[str] = []
    suffixes: Counter[str] = Counter()
    empty = 0
    for cell in cells:
        if cell.casefold() in EMPTY:
            empty += 1
            continue
        parts = parts_of(cell)
        if parts and (not parts[1] or is_unit(parts[1])):
            numbers.append(parts[0])
            suffixes[parts[1]] += 1
        else:
            texts.append(cell)
    suffix = suffixes.most_common(1)[0][0] if suffixes else ""
    return Cells(numbers, suffix, texts, empty)


def marks_of(columns: list[Cells]) -> Marks:
    """Which decimal and thousands marks the numbers of a file show."""
    marks = Marks()
    for cells in columns:
        for number in cells.numbers:
            marks.look(number)
    return marks


def name_of(heading: Heading, index: int) -> str:
    """A column's name, where it has none its place."""
    return (heading.name.strip(" %") or heading.text.strip() or f"column {index + 1}")[:LONGEST_HEADING]


def decide(index: int, heading: Heading, cells: Cells, marks: tuple[str, str]) -> Column | LeftOut | None:
    """What a column is. marks: decimal and thousands. None for a column with neither heading nor cell."""
    name = name_of(heading, index)
    written = len(cells.numbers) + len(cells.texts)
    if not written:
        return LeftOut(index, name, Statement("it is empty")) if heading.text else None
    states = [cell for cell in cells.texts if cell.casefold() in STATES]
    if states and len(states) == len(cells.texts) and len(cells.texts) >= len(cells.numbers):
        both = {STATES[cell.casefold()] for cell in states}
        if len(both) == 2 or not cells.numbers:
            return Column(index, name, "", "", kind="state")
    values = [number_of(number, *marks) for number in cells.numbers]
    known = [value for value in values if value is not None]
    if len(known) < LEAST_NUMBERS * written or not known:
        text = (cells.texts or cells.numbers)[0]
        return LeftOut(index, name, Statement("it holds text, as in %(cell)s", {"cell": repr(text[:30])}))
    if is_counter(heading):
        return LeftOut(index, name, Statement("it counts rows, or is a serial number"))
    unit = (heading.unit or cells.suffix)[:LONGEST_UNIT]
    variable = variable_of(heading, unit, known)
    return Column(index, name, unit, variable.id if variable else "", suffix=cells.suffix)


def counts_rows(values: list[float]) -> bool:
    """Whether a column goes up by one from row to row."""
    return len(values) > 3 and all(after - before == 1 for before, after in pairwise(values))


def variable_of(heading: Heading, unit: str, values: list[float]) -> Variable | None:
    """The variable that a column means: by its name, if its unit is one of that, and if without a unit its values could be."""
    variable = recognise(heading.name)
    if variable is None:
        return None
    if unit:
        return variable if convertible(unit, variable.unit) else None
    if variable.id in SEVERAL_UNITS:
        return None
    within = sum(variable.least <= value <= variable.most for value in values)
    return variable if within >= 0.5 * len(values) else None


def named_apart(columns: list[Column]) -> list[Column]:
    """The columns with names of their own: first by their units, where these tell them apart, then by a number."""
    twice = Counter((column.name, column.member) for column in columns)
    units = Counter((column.name, column.unit, column.member) for column in columns)
    named, counts = [], Counter[str]()
    taken = {column.name for column in columns}
    for column in columns:
        name = column.name
        if twice[name, column.member] > 1 and column.unit and units[name, column.unit, column.member] == 1:
            name = f"{name} ({column.unit})"
        counts[name] += 1
        while counts[name] > 1 and f"{name} ({counts[name]})" in taken:
            counts[name] += 1
        named.append(replace(column, name=name if counts[name] == 1 else f"{name} ({counts[name]})"))
    return named
