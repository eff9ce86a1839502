"""Files in long form: a row is one reading, and a column names the series it belongs to. Without I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from crop_contract.variables import recognise
from glasshouse.greenhouse.file_names import plain
from glasshouse.greenhouse.file_numbers import STATES, number_of, parts_of
from glasshouse.greenhouse.file_shapes import Column, FileChoices
from glasshouse.greenhouse.file_table import Shape
from glasshouse.greenhouse.units import convertible, is_unit

NAMES = re.compile(
    r"(_?field|_?measurement|entity(_| )?id|sensor([_ ]?(id|name|naam))?|variable|parameter|name|naam|nom|nombre|nome|"
    r"device([_ ]?(id|name))?|channel|kanaal|kanal|tag(name)?|point|meetpunt|messstelle|series|key|quantity|metric|item|label|"
    r"probe|topic|friendly_name|attribute|room|location|zone|afdeling|compartment|grootheid|omschrijving)",
    re.IGNORECASE,
)
VALUES = re.compile(
    r"(_?value|state|waarde|wert|valeur|valor|valore|reading|result|data|meetwaarde|messwert|mean|last)", re.IGNORECASE
)
UNITS = re.compile(r"(_?units?(_of_measurement)?|eenheid|einheit|unité|unidad|unità|unidade)", re.IGNORECASE)
MOST_MEMBERS = 2_000  # series of one file
BETWEEN = "\x1f"  # between the texts that name a series
MOST_NAME = 120


class LongForm(NamedTuple):
    """columns: what names the series; candidates: columns of text whose texts are collected; units: a column of units, or -1."""

    columns: tuple[int, ...]
    candidates: tuple[int, ...]
    units: int
    named: bool


def name_column(rows: list[list[str]], shape: Shape, choices: FileChoices) -> LongForm:
    """Which columns may name the series of a file."""
    headings, times = shape.headings, shape.times
    if choices.name_column is not None:
        chosen = (choices.name_column,) if 0 <= choices.name_column < max(map(len, rows), default=0) else ()
        units = next((i for i, heading in enumerate(headings) if UNITS.fullmatch(heading.text)), -1)
        return LongForm(
            chosen, (*chosen, *([units] if units >= 0 and chosen else [])), units if chosen else -1, named=True
        )
    texts = []
    for index in range(max(map(len, rows), default=0)):
        if index in (times.column, times.clock_column, *shape.others):
            continue
        cells = [row[index] for row in rows if index < len(row) and row[index]]
        if cells and not any(parts_of(cell) or number_of(cell, ".", "") is not None for cell in cells[:50]):
            texts += [] if all(cell.casefold() in STATES for cell in cells[:50]) else [index]
    units = next((i for i in texts if i < len(headings) and UNITS.fullmatch(headings[i].text)), -1)
    by_name = [i for i in range(len(headings)) if NAMES.fullmatch(headings[i].text) and i not in (times.column, units)]
    named = [i for i in by_name if i in texts]
    values = any(VALUES.fullmatch(heading.text) for heading in headings)
    candidates = tuple(i for i in dict.fromkeys((*named, *texts)) if i != units)
    if values and named:
        # Numbers may name a room beside a field: they tell series apart as texts do.
        candidates = tuple(dict.fromkeys((*candidates, *by_name)))
    more = (units,) if units >= 0 else ()
    return LongForm((), (*candidates, *more), units, named=bool(named and values))


@dataclass(frozen=True, slots=True)
class Members:
    """The series of a file in long form: by the texts of its name columns, the unit that is written beside them ("" if none)."""

    columns: tuple[int, ...]
    units: Mapping[str, str]
    value_heading: bool

    def split(self, column: Column) -> list[Column]:
        """A column of readings as one column for each series."""
        if not self.columns:
            return [column]
        generic = bool(VALUES.fullmatch(column.name))
        split_columns = []
        for member, unit in self.units.items():
            label = plain(" ".join(member.split(BETWEEN)))[:MOST_NAME]
            unit = column.unit or (unit if is_unit(unit) else "")
            # The first text is what is measured; the others say where.
            meant = recognise(member.split(BETWEEN)[0]) if generic else recognise(column.name)
            usable = meant and (convertible(unit, meant.unit) if unit else bool(column.variable) or generic)
            name = label if generic else f"{column.name} {label}"
            variable = meant.id if usable and meant and self._alone(member, meant.id) else ""
            split_columns.append(replace(column, name=name, unit=unit, variable=variable, member=member))
        return split_columns

    def _alone(self, member: str, variable: str) -> bool:
        """Whether no other series of the file means the same variable: it would be one series in a place."""
        meant = [recognise(other.split(BETWEEN)[0]) for other in self.units]
        same = sum(bool(variable_meant and variable_meant.id == variable) for variable_meant in meant)
        return same <= 1
