"""The rows of a file, within bounds: CSV, tabs, semicolons, or the first sheet of an Excel file.

A small file can claim or unpack to far more than its size. Everything here stops at a bound and says which. All of it runs in
the sandbox only (`file_process.py`).
"""

import codecs
import csv
import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import ParseError
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile, ZipInfo

from glasshouse.kernel.errors import InvalidError

MOST_BYTES = 64 << 20
MOST_UNPACKED = 64 << 20  # bytes of an Excel file's parts
# Bytes of parts that are read whole when a workbook is opened, before its first row: what they cost grows with their elements.
MOST_RELATIONS = 1 << 20
PARTS = {"styles.xml": 1 << 20, "workbook.xml": 1 << 20, "[content_types].xml": 1 << 20, "sharedstrings.xml": 16 << 20}
MOST_PARTS, MOST_ROWS = 5_000, 1_048_576  # files in a workbook; rows of a sheet, as Excel has it
MOST_PROLOG = 64 << 10  # bytes before the first element of an XML part
PIECE = 1 << 20
FIRST_BYTES = 4
MOST_COLUMNS, MOST_CELLS = 2_000, 20_000_000
MOST_FIELD = 131_072  # characters of one cell: the csv module's own bound
MOST_LINE, MOST_QUOTED_LINES = (
    64 * MOST_FIELD,
    200,
)  # characters of a line; lines of one row, by line ends within quotation marks
DAMAGED: tuple[type[Exception], ...] = (BadZipFile, zlib.error, ParseError, KeyError, ValueError, IndexError, TypeError)
DAMAGED += (AttributeError, EOFError, NotImplementedError, RuntimeError, OverflowError, OSError, expat.ExpatError)
DAMAGED_TEXT = "The Excel file is damaged or empty. Save it again, or export it as CSV."


@dataclass(frozen=True, slots=True)
class Table:
    """A file's rows, read as they are asked for; its delimiter ("excel" for a sheet); about how many rows there are."""

    rows: Iterator[list[str]]
    delimiter: str
    about_rows: int


def open_table(body: bytes, delimiter: str | None = None) -> Table:
    """The rows of CSV, TSV, semicolons or Excel. delimiter: the one to use. Raises InvalidError, also while rows are taken."""
    if len(body) > MOST_BYTES:
        raise InvalidError(f"The file is larger than {MOST_BYTES >> 20} MB. Split it.", field="file")
    if is_packed(body):
        sheet = _first_sheet(body)
        return Table(_sheet_rows(sheet), "excel", sheet.max_row or 1)
    if b"\0" in body:
        raise InvalidError("This is no table of text and no Excel file (xlsx). Export it as CSV.", field="file")
    encoding = "utf-8-sig" if _is_utf8(body) else "cp1252"
    if delimiter not in (",", ";", "\t"):
        delimiter = _delimiter(body[:PIECE].decode(encoding, errors="replace").splitlines()[:200])
    return Table(_text_rows(body, encoding, delimiter), delimiter, body.count(b"\n") + 1)


def prepare() -> None:
    """Bring the library that reads workbooks into memory, with what it would load from disk while it reads one."""
    from openpyxl import Workbook, load_workbook

    book = io.BytesIO()
    Workbook().save(book)
    for sheet in load_workbook(book, read_only=True, data_only=True, keep_links=False).worksheets:
        list(sheet.iter_rows(values_only=True))


def is_packed(body: bytes) -> bool:
    """Whether a file, by its first bytes, is a zip file, as a workbook is."""
    return body[:4] == b"PK\x03\x04"


def _is_utf8(body: bytes) -> bool:
    """Whether the whole body is UTF-8; decoded piece by piece, so that it is never in memory twice."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for at in range(0, len(body), PIECE):
            decoder.decode(body[at : at + PIECE], final=at + PIECE >= len(body))
    except UnicodeDecodeError:
        return False
    return True


def _text_rows(body: bytes, encoding: str, delimiter: str) -> Iterator[list[str]]:
    text = io.TextIOWrapper(io.BytesIO(body), encoding, errors="replace", newline="\n")
    lines = _Lines(text)
    try:
        yield from _bounded(lines.rows(delimiter))
    except csv.Error as error:
        raise InvalidError(
            f"Line {lines.row_begins} of this file is no row of a table ({error}). A cell has at most {MOST_FIELD:,} "
            "characters; is a quotation mark open? Export the file as CSV again.",
            field="file",
        ) from None


class _Lines:
    """The lines of a text, and which of them make the row that is being read. Raises InvalidError where one is too long."""

    def __init__(self, text: Iterable[str]) -> None:
        self._text = text
        self._of_row: list[str] = []
        self.row_begins = 1

    def __iter__(self) -> Iterator[str]:
        for number, line in enumerate(self._text, 1):
            if len(line) > MOST_LINE:
                raise InvalidError(
                    f"Line {number} of this file is longer than 8 MB. Is it a table? Export it as CSV.", field="file"
                )
            if not self._of_row:
                self.row_begins = number
            self._of_row.append(line)
            if len(self._of_row) > MOST_QUOTED_LINES:
                raise self._open()
            yield line

    def rows(self, delimiter: str) -> Iterator[list[str]]:
        """The rows of CSV. A quotation mark that is never closed would take all that follows into one cell: InvalidError."""
        last: list[str] = []
        for row in csv.reader(self, delimiter=delimiter):
            last, self._of_row = self._of_row, []
            yield row
        if (last and last[-1].count('"') % 2 != 0) or len(last) > 1:
            try:
                list(csv.reader(last, delimiter=delimiter, strict=True))
            except csv.Error as error:
                if "end of data" in str(error):
                    raise self._open() from None

    def _open(self) -> InvalidError:
        return InvalidError(
            f"A quotation mark opens in line {self.row_begins} of this file and is not closed. Close or remove it, or "
            "export the file as CSV again.",
            field="file",
        )


def _bounded(rows: Iterable[Iterable[str]]) -> Iterator[list[str]]:
    """The rows that hold anything, each cell without the spaces around it. Raises InvalidError beyond a bound."""
    cells = 0
    for number, row in enumerate(rows, 1):
        plain = [cell.strip() for cell in row]
        cells += len(plain)
        if len(plain) > MOST_COLUMNS:
            raise InvalidError(
                f"Row {number} has {len(plain):,} cells; a file has at most {MOST_COLUMNS:,} columns. "
                "Is the delimiter another? Otherwise split the file.",
                field="file",
            )
        if cells > MOST_CELLS:
            raise InvalidError(f"The file has more than {MOST_CELLS:,} cells. Split it.", field="file")
        if any(plain):
            yield plain


def _first_sheet(body: bytes) -> Any:
    """The first sheet of a workbook, its rows not read yet. Raises InvalidError."""
    from openpyxl import load_workbook

    try:
        with ZipFile(io.BytesIO(body)) as packed:  # Nothing is unpacked beyond the size that stands in this list.
            _refuse_large(packed.infolist())
            _refuse_documents(packed)
        return load_workbook(io.BytesIO(body), read_only=True, data_only=True, keep_links=False).worksheets[0]
    except DAMAGED:
        raise InvalidError(DAMAGED_TEXT, field="file") from None


def _refuse_large(parts: list[ZipInfo]) -> None:
    """Raises InvalidError for a workbook that would unpack to more than is read, as a whole or in a part read at opening."""
    if len(parts) > MOST_PARTS:
        raise InvalidError(f"This workbook has more than {MOST_PARTS:,} parts: save the sheet as CSV.", field="file")
    if sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise InvalidError(
            f"This workbook would unpack to more than {MOST_UNPACKED >> 20} MB: save the sheet as CSV, or split it.",
            field="file",
        )
    for part in parts:
        name = part.filename.rpartition("/")[2].lower()
        most = PARTS.get(name, MOST_RELATIONS if name.endswith(".rels") else None)
        if most is not None and part.file_size > most:
            raise InvalidError(
                f"{name} in this workbook would unpack to more than {most >> 20} MB: save the sheet as CSV.",
                field="file",
            )


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
                f"{part.filename[:80]!r} in this workbook declares a document type (DTD), which is not read here: it can "
                "name other files. Save the sheet as CSV.",
                field="file",
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
        rows = sheet.iter_rows(values_only=True, max_col=claimed)
        yield from _bounded(_trimmed(rows))
    except DAMAGED:
        raise InvalidError(DAMAGED_TEXT, field="file") from None


def _trimmed(rows: Iterable[tuple[object, ...]]) -> Iterator[list[str]]:
    """Rows as texts without the empty cells at their end: a sheet fills them up to the width that it claims."""
    scanned = 0
    for number, row in enumerate(rows, 1):
        scanned += len(row)
        if number > MOST_ROWS:
            raise InvalidError(f"The sheet has more than {MOST_ROWS:,} rows. Split it.", field="file")
        if scanned > MOST_CELLS:
            raise InvalidError(f"The sheet spans more than {MOST_CELLS:,} cells. Split it.", field="file")
        width = len(row)
        while width and row[width - 1] is None:
            width -= 1
        yield [_cell(cell, number) for cell in row[:width]]


def _cell(value: object, row: int) -> str:
    if value is None:
        return ""
    if (
        isinstance(value, str) and len(value) > MOST_FIELD
    ):  # Many cells may share it: it would be looked through for each.
        raise InvalidError(f"A cell in row {row} has more than {MOST_FIELD:,} characters. Shorten it.", field="file")
    return value.isoformat(" ", "seconds") if isinstance(value, datetime) else str(value).strip()


def _delimiter(lines: list[str]) -> str:
    def agreement(mark: str) -> tuple[int, int]:
        counts = [line.count(mark) for line in lines[1:] if line.strip()]
        usual = max(set(counts), key=counts.count) if counts else 0
        return (counts.count(usual) if usual else 0, usual)

    commas = sum(line.count(",") for line in lines)
    if commas and sum(line.count(",\t") for line in lines) > 0.8 * commas:
        return ","  # A tab after each comma is padding.
    # Earlier ones win a draw: a semicolon or tab on every line separates; commas beside them are decimals.
    return max((";", "\t", ","), key=agreement)
