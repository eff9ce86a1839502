"""What counts as text: whatever comes from outside as a string is asked here before anything is done with it."""

import unicodedata
from collections.abc import Iterator

SURROGATES = range(0xD800, 0xE000)


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
