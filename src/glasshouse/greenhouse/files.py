"""Files of climate computers and loggers, without I/O: what a file most likely is, and what its rows say.

`propose` looks at a file and says how it would read it; a person may correct that; `read` reads every row by it, and tells of
each row or cell that could not be read, and why. Nothing is guessed silently. How times are written is decided over all rows.

The service calls these two in a process of its own only (`file_process.py`): they cost what a file makes them cost.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import chain
from typing import NamedTuple

from glasshouse.greenhouse import file_columns, file_table
from glasshouse.greenhouse.file_clock import Facts, facts_of, order_of
from glasshouse.greenhouse.file_long import Members, name_column
from glasshouse.greenhouse.file_names import Heading
from glasshouse.greenhouse.file_numbers import LONGEST_NUMBER
from glasshouse.greenhouse.file_rows import read_rows
from glasshouse.greenhouse.file_scan import Scan, scanned
from glasshouse.greenhouse.file_shapes import (
    DELIMITERS,
    MOST_ISSUES,
    NO_CHOICES,
    FileChoices,
    ImportIssue,
    Layout,
    Proposal,
    Reading,
)
from glasshouse.greenhouse.file_times import TIME_FORMATS, zone_of
from glasshouse.greenhouse.statements import Statement, statement_of
from glasshouse.greenhouse.tables import ENCODINGS, MOST_BYTES, Table, open_table
from glasshouse.greenhouse.units import convertible, to_unit
from glasshouse.kernel.errors import InvalidError

__all__ = [
    "DELIMITERS",
    "ENCODINGS",
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
MOST_HEADINGS = 200_000  # characters of all headings
LOOKED_AT = 500  # rows by which columns are told apart; their times are looked at in all rows
MOST_ROWS_ABOVE = 2_000
# What of them is kept to be shown: rows as long as there is room, and three in any case. A cell is kept one character longer
# than a number may be, so that what is no number stays none.
SAMPLE_CELLS, SAMPLE_CHARACTERS, SAMPLE_CELL = 20_000, 200_000, LONGEST_NUMBER + 1
WHICH_MARK = (
    "Numbers such as 1.234 or 1,234 may be one and a bit, or more than a thousand: say which mark is the decimal mark."
)
ROWS_ABOVE = {  # By whether it is one row, and whether all stand above the table's heading.
    (True, True): "Row %(row)s above the table holds no readings: %(text)s.",
    (True, False): "Row %(row)s above the readings holds no readings: %(text)s.",
    (False, True): "%(count)s rows above the table hold no readings: %(text)s.",
    (False, False): "%(count)s rows above the readings hold no readings: %(text)s.",
}
OPEN_ORDERS = {
    2: "The dates can be read in several orders, and nothing in the file tells which is meant: %(order)s or %(second)s. "
    "Choose one.",
    3: "The dates can be read in several orders, and nothing in the file tells which is meant: %(order)s, %(second)s or "
    "%(third)s. Choose one.",
}
EXCHANGED_DATES = (
    "%(count)s dates, such as %(date)s, jump as if a spreadsheet had exchanged day and month. They are read as they stand, and "
    "listed."
)
NO_NUMBERS = "Besides the time there is no column of numbers. Is the delimiter or the decimal mark another?"


def propose(body: bytes, *, zone: str, choices: FileChoices = NO_CHOICES) -> Layout:
    """How this file would be read, by the clock of its site and what a person says of it. Raises InvalidError."""
    proposal = proposal_of(body, zone=zone, choices=choices)
    if proposal.problem:
        raise InvalidError(proposal.problem.text, field="file", values=dict(proposal.problem.values) or None)
    return proposal.layout


def proposal_of(body: bytes, *, zone: str, choices: FileChoices = NO_CHOICES) -> Proposal:
    """The layout that would be proposed, and the first rows to show it by. Raises InvalidError.

    A table without times or numbers is no error, but a proposal with a problem: a person may know more of it than we.
    """
    zone_of(zone)
    table = open_table(body, choices.delimiter, choices.encoding, choices.sheet or "")
    head = _head(table)
    written = [row for row in head if row]
    if len(written) < 2 and (len(written) < 1 or choices == NO_CHOICES):
        table, head, written = _next_sheet(body, table, choices) or (table, head, written)
        if len(written) < 2:
            raise InvalidError("The file holds no rows below its heading.", field="file")
    try:
        return _proposed(table, head, zone, choices)
    except _NothingError as error:
        problem = error
    for other in _others(body, table, choices):
        try:
            return _proposed(other, _head(other), zone, choices)
        except (_NothingError, InvalidError):
            continue
    return _problem(table, head, zone, choices, statement_of(problem))


class _NothingError(InvalidError):
    """No table of readings was found."""


def _head(table: Table) -> list[list[str]]:
    """The first rows, with those above the table."""
    head, written = [], 0
    for row in table.rows:
        head.append(row)
        written += bool(row)
        if written > LOOKED_AT or len(head) > LOOKED_AT + MOST_ROWS_ABOVE:
            break
    return head


def _next_sheet(
    body: bytes, table: Table, choices: FileChoices
) -> tuple[Table, list[list[str]], list[list[str]]] | None:
    for other in _others(body, table, choices):
        head = _head(other)
        written = [row for row in head if row]
        if len(written) > 1:
            return other, head, written
    return None


def _others(body: bytes, table: Table, choices: FileChoices) -> list[Table]:
    """The same file opened otherwise, where a person has not said how: its other sheets, or other delimiters."""
    others = []
    for name in table.sheets if choices.sheet is None else ():
        if name != table.sheet:
            try:
                others.append(open_table(body, choices.delimiter, choices.encoding, name))
            except InvalidError:
                continue
    if table.delimiter != "excel" and not choices.delimiter:
        others += [open_table(body, mark, choices.encoding, table.sheet) for mark in table.others]
    return others


def _proposed(table: Table, head: list[list[str]], zone: str, choices: FileChoices) -> Proposal:
    shape = _shape(head, choices)
    rows = head[shape.times.first_row :]
    long_form = name_column(rows, shape, choices)
    scan = scanned(chain(rows, table.rows), shape.times, long_form.candidates)
    headings = _headings(shape, scan.width)
    columns_of_time = (shape.times.column, shape.times.clock_column)
    time_heading = " ".join(headings[i].text for i in columns_of_time if 0 <= i < len(headings))
    notes: list[Statement] = []
    order = _order(scan, shape, time_heading, choices, notes)
    walls = scan.walls(order.time_format)
    facts = facts_of(walls.seconds, zone, time_heading, own_offsets=walls.own_offsets)
    notes += facts.notes
    if above := _above(head, shape):
        notes.append(above)
    if walls.own_offsets:
        notes.append(Statement("The times name their own offset from UTC, so no time zone is needed."))
    members = scan.members(long_form)
    cells = file_columns.cells_of(head, scan, shape, members, len(headings))
    marks = file_columns.number_marks(list(cells.values()), table.delimiter, choices)
    columns = file_columns.sorted_columns(cells, headings, shape, members, marks)
    if marks.asks_decimal:
        notes.append(Statement(WHICH_MARK))
    if not columns.taken:
        raise _NothingError(NO_NUMBERS, field="file")
    layout = _layout(table, shape, headings, order, facts, members, columns)
    return Proposal(layout, _sample(head, shape.times.first_row), notes, list(table.sheets), None, asdict(choices))


def _shape(head: list[list[str]], choices: FileChoices) -> file_table.Shape:
    try:
        return file_table.find(head, choices)
    except InvalidError as error:
        if str(error) == file_table.NO_TIME:
            raise _NothingError(str(error), field="time_column") from None
        raise


def _headings(shape: file_table.Shape, width: int) -> list[Heading]:
    """A heading for each column, empty ones where rows are wider than the headings. Raises InvalidError."""
    headings = [*shape.headings, *([Heading("", "", "")] * (width - len(shape.headings)))]
    if sum(len(heading.text) for heading in headings) > MOST_HEADINGS:
        raise InvalidError(
            "The headings of this file hold more than %(most)s characters. Shorten them, or split the file by columns.",
            field="file",
            values={"most": MOST_HEADINGS},
        )
    return headings


def _layout(
    table: Table,
    shape: file_table.Shape,
    headings: list[Heading],
    order: "_Order",
    facts: Facts,
    members: Members,
    columns: file_columns.SortedColumns,
) -> Layout:
    return Layout(
        table.delimiter,
        columns.marks.decimal,
        bool(shape.heading_rows),
        shape.times.column,
        order.time_format,
        facts.zone,
        tuple(columns.taken),
        file_table.joined(headings) if shape.heading_rows else tuple(f"column {i + 1}" for i in range(len(headings))),
        first_row=shape.times.first_row,
        heading_rows=shape.heading_rows,
        units_row=shape.units_row,
        clock_column=shape.times.clock_column,
        thousands=columns.marks.thousands,
        encoding=table.encoding,
        sheet=table.sheet,
        name_columns=tuple(members.columns),
        newest_first=facts.newest_first,
        step_s=facts.step_s,
        left_out=tuple(columns.left_out),
        asks=(*order.asks, "decimal") if columns.marks.asks_decimal else order.asks,
        suspects=order.suspects,
    )


def _above(head: list[list[str]], shape: file_table.Shape) -> Statement | None:
    """What is said of rows above the table, which are no readings."""
    begins = min((*shape.heading_rows, shape.times.first_row))
    written = [place for place in range(shape.times.first_row) if head[place] and place not in shape.heading_rows]
    if not written:
        return None
    text = ROWS_ABOVE[len(written) == 1, written[-1] < begins]
    first = repr(" ".join(head[written[0]])[:60])
    return Statement(text, {"row": written[0] + 1, "count": len(written), "text": first})


class _Order(NamedTuple):
    """The form of the times, what is to be asked of it, and dates that look exchanged."""

    time_format: str
    asks: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()


def _order(scan: Scan, shape: file_table.Shape, heading: str, choices: FileChoices, notes: list[Statement]) -> _Order:
    if choices.time_format:
        return _Order(choices.time_format)
    if shape.times.kind in TIME_FORMATS:
        return _Order(shape.times.kind)
    order = order_of(scan.dates(), heading, int(time.time()) // 86_400)
    if order.open:
        names = zip(("order", "second", "third"), order.open, strict=False)
        notes.append(Statement(OPEN_ORDERS[len(order.open)], {mark: TIME_FORMATS[name] for mark, name in names}))
    elif order.reason:
        notes.append(order.reason)
    if order.suspects:
        notes.append(Statement(EXCHANGED_DATES, {"count": len(order.suspects), "date": repr(order.suspects[0])}))
    return _Order(order.time_format, ("time_format",) if order.open else (), order.suspects)


def _problem(table: Table, head: list[list[str]], zone: str, choices: FileChoices, problem: Statement) -> Proposal:
    """A proposal that reads nothing, from which a person goes on."""
    width = max(map(len, head), default=1)
    heading = choices.heading_row if choices.heading_row is not None else 1
    rows = head[heading - 1] if 0 < heading <= len(head) else []
    named = tuple((rows[i] if i < len(rows) and rows[i] else f"column {i + 1}")[:80] for i in range(width))
    layout = Layout(
        table.delimiter,
        choices.decimal or ".",
        heading > 0,
        choices.time_column or 0,
        choices.time_format or "",
        zone,
        (),
        named,
        first_row=(choices.first_row or 2) - 1,
        heading_rows=(heading - 1,) if heading > 0 else (),
        encoding=table.encoding,
        sheet=table.sheet,
    )
    return Proposal(layout, _sample(head, 0), [], list(table.sheets), problem, asdict(choices))


def _sample(rows: list[list[str]], first_row: int) -> list[list[str]]:
    """The first rows, cut to what a page shows and a stored proposal may hold."""
    sample: list[list[str]] = []
    cells = characters = 0
    for row in rows:
        cut = [cell[:SAMPLE_CELL] for cell in row]
        cells += len(cut)
        characters += sum(map(len, cut))
        if len(sample) >= first_row + 3 and (cells > SAMPLE_CELLS or characters > SAMPLE_CHARACTERS):
            break
        sample.append(cut)
    return sample


def read(body: bytes, layout: Layout, progress: Callable[[int, int], None] = lambda done, total: None) -> Reading:
    """Every row of the file, read by the layout. A row that cannot be read becomes an import issue, the others come in.

    progress: told now and then how many rows of about how many are done; what it raises ends the reading. Raises InvalidError.
    """
    table = open_table(body, layout.delimiter, layout.encoding or None, layout.sheet)
    return read_rows(table.rows, layout, lambda done: progress(done, max(table.about_rows, done)))
