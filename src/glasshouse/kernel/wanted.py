"""Whether a name fits what somebody looks for: all words stand in it, whatever their case and accents."""

import unicodedata
from collections.abc import Callable, Iterable
from typing import TypeVar

Row = TypeVar("Row")
MOST_WORDS = 8


def plain(text: str) -> str:
    """A text without case and accents, for comparing."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in parts if not unicodedata.combining(character)).casefold()


def fitting(rows: Iterable[Row], search: str, name_of: Callable[[Row], str], most: int) -> tuple[list[Row], int]:
    """The rows whose name fits, those that begin with the search first, then by name, `most` of them; how many fit in all."""
    wanted = plain(search).split()[:MOST_WORDS]
    if not wanted:
        return [], 0
    pairs = [(name, row) for row in rows if all(word in (name := plain(name_of(row))) for word in wanted)]
    pairs.sort(key=lambda pair: (not pair[0].startswith(wanted[0]), pair[0]))
    return [row for _, row in pairs[:most]], len(pairs)
