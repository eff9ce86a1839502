"""Files of climate computers and loggers, without I/O: what a file most likely is, and what its rows say.

`propose` looks at a file and says how it would read it; a person may correct that; `read` reads every row by it, and tells of
each row or cell that could not be read, and why. Nothing is guessed silently. How times are written is decided over all rows.

The service calls these two in a process of its own only (`file_process.py`): they cost what a file makes them cost.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import chain

from glasshouse.greenhouse import file_columns, file_table
from glasshouse.greenhouse.file_clock import facts_of, order_of
from glasshouse.greenhouse.file_long import NAMES, VALUES, Members, name_column
from glasshouse.greenhouse.file_names import Heading
from glasshouse.greenhouse.file_numbers import LONGEST_NUMBER
from glasshouse.greenhouse.file_rows import read_rows
from glasshouse.greenhouse.file_scan import Scan, scanned
from glasshouse.greenhouse.file_shapes import (
    DELIMITERS,
    MOST_ISSUES,
    NO_CHOICES,
    Column,
    FileChoices,
    ImportIssue,
    Layout,
    LeftOut,
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
    try:
        shape = file_table.find(head, choices)
    except InvalidError as error:
        if str(error) == file_table.NO_TIME:
            raise _NothingError(str(error), field="time_column") from None
        raise
    first_row = shape.times.first_row
    long_form = name_column(head[first_row:], shape, choices)
    scan = scanned(chain(head[first_row:], table.rows), shape.times, long_form.candidates)
    width = max(scan.width, len(shape.headings))
    named = [*shape.headings, *([Heading("", "", "")] * (width - len(shape.headings)))]
    if sum(len(heading.text) for heading in named) > MOST_HEADINGS:
        raise InvalidError(
            "The headings of this file hold more than %(most)s characters. Shorten them, or split the file by columns.",
            field="file",
            values={"most": MOST_HEADINGS},
        )
    notes: list[Statement] = []
    time_heading = " ".join(named[i].text for i in (shape.times.column, shape.times.clock_column) if 0 <= i < width)
    time_format, asks, suspects = _order(scan, shape, time_heading, choices, notes)
    walls = scan.walls(time_format)
    facts = facts_of(walls.seconds, zone, time_heading, own_offsets=walls.own_offsets)
    notes += facts.notes
    if above := _above(head, shape):
        notes.append(above)
    if walls.own_offsets:
        notes.append(Statement("The times name their own offset from UTC, so no time zone is needed."))
    members = scan.members(long_form)
    columns = _columns(head, scan, shape, named, choices, table, members)
    if columns.asks_decimal and not choices.decimal:
        asks = (*asks, "decimal")
        notes.append(Statement(WHICH_MARK))
    if not columns.taken:
        raise _NothingError(NO_NUMBERS, field="file")
    layout = Layout(
        table.delimiter,
        columns.decimal,
        bool(shape.heading_rows),
        shape.times.column,
        time_format,
        facts.zone,
        tuple(columns.taken),
        file_table.joined(named) if shape.heading_rows else tuple(f"column {i}" for i in range(1, width + 1)),
        first_row=first_row,
        heading_rows=shape.heading_rows,
        units_row=shape.units_row,
        clock_column=shape.times.clock_column,
        thousands=columns.thousands,
        encoding=table.encoding,
        sheet=table.sheet,
        name_columns=tuple(members.columns),
        newest_first=facts.newest_first,
        step_s=facts.step_s,
        left_out=tuple(columns.left_out),
        asks=asks,
        suspects=suspects,
    )
    return Proposal(layout, _sample(head, first_row), notes, list(table.sheets), None, asdict(choices))


def _above(head: list[list[str]], shape: file_table.Shape) -> Statement | None:
    """What is said of rows above the table, which are no readings."""
    begins = min((*shape.heading_rows, shape.times.first_row))
    written = [place for place in range(shape.times.first_row) if head[place] and place not in shape.heading_rows]
    if not written:
        return None
    text = ROWS_ABOVE[len(written) == 1, written[-1] < begins]
    first = repr(" ".join(head[written[0]])[:60])
    return Statement(text, {"row": written[0] + 1, "count": len(written), "text": first})


def _order(
    scan: Scan, shape: file_table.Shape, heading: str, choices: FileChoices, notes: list[Statement]
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The form of the times, what is to be asked of it, and dates that look exchanged."""
    if choices.time_format:
        return choices.time_format, (), ()
    if shape.times.kind in TIME_FORMATS:
        return shape.times.kind, (), ()
    order = order_of(scan.dates(), heading, int(time.time()) // 86_400)
    if order.open:
        names = zip(("order", "second", "third"), order.open, strict=False)
        notes.append(Statement(OPEN_ORDERS[len(order.open)], {mark: TIME_FORMATS[name] for mark, name in names}))
    elif order.reason:
        notes.append(order.reason)
    if order.suspects:
        notes.append(Statement(EXCHANGED_DATES, {"count": len(order.suspects), "date": repr(order.suspects[0])}))
    return order.time_format, ("time_format",) if order.open else (), order.suspects


class _Columns:
    """The columns that are taken, the others with their reasons, and the marks of their numbers."""

    def __init__(self) -> None:
        self.taken: list[Column] = []
        self.left_out: list[LeftOut] = []
        self.decimal, self.thousands, self.asks_decimal = ".", "", False


def _columns(
    head: list[list[str]],
    scan: Scan,
    shape: file_table.Shape,
    named: list[Heading],
    choices: FileChoices,
    table: Table,
    members: Members,
) -> _Columns:
    columns = _Columns()
    times = {shape.times.column, shape.times.clock_column, *members.columns}
    sample = [row for row in head[shape.times.first_row :] if row and scan.is_timed(row)] or head[
        shape.times.first_row :
    ]
    cells = {}
    for index in range(len(named)):
        if index not in times:
            texts = [row[index] for row in sample if index < len(row)]
            cells[index] = file_columns.looked_at(texts if any(texts) else scan.late.get(index, texts))
    marks = file_columns.marks_of(list(cells.values()))
    columns.decimal, columns.thousands, columns.asks_decimal = marks.conclude()
    if columns.asks_decimal and (table.delimiter == "excel" or (columns.decimal == "." and table.delimiter == ",")):
        columns.asks_decimal = False
    if columns.decimal == "," and table.delimiter == "," and not marks.decimal[","] and marks.open[","]:
        columns.asks_decimal = True
    if choices.decimal:
        columns.decimal = choices.decimal
        columns.thousands = columns.thousands if columns.thousands != columns.decimal else ""
        other = "." if columns.decimal == "," else ","
        if marks.open[other] or marks.grouped[other]:
            columns.thousands = other
        columns.asks_decimal = False
    if choices.thousands is not None:
        columns.thousands = choices.thousands
    for index, looked in cells.items():
        if index in shape.others:
            columns.left_out.append(
                LeftOut(index, file_columns.name_of(named[index], index), Statement("it is a second column of times"))
            )
            continue
        said_by_name = (
            members.columns and NAMES.fullmatch(named[index].text) and not VALUES.fullmatch(named[index].text)
        )
        if said_by_name and any(looked.numbers):
            always = Statement("it names something, always %(cell)s", {"cell": repr(looked.numbers[0][:30])})
            columns.left_out.append(LeftOut(index, named[index].text, always))
            continue
        column = file_columns.decide(index, named[index], looked, (columns.decimal, columns.thousands))
        if isinstance(column, Column) and _is_count(column, looked, shape, named[index]):
            column = LeftOut(index, column.name, Statement("it counts rows"))
        if isinstance(column, Column):
            columns.taken += members.split(column)
        elif column:
            columns.left_out.append(column)
    for index in members.columns:
        name = file_columns.name_of(named[index], index)
        columns.left_out.append(LeftOut(index, name, Statement("it names the series")))
    columns.taken = file_columns.named_apart(columns.taken)
    return columns


def _is_count(column: Column, looked: file_columns.Cells, shape: file_table.Shape, heading: Heading) -> bool:
    """Whether a column left of the times goes up by one in each row, as the count of a logger does."""
    if column.index > shape.times.column or column.variable or heading.unit or column.kind:
        return False
    numbers = [float(number) for number in looked.numbers if number.isdecimal() and len(number) < 15]
    return len(numbers) == len(looked.numbers) and file_columns.counts_rows(numbers)


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
