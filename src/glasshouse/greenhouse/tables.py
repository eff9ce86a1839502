"""The rows of a file, within bounds: CSV, tabs, semicolons, or the first sheet of an Excel file.

A small file can claim or unpack to far more than its size. Everything here stops at a bound and says which.
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
from zipfile import BadZipFile, ZipFile, ZipInfo

from glasshouse.kernel.errors import InvalidError

MOST_BYTES = 64 << 20
MOST_UNPACKED = 64 << 20  # bytes of an Excel file's parts
# Bytes of parts that are read whole when a workbook is opened, before its first row: what they cost grows with their elements.
MOST_RELATIONS = 1 << 20
PARTS = {"styles.xml": 1 << 20, "workbook.xml": 1 << 20, "[content_types].xml": 1 << 20, "sharedstrings.xml": 16 << 20}
PIECE = 1 << 20
MOST_COLUMNS, MOST_CELLS = 2_000, 20_000_000
MOST_FIELD = 131_072  # characters of one cell: the csv module's own bound
DAMAGED: tuple[type[Exception], ...] = (BadZipFile, zlib.error, ParseError, KeyError, ValueError, IndexError, TypeError)
DAMAGED += (AttributeError, EOFError, NotImplementedError, RuntimeError, OverflowError, OSError)
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
    if body[:4] == b"PK\x03\x04":
        sheet = _first_sheet(body)
        return Table(_sheet_rows(sheet), "excel", sheet.max_row or 1)
    if b"\0" in body:
        raise InvalidError("This is no table of text and no Excel file (xlsx). Export it as CSV.", field="file")
    encoding = "utf-8-sig" if _is_utf8(body) else "cp1252"
    if delimiter not in (",", ";", "\t"):
        delimiter = _delimiter(body[:PIECE].decode(encoding, errors="replace").splitlines()[:200])
    return Table(_text_rows(body, encoding, delimiter), delimiter, body.count(b"\n") + 1)


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
    try:
        yield from _bounded(csv.reader(_lines(text), delimiter=delimiter))
    except csv.Error as error:
        raise InvalidError(
            f"This is no table of text ({error}). A cell has at most {MOST_FIELD:,} characters; "
            "is a quotation mark open? Export the file as CSV again.",
            field="file",
        ) from None


def _lines(text: Iterable[str]) -> Iterator[str]:
    """The lines of a text; none that is longer than all of its columns could be."""
    for line in text:
        if len(line) > 64 * MOST_FIELD:
            raise InvalidError(
                "A line of this file is longer than 8 MB. Is it a table? Export it as CSV.", field="file"
            )
        yield line


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
        return load_workbook(io.BytesIO(body), read_only=True, data_only=True, keep_links=False).worksheets[0]
    except DAMAGED:
        raise InvalidError(DAMAGED_TEXT, field="file") from None


def _refuse_large(parts: list[ZipInfo]) -> None:
    """Raises InvalidError for a workbook that would unpack to more than is read, as a whole or in a part read at opening."""
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


def _sheet_rows(sheet: Any) -> Iterator[list[str]]:
    try:
        # A sheet may claim any size; one column more than may be shows that there are too many.
        rows = sheet.iter_rows(values_only=True, max_col=min(sheet.max_column or 1, MOST_COLUMNS + 1))
        yield from _bounded(_trimmed(rows))
    except DAMAGED:
        raise InvalidError(DAMAGED_TEXT, field="file") from None


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
