"""What a person says of a file (`FileChoices`), what we say (`Layout`, `Proposal`), what it holds (`Reading`). No I/O."""

from array import array
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, overload

from glasshouse.greenhouse.statements import Statement, Values, stated

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar", "excel": "sheet of a workbook"}
MOST_ISSUES = 20_000  # that are kept; all are counted
# Doubts about whole rows, with which a person may leave these rows out; the fourth, about values, is chosen for a column.
EXCHANGED, REPEATED, FAR = "exchanged", "repeated", "far"
DOUBTS = {
    EXCHANGED: "the date %(date)s jumps; are its day and month exchanged?",
    REPEATED: "the same time as row %(row)s; where both hold a value, this one counts",
    FAR: "this time lies far from all others; a slip of the keys?",
}
IMPLAUSIBLE = "%(value)s is implausible for %(quantity)s"
COUNTS = ("rows", "refused", "left_out", "flagged", "cells", "empty", "repeats", "wide")  # of a Reading


@dataclass(frozen=True, slots=True)
class Column:
    """One column of readings: its place in the row, its name (made unique), its unit as written, and the variable it means.

    kind: "state" where words such as open and closed are read as 1 and 0. suffix: the unit that is written behind each number.
    member: of a file in long form, which rows are this series' (the texts of its name columns). leave_implausible: whether
    values that the variable cannot have are left out; otherwise they come in, flagged.
    """

    index: int
    name: str
    unit: str
    variable: str
    kind: str = ""
    suffix: str = ""
    member: str = ""
    leave_implausible: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A column that is not taken, and why. A person may take it nevertheless."""

    index: int
    name: str
    reason: Statement


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is to be read. time_format: one of TIME_FORMATS; zone: name of the clock that wrote the times.

    header: whether there are headings; heading_rows and first_row count rows from 0, units_row is one of heading_rows or -1.
    clock_column: where the time of day has a column of its own, else -1. name_columns: of a file in long form. newest_first,
    step_s: of the whole file, for hours that come twice. asks: what a person must say first, because the file leaves it open.
    suspects: dates whose day and month a spreadsheet seems to have exchanged. skipped: names of columns that a person left out.
    leave_out: the DOUBTS whose rows are left out.
    """

    delimiter: str
    decimal: str
    header: bool
    time_column: int
    time_format: str
    zone: str
    columns: tuple[Column, ...]
    headings: tuple[str, ...] = ()
    first_row: int = -1
    heading_rows: tuple[int, ...] = ()
    units_row: int = -1
    clock_column: int = -1
    thousands: str = ""
    encoding: str = ""
    sheet: str = ""
    name_columns: tuple[int, ...] = ()
    newest_first: bool = False
    step_s: float = 0.0
    left_out: tuple[LeftOut, ...] = ()
    asks: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values, for a saved template."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> "Layout":
        """The layout from the values of as_json."""
        rows = raw | {"columns": tuple(Column(**column) for column in raw["columns"])}
        rows["left_out"] = tuple(
            LeftOut(**column | {"reason": stated(column["reason"])}) for column in raw.get("left_out", ())
        )
        for name in ("headings", "heading_rows", "name_columns", "asks", "suspects", "skipped", "leave_out"):
            rows[name] = tuple(raw.get(name, ()))
        return cls(**rows)

    @property
    def rows_above(self) -> int:
        """How many rows stand above the first reading. Layouts of earlier versions have one heading row, or none."""
        return self.first_row if self.first_row >= 0 else int(self.header)


@dataclass(frozen=True, slots=True)
class ImportIssue:
    """What was not read, or is doubtful. row counts from 1, the heading included; column is "" for a whole row."""

    row: int
    column: str
    said: Statement
    kept: bool

    @property
    def text(self) -> str:
        """What it says, in English."""
        return str(self.said)


class Series:
    """One column's readings in the file's order, as (seconds since 1970 UTC, value): 16 bytes each, to the microsecond."""

    __slots__ = ("times", "values")

    def __init__(self, times: "array[float] | None" = None, values: "array[float] | None" = None) -> None:
        self.times = array("d") if times is None else times
        self.values = array("d") if values is None else values

    def append(self, at_s: float, value: float) -> None:
        """Add a reading."""
        self.times.append(at_s)
        self.values.append(value)

    def __len__(self) -> int:
        return len(self.times)

    def __iter__(self) -> Iterator[tuple[float, float]]:
        return zip(self.times, self.values, strict=True)

    @overload
    def __getitem__(self, index: int) -> tuple[float, float]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[float, float]]: ...
    def __getitem__(self, index: int | slice) -> tuple[float, float] | list[tuple[float, float]]:
        if isinstance(index, slice):
            return list(zip(self.times[index], self.values[index], strict=True))
        return self.times[index], self.values[index]


@dataclass(slots=True)
class Reading:
    """What a file says: its readings by column, and the import issues. Those beyond MOST_ISSUES are counted and not stored.

    refused: rows left out; left_out: rows and cells left out; flagged: what came in with an import issue. cells: of the columns
    that are taken, in rows that came in: each is a reading, empty, or an import issue. repeats: rows whose time came before.
    """

    rows: int = 0
    points: dict[str, Series] = field(default_factory=dict)
    issues: list[ImportIssue] = field(default_factory=list)
    refused: int = 0
    left_out: int = 0
    flagged: int = 0
    cells: int = 0
    empty: int = 0
    repeats: int = 0
    wide: int = 0

    def issue(self, row: int, column: str, text: str, values: Values | None = None, *, kept: bool) -> None:
        """Add an import issue, in English, with what stands at its marks. Of millions only the first MOST_ISSUES are stored."""
        self.flagged += kept
        self.left_out += not kept
        self.refused += not kept and not column
        if len(self.issues) < MOST_ISSUES:
            self.issues.append(ImportIssue(row, column, Statement(text, values or {}), kept=kept))


@dataclass(frozen=True, slots=True)
class Proposal:
    """How a file would be read, and its first rows, bounded, by which that can be shown without the file.

    notes: what was concluded of the file, and why. sheets: which can be chosen. problem: why nothing can be proposed as it is;
    the layout is then no more than where a person's choices begin.
    """

    layout: Layout
    rows: list[list[str]]
    notes: list[Statement] = field(default_factory=list)
    sheets: list[str] = field(default_factory=list)
    problem: Statement | None = None
    choices: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values, to be stored."""
        return {
            "layout": self.layout.as_json(),
            "rows": self.rows,
            "notes": [asdict(note) for note in self.notes],
            "sheets": self.sheets,
            "problem": asdict(self.problem) if self.problem else None,
            "choices": self.choices,
        }

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> "Proposal":
        """The proposal from the values of as_json."""
        rows = [[str(cell) for cell in row] for row in raw["rows"]]
        more = {name: raw[name] for name in ("sheets", "choices") if name in raw}
        notes = [stated(note) for note in raw.get("notes", ())]
        problem = stated(raw["problem"]) if raw.get("problem") else None
        return cls(Layout.from_json(raw["layout"]), rows, notes, problem=problem, **more)

    def answers(self, choices: "FileChoices") -> bool:
        """Whether the file, read by these choices, would be read as proposed here."""
        layout = self.layout
        if choices == NO_CHOICES:
            return True
        heading = layout.heading_rows[0] + 1 if layout.heading_rows else 0
        proposed: dict[str, object] = {
            "delimiter": layout.delimiter,
            "decimal": layout.decimal,
            "header": layout.header,
            "time_column": layout.time_column,
            "time_format": layout.time_format,
            "encoding": layout.encoding,
            "sheet": layout.sheet,
            "first_row": layout.rows_above + 1,
            "heading_row": heading,
            "units_row": layout.units_row + 1,
            "clock_column": layout.clock_column,
            "thousands": layout.thousands,
            "name_column": layout.name_columns[0] if layout.name_columns else -1,
        }
        said = {name: choice for name, choice in asdict(choices).items() if choice is not None}
        if self.problem or layout.first_row < 0 or any(name in layout.asks for name in said):
            return False
        return all(choice == proposed[name] for name, choice in said.items())


@dataclass(frozen=True, slots=True)
class FileChoices:
    """What a person says of a file instead of what would be proposed; None where nothing is said.

    first_row, heading_row, units_row count from 1, as spreadsheets do; 0 for none. Columns count from 0; -1 for none.
    """

    delimiter: str | None = None
    decimal: str | None = None
    header: bool | None = None
    time_column: int | None = None
    time_format: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    first_row: int | None = None
    heading_row: int | None = None
    units_row: int | None = None
    clock_column: int | None = None
    thousands: str | None = None
    name_column: int | None = None


NO_CHOICES = FileChoices()
