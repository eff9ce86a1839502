"""What counts as text: whatever comes from outside as a string is asked here before anything is done with it."""

import re
import unicodedata
from collections.abc import Iterator, Mapping

SURROGATES = range(0xD800, 0xE000)
MARK = re.compile(r"%\((\w{1,40})\)s")
MOST_MARKS = 20
GROUPED_FROM = 1_000  # A year is given as text: it stays as it is.


def is_text(value: str) -> bool:
    """Whether a string can be stored and sent: no NUL, and no half of a surrogate pair."""
    return "\0" not in value and (value.isascii() or not any(ord(char) in SURROGATES for char in value))


def is_line(value: str) -> bool:
    """Whether a string is text in one line: no control characters at all."""
    return is_text(value) and not any(unicodedata.category(char) == "Cc" for char in value)


def strings_in(value: object) -> Iterator[str]:
    """Every string inside a value that was read from JSON, keys included. Does not recurse: the depth is the sender's choice."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple):
            waiting += part


def filled(text: str, values: Mapping[str, object], thousands: str = ",") -> str:
    """A text with values at its marks, "%(name)s". A mark without a value stays, and any other "%" is one: a text may be foreign.

    thousands: the mark between groups of three digits of large whole numbers. Marks after the first MOST_MARKS stay, or a text
    that repeats one could grow without bound.
    """

    def value_at(match: re.Match[str]) -> str:
        value = values.get(match[1], match[0])
        is_large = isinstance(value, int) and abs(value) >= GROUPED_FROM
        return f"{value:,}".replace(",", thousands) if is_large else str(value)

    return MARK.sub(value_at, text, count=MOST_MARKS)
