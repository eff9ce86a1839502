"""What a person or a template chooses of how a file is read, and what must be chosen before it can be. Without I/O."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from crop_contract.variables import VARIABLES
from glasshouse.greenhouse.file_shapes import Column, Layout
from glasshouse.greenhouse.file_times import is_zone
from glasshouse.greenhouse.units import LONGEST_UNIT, convertible
from glasshouse.kernel.errors import InvalidError

LONGEST_NAME = 300  # characters of a column's name


def by_template(template: Layout, proposed: Layout) -> Layout:
    """A file as a template says that its kind is read: what a person chose, with what only this file itself tells."""
    return replace(
        template,
        first_row=proposed.first_row if template.first_row >= 0 else -1,
        heading_rows=proposed.heading_rows,
        units_row=proposed.units_row,
        encoding=proposed.encoding,
        sheet=proposed.sheet,
        newest_first=proposed.newest_first,
        step_s=proposed.step_s,
        suspects=proposed.suspects,
        asks=tuple(name for name in proposed.asks if name == "decimal") if template.time_format else proposed.asks,
    )


def column_keys(layout: Layout) -> list[str]:
    """What a form calls each column of a layout: its place in the row; in long form with the number of its series."""
    counts: dict[int, int] = {}
    keys = []
    for column in layout.columns:
        number = counts[column.index] = counts.get(column.index, -1) + 1
        keys.append(f"{column.index}.{number}" if column.member else str(column.index))
    return keys


def with_choices(
    layout: Layout,
    zone: str,
    variables: Mapping[int, str] | Mapping[str, str],
    units: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    leave_implausible: Collection[str] | None = None,
) -> Layout:
    """The layout with a person's choices. By column key: a variable's id, "" (own name) or "-" (leave out); a unit; a name.

    leave_implausible: keys of the columns whose implausible values are left out; None where nothing is said of that.
    Raises InvalidError.
    """
    if not is_zone(zone):
        raise InvalidError("Choose a time zone such as Europe/Rome.", field="zone")
    said = {str(key): variable for key, variable in variables.items()}
    units, names = units or {}, names or {}
    candidates = [*zip(column_keys(layout), layout.columns, strict=True)]
    left_out = []
    for left in layout.left_out:
        if said.get(str(left.index), "-") == "-":
            left_out.append(left)
        else:
            candidates.append((str(left.index), Column(left.index, left.name, "", "")))
    columns, skipped = [], []
    for key, column in candidates:
        variable_id = said.get(key, column.variable)
        if variable_id == "-":
            skipped.append(column.name)
            continue
        changed = _with_meaning(column, variable_id, units.get(key, column.unit), names.get(key, column.name))
        leave = column.leave_implausible if leave_implausible is None else key in leave_implausible
        columns.append(replace(changed, leave_implausible=leave))
    if not columns:
        raise InvalidError("Choose at least one column.", field="variable")
    if len({column.name for column in columns}) < len(columns):
        raise InvalidError("Two columns have one name. Give each a name of its own.", field="variable")
    return replace(layout, zone=zone, columns=tuple(columns), left_out=tuple(left_out), skipped=tuple(skipped))


def _with_meaning(column: Column, variable_id: str, unit: str, name: str) -> Column:
    """The column with a variable ("": its own name), a unit and a name, as a person wrote them. Raises InvalidError."""
    name = " ".join(name.split()) or column.name
    _refuse_name(name, column)
    if variable_id and variable_id not in VARIABLES:
        raise InvalidError(
            "%(variable)s is not a variable of the catalogue.",
            field="variable",
            values={"variable": repr(variable_id[:40])},
        )
    unit = unit.strip()
    _refuse_unit(unit, variable_id, column)
    return replace(column, variable=variable_id, unit=unit, name=name)


def _refuse_name(name: str, column: Column) -> None:
    """Raises InvalidError where a page or a store cannot show the name."""
    if len(name) > LONGEST_NAME:
        raise InvalidError(
            "The name of %(column)s is longer than %(most)s characters.",
            field="variable",
            values={"column": column.name[:60], "most": LONGEST_NAME},
        )
    if not name.isprintable():
        raise InvalidError(
            "The name of %(column)s holds a character that cannot be shown. Type it anew.",
            field="variable",
            values={"column": column.name[:60]},
        )


def _refuse_unit(unit: str, variable_id: str, column: Column) -> None:
    """Raises InvalidError where the unit is too long, or no unit of the variable, which is in the catalogue."""
    if len(unit) > LONGEST_UNIT:
        raise InvalidError(
            "The unit of %(column)s is longer than %(most)s characters.",
            field="variable",
            values={"column": column.name[:60], "most": LONGEST_UNIT},
        )
    if variable_id and unit and not convertible(unit, VARIABLES[variable_id].unit):
        raise InvalidError(
            "%(column)s is in %(unit)s, which %(quantity)s (%(symbol)s) cannot be.",
            field="variable",
            values={
                "column": column.name,
                "unit": unit,
                "quantity": VARIABLES[variable_id].title,
                "symbol": VARIABLES[variable_id].symbol,
            },
        )


ASKED = {
    "time_format": "The order of day, month and year cannot be told from this file. Choose how its times are written.",
    "decimal": "Whether a point or a comma is the decimal mark cannot be told from this file. Choose it.",
}


def refuse_open(layout: Layout) -> None:
    """Raises InvalidError where a person must say something first."""
    for field in layout.asks:
        raise InvalidError(ASKED[field], field=field)
    if not layout.columns:
        raise InvalidError("Say first how this file is to be read: no column of it would be taken.", field="file")
