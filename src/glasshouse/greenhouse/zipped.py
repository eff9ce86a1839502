"""Zip files: workbooks are some, and exports come packed in them. Bounded before anything is unpacked. Without I/O."""

import io
import zlib
from zipfile import BadZipFile, ZipFile, ZipInfo

from glasshouse.kernel.errors import InvalidError

ZIPPED, OLD_WORKBOOK = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
BETWEEN = " › "  # between the name of a file within a zip file and its sheet
MOST_COLUMNS, MOST_CELLS = 2_000, 20_000_000
MOST_FIELD = 131_072  # characters of one cell: the csv module's own bound
MOST_UNPACKED = 64 << 20  # bytes of an Excel file's parts
# Bytes of parts that are read whole when a workbook is opened, before its first row: what they cost grows with their elements.
MOST_RELATIONS = 1 << 20
PARTS = {"styles.xml": 1 << 20, "workbook.xml": 1 << 20, "[content_types].xml": 1 << 20, "sharedstrings.xml": 16 << 20}
MOST_PARTS, MOST_ROWS = 5_000, 1_048_576  # files in a workbook; rows of a sheet, as Excel has it
MOST_PROLOG = 64 << 10  # bytes before the first element of an XML part

READABLE = (".csv", ".tsv", ".txt", ".dat", ".xlsx", ".xlsm", ".ods", ".xls", ".edf", ".log", ".asc", ".tab")
MOST_NAMED = 50  # of a zip file, in a form
MOST_PACKED_FILES = 1000


def tables_in(body: bytes) -> tuple[str, ...]:
    """The names of files in a zip file that may be tables; none where it is a workbook, or damaged."""
    try:
        with ZipFile(io.BytesIO(body)) as packed:
            parts = packed.infolist()
    except (BadZipFile, ValueError, OSError, NotImplementedError, zlib.error, IndexError, KeyError):
        return ()
    names = [part.filename for part in parts[:MOST_PACKED_FILES] if not part.is_dir()]
    workbook = {"[Content_Types].xml", "mimetype", "content.xml", "xl/workbook.xml"} & set(names)
    if workbook:
        return ()
    names_found = [name for name in names if name.lower().endswith(READABLE) and "__MACOSX" not in name]
    return tuple(name for name in names_found[:MOST_NAMED] if len(name) <= 200 and name.isprintable())


def unpacked(body: bytes, name: str, most: int) -> bytes:
    """A file out of a zip file. Raises InvalidError."""
    try:
        with ZipFile(io.BytesIO(body)) as packed:
            refuse_large(packed.infolist())
            if packed.getinfo(name).flag_bits & 1:
                raise InvalidError("This zip file has a password. Unpack it, and choose the file in it.", field="file")
            with packed.open(name) as part:
                content = part.read(most + 1)
    except (BadZipFile, ValueError, OSError, NotImplementedError, zlib.error, EOFError, KeyError, RuntimeError):
        raise InvalidError("The zip file is damaged. Make it again, or choose the file in it.", field="file") from None
    if len(content) > most:
        values: dict[str, object] = {"file": repr(name[:80]), "most": most >> 20}
        raise InvalidError("%(file)s would unpack to more than %(most)s MB. Split it.", field="file", values=values)
    return content


def refuse_large(parts: list[ZipInfo]) -> None:
    """Raises InvalidError for a workbook that would unpack to more than is read, as a whole or in a part read at opening."""
    if len(parts) > MOST_PARTS:
        message = "This workbook has more than %(most)s parts: save the sheet as CSV."
        raise InvalidError(message, field="file", values={"most": MOST_PARTS})
    if sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise InvalidError(
            "This workbook would unpack to more than %(most)s MB: save the sheet as CSV, or split it.",
            field="file",
            values={"most": MOST_UNPACKED >> 20},
        )
    for part in parts:
        name = part.filename.rpartition("/")[2].lower()
        most = PARTS.get(name, MOST_RELATIONS if name.endswith(".rels") else None)
        if most is not None and part.file_size > most:
            raise InvalidError(
                "%(part)s in this workbook would unpack to more than %(most)s MB: save the sheet as CSV.",
                field="file",
                values={"part": name, "most": most >> 20},
            )
