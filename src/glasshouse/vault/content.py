"""What a technical text column may hold: an id, a word of a list, or a form that no sentence and no address fits.

Technical columns are not sealed, so nothing that somebody wrote may stand in them. The declaration stands on the field
(`technical(field, OneOf(...))`), and `rowsecurity.columns` has the database hold it by a CHECK. A field of 16 characters holds an
id and one of 64 a hash, if it says nothing else. Source: PRI-21; SEC-08.
"""

from collections.abc import Iterable
from typing import Protocol

ID = "[0-9a-hjkmnp-tv-z]{16}"  # kernel.ids
CODE = "[a-z0-9]+([._:-][a-z0-9]+)*"


class Content(Protocol):
    """What a column holds."""

    def condition(self, column: str) -> str:
        """As SQL on the column's value."""


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _list(values: Iterable[str]) -> str:
    return ", ".join(quoted(value) for value in dict.fromkeys(map(str, values)))


class Matching:
    """A text that a regular expression of PostgreSQL matches from end to end."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    def condition(self, column: str) -> str:
        """As SQL on the column's value."""
        return f"{column} ~ {quoted(f'^({self.pattern})$')}"


class Id(Matching):
    """An id, or one of some words that stand for nobody."""

    def __init__(self, *values: str) -> None:
        super().__init__("|".join([ID, *values]))


class Hash(Matching):
    """A SHA-256 or HMAC-SHA-256, in hex."""

    def __init__(self) -> None:
        super().__init__("[0-9a-f]{64}")


class Code(Matching):
    """A word that only our own code chooses: small letters and digits, parted by a dot, colon, dash or underscore."""

    def __init__(self) -> None:
        super().__init__(CODE)


class OneOf:
    """One of a list of words; or_id: or an id."""

    def __init__(self, values: Iterable[str], *, or_id: bool = False) -> None:
        self.values, self.or_id = tuple(values), or_id

    def condition(self, column: str) -> str:
        """As SQL on the column's value."""
        known = f"{column} IN ({_list(self.values)})"
        return f"({known} OR {Id().condition(column)})" if self.or_id else known


class SomeOf:
    """An array with words of a list."""

    def __init__(self, values: Iterable[str]) -> None:
        self.values = tuple(values)

    def condition(self, column: str) -> str:
        """As SQL on the column's value."""
        return f"{column}::text[] <@ ARRAY[{_list(self.values)}]::text[]"


class EachMatching:
    """An array of which each element matches a pattern."""

    def __init__(self, pattern: str = ID) -> None:
        self.pattern = pattern

    def condition(self, column: str) -> str:
        """As SQL on the column's value. No pattern has a comma, so it parts the elements."""
        return f"array_to_string({column}, ',', '?') ~ {quoted(f'^(({self.pattern})(,({self.pattern}))*)?$')}"


class Facts:
    """JSON whose texts, keys included, are ids, times, or words that our code chooses: small letters, no space, no @."""

    WORD = "^([a-z0-9._:/-]{0,80}|[0-9-]{10}T[0-9:.]+([+-][0-9:]+|Z)?)$"

    def condition(self, column: str) -> str:
        """As SQL on the column's value."""
        values = f'$.** ? (@.type() == "string" && !(@ like_regex "{self.WORD}"))'
        keys = f'$.** ? (@.type() == "object").keyvalue().key ? (!(@ like_regex "{self.WORD}"))'
        return f"NOT jsonb_path_exists({column}, {quoted(values)}) AND NOT jsonb_path_exists({column}, {quoted(keys)})"
