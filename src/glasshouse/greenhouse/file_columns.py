"""What the columns of a table are: readings, words for on and off, texts, counts, nothing. Without I/O."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from crop_contract.variables import Variable, recognise
from glasshouse.greenhouse.file_names import LONGEST_HEADING, Heading, is_counter
from glasshouse.greenhouse.file_numbers import EMPTY, STATES, Marks, number_of, parts_of
from glasshouse.greenhouse.file_shapes import Column, LeftOut
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
