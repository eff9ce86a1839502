"""The rows of a file, within bounds: CSV, tabs, semicolons, or the first sheet of an Excel file.

A small file can claim or unpack to far more than its size. Everything here stops at a bound and says which.
"""

import csv
import io
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile

from glasshouse.kernel.errors import InvalidError

MOST_BYTES = 64 << 20
MOST_UNPACKED = 256 << 20  # bytes of an Excel file's parts
MOST_COLUMNS, MOST_CELLS = 2_000, 20_000_000
MOST_FIELD = 131_072  # characters of one cell: the csv module's own bound
DAMAGED: tuple[type[Exception], ...] = (BadZipFile, zlib.error, ParseError, KeyError, ValueError, IndexError, TypeError)
DAMAGED += (AttributeError, EOFError, NotImplementedError, RuntimeError, OverflowError, OSError)


def table_of(body: bytes, delimiter: str | None = None) -> tuple[list[list[str]], str]:
    """(rows of cells, delimiter) of CSV, TSV, semicolons or Excel; delimiter: the one to use. Raises InvalidError."""
    if len(body) > MOST_BYTES:
        raise InvalidError(f"The file is larger than {MOST_BYTES >> 20} MB. Split it.", field="file")
    if body[:4] == b"PK\x03\x04":
        return _sheet(body), "excel"
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("cp1252", errors="replace")
    if "\0" in text:
        raise InvalidError("This is no table of text and no Excel file (xlsx). Export it as CSV.", field="file")
    if delimiter not in (",", ";", "\t"):
        delimiter = _delimiter(text[:100_000].splitlines()[:200])
    try:
        rows = _bounded(csv.reader(_lines(text), delimiter=delimiter))
    except csv.Error as error:
        raise InvalidError(
            f"This is no table of text ({error}). A cell has at most {MOST_FIELD:,} characters; "
            "is a quotation mark open? Export the file as CSV again.",
            field="file",
        ) from None
    if len(rows) < 2:
        raise InvalidError("The file holds no rows below its heading.", field="file")
    return rows, delimiter


def _lines(text: str) -> Iterator[str]:
    """The lines of a text; none that is longer than all of its columns could be."""
    for line in io.StringIO(text):
        if len(line) > 64 * MOST_FIELD:
            raise InvalidError(
                "A line of this file is longer than 8 MB. Is it a table? Export it as CSV.", field="file"
            )
        yield line


def _bounded(rows: Iterable[Iterable[str]]) -> list[list[str]]:
    """The rows that hold anything, each cell without the spaces around it. Raises InvalidError beyond a bound."""
    kept, cells = [], 0
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
            kept.append(plain)
    return kept


def _sheet(body: bytes) -> list[list[str]]:
    from openpyxl import load_workbook

    try:
        with ZipFile(io.BytesIO(body)) as packed:  # Nothing is unpacked beyond the size that stands in this list.
            unpacked = sum(info.file_size for info in packed.infolist())
        if unpacked > MOST_UNPACKED:
            raise InvalidError(
                f"The Excel file would unpack to more than {MOST_UNPACKED >> 20} MB. Split it, or export it as CSV.",
                field="file",
            )
        sheet = load_workbook(io.BytesIO(body), read_only=True, data_only=True).worksheets[0]
        # A sheet may claim any size; one column more than may be shows that there are too many.
        rows = sheet.iter_rows(values_only=True, max_col=min(sheet.max_column or 1, MOST_COLUMNS + 1))
        return _bounded(_trimmed(rows))
    except DAMAGED:
        raise InvalidError(
            "The Excel file is damaged or empty. Save it again, or export it as CSV.", field="file"
        ) from None


def _trimmed(rows: Iterable[tuple[object, ...]]) -> Iterator[list[str]]:
    """Rows as texts without the empty cells at their end: a sheet fills them up to the width that it claims."""
    scanned = 0
    for row in rows:
        scanned += len(row)
        if scanned > MOST_CELLS:
            raise InvalidError(f"The sheet spans more than {MOST_CELLS:,} cells. Split it.", field="file")
        width = len(row)
        while width and row[width - 1] is None:
            width -= 1
        yield [_cell(cell) for cell in row[:width]]


def _cell(value: object) -> str:
    if value is None:
        return ""
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
