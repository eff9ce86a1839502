"""The rows of a file, within bounds: a text with a delimiter, a sheet of a workbook, or one of these in a zip file.

A small file can claim or unpack to far more than its size. Everything here stops at a bound and says which. All of it runs in
the sandbox only (`file_process.py`).
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from glasshouse.greenhouse import sheets, zipped
from glasshouse.greenhouse.zipped import MOST_CELLS, MOST_COLUMNS, MOST_FIELD, MOST_UNPACKED, OLD_WORKBOOK, ZIPPED
from glasshouse.kernel.errors import InvalidError

MOST_BYTES = 64 << 20
PIECE = 1 << 20
FIRST_BYTES = 4
MOST_LINE, MOST_QUOTED_LINES = (
    64 * MOST_FIELD,
    200,
)  # characters of a line; lines of one row, by line ends within quotation marks
TEXT_DELIMITERS = (";", "\t", ",", "|")
ENCODINGS = ("utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be")
# By their first bytes: PDF, PostScript, RTF. They may be text all through, and are no table.
DOCUMENTS, BEFORE_A_MARK = (b"%PDF-", b"%!PS", b"{\\rtf"), b"\xef\xbb\xbf \t\r\n\x04"
SEP_LINE = re.compile(r'"?sep=(.|\\t)"?[;,\t]*\s*$', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Table:
    """A file's rows, read as they are asked for, empty ones as []; how it was opened; about how many rows there are.

    delimiter: "excel" for a sheet. encoding: one of ENCODINGS, "" for a sheet. sheet: its name, or the name of a file within a
    zip file; sheets: all names that can be chosen. preamble: rows that only told how the file is written.
    """

    rows: Iterator[list[str]]
    delimiter: str
    about_rows: int
    encoding: str = ""
    sheet: str = ""
    sheets: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def open_table(body: bytes, delimiter: str | None = None, encoding: str | None = None, sheet: str = "") -> Table:
    """The rows of a text, a sheet, or of one of these in a zip file. delimiter, encoding, sheet: those to use.

    Raises InvalidError, also while rows are taken.
    """
    if len(body) > MOST_BYTES:
        values: dict[str, object] = {"most": MOST_BYTES >> 20}
        raise InvalidError("The file is larger than %(most)s MB. Split it.", field="file", values=values)
    if is_packed(body):
        if body[:4] == ZIPPED and (members := zipped.tables_in(body)):
            member = sheet.partition(zipped.BETWEEN)[0] if sheet.partition(zipped.BETWEEN)[0] in members else members[0]
            inner = sheet.partition(zipped.BETWEEN)[2] if sheet.startswith(member) else ""
            content = zipped.unpacked(body, member, MOST_UNPACKED)
            if content[:4] == ZIPPED and zipped.tables_in(content):
                raise InvalidError("This zip file holds another zip file. Unpack it first.", field="file")
            table = open_table(content, delimiter, encoding, inner)
            names = tuple(f"{member}{zipped.BETWEEN}{name}" for name in table.sheets) or (member,)
            chosen = f"{member}{zipped.BETWEEN}{table.sheet}" if table.sheet else member
            return replace(table, sheet=chosen, sheets=names + tuple(name for name in members if name != member))
        return _open_sheet(body, sheet)
    if body.lstrip(BEFORE_A_MARK)[:8].startswith(DOCUMENTS):
        raise InvalidError(
            "This is a document to be printed, and no table. Export it as CSV or Excel (xlsx).", field="file"
        )
    encoding = encoding if encoding in ENCODINGS else encoding_of(body)
    if b"\0" in body and not encoding.startswith("utf-16"):
        stripped = body.rstrip(b"\0")
        if b"\0" in stripped or not stripped:
            raise InvalidError("This is no table of text and no Excel file (xlsx). Export it as CSV.", field="file")
        body = stripped
    lines = _first_lines(body, encoding)
    named = SEP_LINE.match(lines[0]) if lines else None
    ranked = ranked_delimiters(lines[1:] if named else lines)
    if delimiter not in TEXT_DELIMITERS:
        delimiter = named[1].replace("\\t", "\t") if named else ranked[0]
        delimiter = delimiter if delimiter in TEXT_DELIMITERS else ranked[0]
    about = max(body.count(b"\n"), body.count(b"\r")) + 1
    others = () if named else tuple(mark for mark in ranked if mark != delimiter)
    return Table(_text_rows(body, encoding, delimiter), delimiter, about, encoding, others=others)


def _first_lines(body: bytes, encoding: str) -> list[str]:
    text = body[:PIECE].decode(encoding, errors="replace").lstrip("\ufeff")
    return text.splitlines()[:200]


def _open_sheet(body: bytes, sheet: str) -> Table:
    sheet_opened = sheets.opened(body, sheet)
    return Table(
        _bounded(sheet_opened.rows), "excel", sheet_opened.about_rows, "", sheet_opened.name, sheet_opened.names
    )


def prepare() -> None:
    """Bring the libraries that read workbooks into memory, with what they would load from disk while they read one."""
    sheets.prepare()


def is_packed(body: bytes) -> bool:
    """Whether a file, by its first bytes, is a zip file, as a workbook is, or a workbook of before 2007."""
    return body[:4] in (ZIPPED, OLD_WORKBOOK)


def encoding_of(body: bytes) -> str:
    """The encoding of a text: by its mark, by the zeros of UTF-16, otherwise UTF-8 where it is that, and Windows' Latin."""
    if body[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    start = body[:4096]
    for name, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        if len(start) > 8 and zeros.count(0) > 0.8 * len(zeros) and start.count(0) < 0.6 * len(start):
            return name
    return "utf-8-sig" if _is_utf8(body) else "cp1252"


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
    text = io.TextIOWrapper(io.BytesIO(body), encoding, errors="replace", newline="")
    lines = _Lines(text)
    try:
        yield from _bounded(lines.rows(delimiter))
    except csv.Error as error:
        raise InvalidError(
            "Line %(line)s of this file is no row of a table (%(error)s). A cell has at most %(most)s characters; is a "
            "quotation mark open? Export the file as CSV again.",
            field="file",
            values={"line": lines.row_begins, "error": str(error), "most": MOST_FIELD},
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
                    "Line %(line)s of this file is longer than 8 MB. Is it a table? Export it as CSV.",
                    field="file",
                    values={"line": number},
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
            "A quotation mark opens in line %(line)s of this file and is not closed. Close or remove it, or export the "
            "file as CSV again.",
            field="file",
            values={"line": self.row_begins},
        )


def _bounded(rows: Iterable[Iterable[str]]) -> Iterator[list[str]]:
    """The rows, empty ones as [], each cell without the spaces around it. Raises InvalidError beyond a bound."""
    cells = 0
    for number, row in enumerate(rows, 1):
        plain = [cell.strip() for cell in row]
        cells += len(plain)
        if len(plain) > MOST_COLUMNS:
            raise InvalidError(
                "Row %(row)s has %(cells)s cells; a file has at most %(most)s columns. Is the delimiter another? Otherwise "
                "split the file.",
                field="file",
                values={"row": number, "cells": len(plain), "most": MOST_COLUMNS},
            )
        if cells > MOST_CELLS:
            raise InvalidError(
                "The file has more than %(most)s cells. Split it.", field="file", values={"most": MOST_CELLS}
            )
        yield plain if any(plain) else []


def ranked_delimiters(lines: list[str]) -> list[str]:
    """The delimiters, most likely first: on how many rows they make the same number of cells. Earlier ones win a draw:

    a semicolon or tab on every line separates; commas beside them are decimals.
    """
    commas = sum(line.count(",") for line in lines)
    if commas and sum(line.count(",\t") for line in lines) > 0.8 * commas:
        return [",", ";", "\t", "|"]  # A tab after each comma is padding.

    def agreement(mark: str) -> int:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=mark) if any(cell.strip() for cell in row)]
        except csv.Error:
            return 0
        counts = Counter(width for width in widths if width > 1)
        return max(counts.values(), default=0)

    scores = {mark: agreement(mark) for mark in TEXT_DELIMITERS}
    return sorted(TEXT_DELIMITERS, key=lambda mark: -scores[mark])
