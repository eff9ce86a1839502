"""What is held of a probe, found by a raw search and opened without the product's code, to hold pages and exports against."""

import json
import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser, LexborNode

from glasshouse.promises import opened
from glasshouse.promises.front_door import Visitor

SECRET = re.compile(r"[A-Za-z0-9_-]{30,}")  # of a mailed link; whoever reads it later must not be able to use it
NEVER_SHOWN = ("seed", "key", "password")  # of a JSON value: what opens something
# Hashes of which the page tells nobody: of recovery codes, and of tries, of which nobody can say whose they are.
HASHED = "kept as a hash only"  # as the page says it
SHOWN_TO_NOBODY = {"people.accounts_recovery_code.code_hash", "people.accounts_tries.key"}
LETTERS = 16  # of an id
MOST_PAGES = 200  # that are opened of what is held
MOST_SHOWN = 300  # letters of a value on the page; the export has all of them


class Held(NamedTuple):
    """A value that is held. place: "table.column"; text: None where it opens under no key that the row names."""

    place: str
    text: str | None


def values_of(names: Sequence[str], *, customers: bool = False) -> list[Held]:
    """Every sealed value of every row that names one of the names, or the id of such a row.

    customers: also those under a customer's key, which are the customer's.
    It is opened with the key of whoever the row names: the person, or the subscription, mail or request itself.
    """
    rows, keys = opened.rows_naming(names), _Keys()
    ids = [str(row.values["id"]) for row in rows if "id" in row.values and "organisation_id" not in row.values]
    everything = {(row.table, str(next(iter(row.values.values())))): row for row in [*rows, *opened.rows_naming(ids)]}
    opened_values = [(value, *_opened(value, row, keys)) for row in everything.values() for value in opened.held([row])]
    return [
        Held(f"{value.table}.{value.column}", text)
        for value, text, is_customers in opened_values
        if customers or not is_customers
    ]


def hashes_of(names: Sequence[str]) -> list[str]:
    """Places of the values of somebody's rows that the public record of processing calls personal, and that are no sealed bytes.

    One for each value: hashes, which nobody can turn back. Raises UnavailableError.
    """
    visitor = Visitor()
    try:
        activities = visitor.get("/trust/data?format=json").json()["activities"]
    finally:
        visitor.close()
    personal = {
        place for activity in activities if activity["classification"] == "personal" for place in activity["columns"]
    }
    return [
        f"{row.table}.{column}"
        for row in opened.rows_naming(names)
        for column, value in row.values.items()
        if value is not None
        and not isinstance(value, bytes)
        and f"people.{row.table}.{column}" in personal - SHOWN_TO_NOBODY
    ]


def closed_in(table: str, newest: int) -> list[Held]:
    """Values of the newest rows of a table that open with no key that their row names, though one of those keys lives."""
    keys, closed = _Keys(), []
    for row in opened.newest_rows(table, newest):
        for value in opened.held([row]):
            owners = [str(row.values["key_owner"])] if "key_owner" in row.values else _ids(row)
            if _opened(value, row, keys)[0] is None and any(keys[owner] for owner in owners):
                closed.append(Held(f"{value.table}.{value.column}", None))
    return closed


class _Keys(dict[str, dict[int, bytes]]):
    """Opened keys by owner, each looked up once."""

    def __missing__(self, owner: str) -> dict[int, bytes]:
        self[owner] = opened.keys_of(owner)
        return self[owner]


def _opened(value: opened.Held, row: opened.Row, keys: _Keys) -> tuple[str | None, bool]:
    """A value as text (None: no key that its row names opens it), and whether the customer's key does."""
    for owner in _ids(row):
        plain = opened.open_value(value, owner, keys[owner])
        if plain is not None:
            return plain.decode("utf-8", "replace"), owner == row.values.get("organisation_id")
    return None, False


def _ids(row: opened.Row) -> list[str]:
    return list(dict.fromkeys(text for text in row.values.values() if isinstance(text, str) and len(text) == LETTERS))


def is_shown(text: str, shown: str, *, most: int = 1 << 20) -> bool:
    """Whether a value stands in what is shown: as it is, cut off, with secrets of links masked, or JSON part by part."""
    plain, seen = " ".join(text.split()), " ".join(shown.split()).rstrip("…")
    if plain == seen:
        return True
    if text[:1] == "{":
        parts = json.loads(text)
        return all(key in seen and (key in NEVER_SHOWN or str(value) in seen) for key, value in parts.items())
    pieces = SECRET.split(plain)
    if len(plain) > most - 10:
        return len(seen) > most // 2 and seen.startswith(pieces[0][: most - 20])
    return len(pieces) > 1 and re.fullmatch(".{0,60}?".join(map(re.escape, pieces)), seen) is not None


class Section(NamedTuple):
    """A part of the page of everything held: what for, what is said of it, and the values with what is said of each.

    facts: what is said of all of its values at once, by its heading; said: what is said of each beside that. more: where the
    link to all of its values leads; "": these are all.
    """

    purpose: str
    facts: dict[str, str]
    values: list[str]
    said: list[dict[str, str]]
    more: str


def sections(page: str) -> list[Section]:
    """The parts of a page of everything held."""
    parts = []
    for node in LexborHTMLParser(page).css("details"):
        title = node.css_first("summary b")
        rows = node.css("tbody tr")
        if title is None or not rows or not node.css("td.value-of"):
            continue
        facts = {_words(term): _words(said) for term, said in zip(node.css("dt"), node.css("dd"), strict=True)}
        said = [
            {cell.attributes["data-label"] or "": _words(cell) for cell in row.css("td[data-label]")} for row in rows
        ]
        values = [cell.text() for row in rows for cell in row.css("td.value-of")]
        more = next((link.attributes.get("href") or "" for link in node.css("p > a") if "Show " in link.text()), "")
        purpose = _words(title)
        parts.append(Section(purpose[:1].lower() + purpose[1:], facts, values, said, more))
    return parts


def _words(node: LexborNode) -> str:
    return " ".join(node.text().split())


def everything(visitor: Visitor, path: str) -> tuple[list[Section], str]:
    """The parts of a page of everything held, with what its links to more lead to; and the text of all these pages."""
    first = visitor.get(path).text
    parts, texts = [], [first]
    for part in sections(first):
        parts.append(part._replace(values=[], said=[]) if part.more else part)
        following = part.more
        while following and len(texts) < MOST_PAGES:
            text = visitor.get(urljoin(path, following)).text
            texts.append(text)
            parts += sections(text)
            following = next(
                (link.attributes.get("href") or "" for link in LexborHTMLParser(text).css('[rel="next"]')), ""
            )
    return [part for part in parts if part.values], "\n".join(texts)


def missing(held: Sequence[Held], shown: Sequence[str], *, most: int = 1 << 20) -> list[Held]:
    """Values that are held and not shown. Each shown value counts once. most: letters to which values are cut."""
    left, lost = list(shown), []
    for value in sorted(held, key=lambda value: -len(value.text or "")):
        text = value.text
        fitting = (number for number, seen in enumerate(left) if text is not None and is_shown(text, seen, most=most))
        number = next(fitting, None)
        if number is None:
            lost.append(value)
        else:
            del left[number]
    return lost


def places(values: Sequence[Held]) -> str:
    """Where some values stand, the first few."""
    return ", ".join(sorted({value.place for value in values})[:4])
