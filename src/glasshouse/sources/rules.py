"""Pure rules of third-party data: which fields are taken in, how a file of contacts is read, what is wrong with a row."""

import csv
import io
import json
from dataclasses import dataclass
from typing import NamedTuple

from glasshouse.kernel.text import is_line
from glasshouse.mail.addresses import AddressError, earlier_form

FIELDS = {"name": "your name", "company": "your company", "role": "your role", "phone": "your telephone number"}
KINDS = {"customer": "a customer of ours", "partner": "a partner of ours", "public": "a public source"}
MOST_ROWS, MOST_VALUE = 5_000, 200  # rows of a file; characters of a value
MOST_NAMED, LONGEST_NAMED = 5, 40  # names of columns that a refusal repeats; characters of each


@dataclass(frozen=True, slots=True)
class Row:
    """One contact of a file. line: where it stands, from 1."""

    line: int
    address: str
    values: dict[str, str]


class Problem(NamedTuple):
    """What is wrong with a line of a file, from 1."""

    line: int
    flaw: str


class FileError(ValueError):
    """The file cannot be read as contacts; the message says why."""


def contacts(text: str) -> list[Row]:
    """The contacts of a CSV text (a header with `address` and fields) or a JSON list of objects. Raises FileError."""
    if text.lstrip().startswith("["):
        return _from_json(text)
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(text[:4000], delimiters=",;\t")
    except csv.Error:
        dialect = csv.excel
    try:
        return _from_csv(csv.DictReader(io.StringIO(text), dialect=dialect))
    except csv.Error as error:
        raise FileError(f"This is no CSV: {error}.") from None


def _from_csv(reader: "csv.DictReader[str]") -> list[Row]:
    names = [name.strip().lower() for name in reader.fieldnames or []]
    if "address" not in names or not set(names) & set(FIELDS):
        raise FileError(f"Line 1 must name the columns: address, and at least one of {', '.join(FIELDS)}.")
    if unknown := sorted(set(names) - {"address", *FIELDS}):
        raise FileError(f"These columns are not taken in: {_named(unknown)}. Leave out what has no purpose here.")
    reader.fieldnames = names
    return _bounded([Row(reader.line_num, (cells.get("address") or "").strip(), _values(cells)) for cells in reader])


def _from_json(text: str) -> list[Row]:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileError(f"This is no JSON: {str(error)[:200]}.") from None
    if not all(isinstance(entry, dict) for entry in entries):
        raise FileError("A JSON file holds a list of objects, each with an address.")
    rows = []
    for number, entry in enumerate(entries, 1):
        if unknown := sorted(set(entry) - {"address", *FIELDS}):
            raise FileError(f"Entry {number} has what is not taken in: {_named(unknown)}.")
        rows.append(Row(number, str(entry.get("address", "")).strip(), _values(entry)))
    return _bounded(rows)


def _named(names: list[str]) -> str:
    """The first names of a file in short: it is the sender who chose how many there are, and how long."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(name[:LONGEST_NAMED] for name in names[:MOST_NAMED]) + more


def _values(contact: dict[str, object]) -> dict[str, str]:
    """The fields of a contact that hold something."""
    texts = {name: str(contact[name]).strip() for name in FIELDS if contact.get(name) is not None}
    return {name: text for name, text in texts.items() if text}


def _bounded(rows: list[Row]) -> list[Row]:
    if len(rows) > MOST_ROWS:
        raise FileError(f"A file has at most {MOST_ROWS} rows; this one has {len(rows)}. Take it in in parts.")
    return rows


def flaw(row: Row) -> str:
    """What is wrong with a row; "" if nothing is."""
    if not row.values:
        return "it holds nothing besides the address"
    if unprintable := [name for name, value in row.values.items() if not is_line(value)]:
        return f"{unprintable[0]} has characters that are no text"
    long = [name for name, value in row.values.items() if len(value) > MOST_VALUE]
    return f"{long[0]} is longer than {MOST_VALUE} characters" if long else ""


def earlier_form_of(text: str) -> str:
    """The form under which an earlier version may have noted somebody's objection; "" where there is none."""
    try:
        return earlier_form(text)
    except AddressError:
        return ""
