"""The sheets of a workbook (XLSX, XLS, ODS) as rows of texts, within bounds.

Two libraries read them. openpyxl goes row by row, so it stops at a bound whatever a sheet claims; python-calamine is several
times as fast and reads XLS and ODS, and makes the whole rectangle of a sheet first. So an XLSX goes to calamine only when its
XML has been looked through: no row or column far away, no long text that cells share, no cell that holds an error (calamine
gives it as an empty one).
"""

import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from xml.etree.ElementTree import ParseError
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile

from glasshouse.greenhouse.zipped import (
    MOST_CELLS,
    MOST_COLUMNS,
    MOST_FIELD,
    MOST_PROLOG,
    MOST_ROWS,
    OLD_WORKBOOK,
    refuse_large,
)
from glasshouse.kernel.errors import InvalidError

DAMAGED: tuple[type[Exception], ...] = (BadZipFile, zlib.error, ParseError, KeyError, ValueError, IndexError, TypeError)
DAMAGED += (AttributeError, EOFError, NotImplementedError, RuntimeError, OverflowError, OSError, expat.ExpatError)
DAMAGED_TEXT = "The Excel file is damaged or empty. Save it again, or export it as CSV."
SHEET_XML = re.compile(r"xl/worksheets/[^/]+\.xml$", re.IGNORECASE)
FAST_FROM = 200_000  # bytes of a sheet's XML; below, openpyxl is quick enough
ROW_NUMBER = re.compile(rb'<row [^>]{0,200}?r="(\d{1,10})"')
FAR_CELL = re.compile(rb'<c [^>]{0,40}?r="[A-Z]{3,}')
# A text that many cells share, or one in several runs: calamine keeps a copy of it for each cell.
LONG_STRING = re.compile(rb"[^<]{200}|<([a-z]{1,9}:)?r[ >]")
MOST_SHEETS = 60
RUST_PANIC = "PanicException"  # what a fault within calamine raises; no Exception


class Opened(NamedTuple):
    """A sheet of a workbook: its rows, about how many there are, its name, and the names of all sheets."""

    rows: Iterator[list[str]]
    about_rows: int
    name: str
    names: tuple[str, ...]


def opened(body: bytes, sheet: str) -> Opened:
    """A sheet, the first one unless another is named. Raises InvalidError, also while rows are taken."""
    if body[:4] == OLD_WORKBOOK:
        return _by_calamine(body, sheet, 1000)
    try:
        with ZipFile(io.BytesIO(body)) as packed:  # Nothing is unpacked beyond the size that stands in this list.
            refuse_large(packed.infolist())
            _refuse_documents(packed)
            is_ods = "content.xml" in packed.namelist()
        is_plain, about = (True, 1000) if is_ods else _looked_through(body)
        if is_plain:
            return _by_calamine(body, sheet, about)
        book = _openpyxl(body)
        names = tuple(sheet_found.title for sheet_found in book.worksheets[:MOST_SHEETS])
        name = sheet if sheet in names else names[0]
        sheet_found = book[name]
        return Opened(_sheet_rows(sheet_found), sheet_found.max_row or 1, name, names)
    except DAMAGED:
        raise InvalidError(DAMAGED_TEXT, field="file") from None


def prepare() -> None:
    """Bring the libraries into memory, with what they would load from disk while they read."""
    import python_calamine  # noqa: F401
    from openpyxl import Workbook, load_workbook

    book = io.BytesIO()
    Workbook().save(book)
    for sheet in load_workbook(book, read_only=True, data_only=True, keep_links=False).worksheets:
        list(sheet.iter_rows(values_only=True))


def _openpyxl(body: bytes) -> Any:
    from openpyxl import load_workbook

    try:
        return load_workbook(io.BytesIO(body), read_only=True, data_only=True, keep_links=False)
    except DAMAGED:
        raise InvalidError(DAMAGED_TEXT, field="file") from None


def _by_calamine(body: bytes, sheet: str, about: int) -> Opened:
    book = _guarded(lambda: _calamine(body))
    names = tuple(book.sheet_names[:MOST_SHEETS])
    if not names:
        raise InvalidError(DAMAGED_TEXT, field="file")
    name = sheet if sheet in names else names[0]
    return Opened(_calamine_rows(book, name), about, name, names)


def _calamine(body: bytes) -> Any:
    from python_calamine import CalamineWorkbook

    return CalamineWorkbook.from_filelike(io.BytesIO(body))


def _calamine_rows(book: Any, name: str) -> Iterator[list[str]]:
    yield from _trimmed(_guarded(lambda: book.get_sheet_by_name(name).to_python(skip_empty_area=False)))


def _guarded(work: Callable[[], Any]) -> Any:
    """What work returns. Raises InvalidError where the library fails on the file, also in a fault of its own."""
    from python_calamine import CalamineError

    failures: tuple[type[Exception], ...] = (*DAMAGED, CalamineError)
    try:
        return work()
    except failures:
        raise InvalidError(DAMAGED_TEXT, field="file") from None
    except BaseException as error:
        if type(error).__name__ != RUST_PANIC:
            raise
        raise InvalidError(DAMAGED_TEXT, field="file") from None


def _looked_through(body: bytes) -> tuple[bool, int]:
    """Whether calamine may read a sheet of an XLSX, and about how many rows it has: its XML is plain and dense."""
    try:
        with ZipFile(io.BytesIO(body)) as packed:
            parts = [part for part in packed.infolist() if SHEET_XML.match(part.filename)]
            if max((part.file_size for part in parts), default=0) < FAST_FROM:
                return False, 1
            most = 1
            strings = [part for part in packed.infolist() if part.filename.lower().endswith("sharedstrings.xml")]
            if any(LONG_STRING.search(packed.read(part)) for part in strings):
                return False, 1
            for part in parts:
                with packed.open(part) as content:
                    xml = content.read()
                if b't="e"' in xml or FAR_CELL.search(xml) or b"<row>" in xml or b"<c>" in xml:
                    return False, 1
                rows = [int(number) for number in ROW_NUMBER.findall(xml)]
                if rows and (len(rows) < xml.count(b"<row") or max(rows) > 2 * len(rows) + 1000):
                    return False, 1
                most = max(most, len(rows))
    except DAMAGED:
        raise InvalidError(DAMAGED_TEXT, field="file") from None
    return 703 * most <= 20 * MOST_CELLS and most <= MOST_ROWS, most


def _refuse_documents(packed: ZipFile) -> None:
    """Raises InvalidError for a document type in any XML part: it can name other files, or make much of little.

    No spreadsheet program writes one, and the formats forbid it (ECMA-376 part 2, 8.1.4). Only what stands before the first
    element is looked at, by the parser itself, which knows every encoding that may hide it.
    """
    for part in packed.infolist():
        if not part.filename.lower().endswith((".xml", ".rels", ".vml")):
            continue
        try:
            with packed.open(part) as content:
                documented = _is_documented(content.read(MOST_PROLOG))
        except expat.ExpatError:  # No XML at all: whatever needs this part says so.
            continue
        if documented:
            raise InvalidError(
                "%(part)s in this workbook declares a document type (DTD), which is not read here: it can name other "
                "files. Save the sheet as CSV.",
                field="file",
                values={"part": repr(part.filename[:80])},
            )


def _is_documented(beginning: bytes) -> bool:
    """Whether an XML text declares a document type before its first element. Raises ExpatError where it is none."""
    parser, seen = expat.ParserCreate(), []

    def see(*declaration: object) -> None:
        seen.append(declaration)

    def stop(*_: object) -> None:
        raise StopIteration

    parser.StartDoctypeDeclHandler, parser.StartElementHandler = see, stop
    try:
        parser.Parse(beginning, False)
    except StopIteration:
        return bool(seen)
    except expat.ExpatError:
        if not seen:
            raise
    return True  # Declared, or nothing but comments as far as we look, behind which one could stand.


def _sheet_rows(sheet: Any) -> Iterator[list[str]]:
    try:
        # A sheet may claim any size, or none; one column more than may be shows that there are too many.
        claimed = min(sheet.max_column, MOST_COLUMNS + 1) if sheet.max_column else None
        yield from _trimmed(sheet.iter_rows(values_only=True, max_col=claimed))
    except DAMAGED:
        raise InvalidError(DAMAGED_TEXT, field="file") from None


def _trimmed(rows: Iterable[Any]) -> Iterator[list[str]]:
    """Rows as texts without the empty cells at their end: a sheet fills them up to the width that it claims."""
    scanned = 0
    for number, row in enumerate(rows, 1):
        scanned += len(row)
        if number > MOST_ROWS:
            raise InvalidError(
                "The sheet has more than %(most)s rows. Split it.", field="file", values={"most": MOST_ROWS}
            )
        if scanned > MOST_CELLS:
            raise InvalidError(
                "The sheet spans more than %(most)s cells. Split it.", field="file", values={"most": MOST_CELLS}
            )
        width = len(row)
        while width and (row[width - 1] is None or row[width - 1] == ""):
            width -= 1
        yield [_cell(cell, number) for cell in row[:width]]


def _cell(value: object, row: int) -> str:
    """A cell as the text that a person would have typed, numbers with a decimal point, times as ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, str):
        if len(value) > MOST_FIELD:  # Many cells may share it: it would be looked through for each.
            raise InvalidError(
                "A cell in row %(row)s has more than %(most)s characters. Shorten it.",
                field="file",
                values={"row": row, "most": MOST_FIELD},
            )
        return value.strip()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        # Excel counts days in a number; its rounding makes 09:59:59.999999 of ten o'clock.
        return (
            (value + timedelta(microseconds=500)).replace(microsecond=0).isoformat(" ", "seconds")
            if (value.microsecond > 999_000 or value.microsecond < 1000)
            else value.isoformat(" ", "milliseconds")
        )
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        return (
            f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
            if 0 <= seconds < 86_400
            else str(value)
        )
    if isinstance(value, time):
        return value.replace(microsecond=0).isoformat("seconds")
    return f"{value.isoformat()} 00:00:00" if isinstance(value, date) else str(value).strip()
