"""What a person says of a file (`FileChoices`), what we say (`Layout`, `Proposal`), what it holds (`Reading`). No I/O."""

from array import array
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, overload

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "excel": "Excel sheet"}
MOST_ISSUES = 20_000  # that are kept; all are counted


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
        """The layout from the values of as_json."""
        columns = tuple(Column(**column) for column in raw["columns"])
        return cls(**(raw | {"columns": columns, "headings": tuple(raw["headings"])}))


@dataclass(frozen=True, slots=True)
class ImportIssue:
    """What was not read, or is doubtful. row counts from 1, the heading included; column is "" for a whole row."""

    row: int
    column: str
    text: str
    kept: bool


class Series:
    """One column's readings in the file's order, as (seconds since 1970 UTC, value): 16 bytes each."""

    __slots__ = ("times", "values")

    def __init__(self, times: "array[int] | None" = None, values: "array[float] | None" = None) -> None:
        self.times = array("q") if times is None else times
        self.values = array("d") if values is None else values

    def append(self, at_s: int, value: float) -> None:
        """Add a reading."""
        self.times.append(at_s)
        self.values.append(value)

    def __len__(self) -> int:
        return len(self.times)

    def __iter__(self) -> Iterator[tuple[int, float]]:
        return zip(self.times, self.values, strict=True)

    @overload
    def __getitem__(self, index: int) -> tuple[int, float]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[int, float]]: ...
    def __getitem__(self, index: int | slice) -> tuple[int, float] | list[tuple[int, float]]:
        if isinstance(index, slice):
            return list(zip(self.times[index], self.values[index], strict=True))
        return self.times[index], self.values[index]


@dataclass(slots=True)
class Reading:
    """What a file says: its readings by column, and the import issues. Those beyond MOST_ISSUES are counted and not stored.

    refused: rows left out; left_out: rows and cells left out; flagged: what came in with an import issue.
    """

    rows: int = 0
    points: dict[str, Series] = field(default_factory=dict)
    issues: list[ImportIssue] = field(default_factory=list)
    refused: int = 0
    left_out: int = 0
    flagged: int = 0

    def issue(self, row: int, column: str, text: str, *, kept: bool) -> None:
        """Add an import issue. A file may have millions: only the first MOST_ISSUES are stored."""
        self.flagged += kept
        self.left_out += not kept
        self.refused += not kept and not column
        if len(self.issues) < MOST_ISSUES:
            self.issues.append(ImportIssue(row, column, text, kept=kept))


@dataclass(frozen=True, slots=True)
class Proposal:
    """How a file would be read, and its first rows, bounded, by which that can be shown without the file."""

    layout: Layout
    rows: list[list[str]]

    def as_json(self) -> dict[str, Any]:
        """Plain values, to be stored."""
        return {"layout": self.layout.as_json(), "rows": self.rows}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> "Proposal":
        """The proposal from the values of as_json."""
        return cls(Layout.from_json(raw["layout"]), [[str(cell) for cell in row] for row in raw["rows"]])

    def answers(self, choices: "FileChoices") -> bool:
        """Whether the file, read by these choices, would be read as proposed here."""
        layout = self.layout
        chosen = (choices.delimiter, choices.decimal, choices.header, choices.time_column, choices.time_format)
        proposed = (layout.delimiter, layout.decimal, layout.header, layout.time_column, layout.time_format)
        return all(
            choice is None or choice == proposed_part for choice, proposed_part in zip(chosen, proposed, strict=True)
        )


@dataclass(frozen=True, slots=True)
class FileChoices:
    """What a person says of a file instead of what would be proposed; None where nothing is said."""

    delimiter: str | None = None
    decimal: str | None = None
    header: bool | None = None
    time_column: int | None = None
    time_format: str | None = None


NO_CHOICES = FileChoices()
