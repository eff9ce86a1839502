"""Sentences about a file, for pages in any language: the English text, and apart from it the values at its marks. Without I/O.

`web/file_texts.py` marks each text for the catalogues, and says it in the reader's language.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from glasshouse.kernel.errors import GlasshouseError, InvalidError
from glasshouse.kernel.text import filled

Values = dict[str, str | int]
# Names of values that are texts of ours, and not of a file: they are translated, too.
OF_OURS = frozenset({"order", "second", "third", "quantity"})


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence. text: in English, with marks such as "%(row)s"; values: by the names of the marks. str() is the English one."""

    text: str
    values: Values = field(default_factory=dict)

    def __str__(self) -> str:
        return filled(self.text, self.values) if self.values else self.text

    def bounded(self, most: int) -> "Statement":
        """The sentence with texts of at most so many characters."""
        values = {name: value[:most] if isinstance(value, str) else value for name, value in self.values.items()}
        return Statement(self.text[:most], dict(list(values.items())[:10]))


def stated(raw: Statement | Mapping[str, Any] | str | None) -> Statement:
    """A statement as it is stored; what earlier versions stored is the English text alone. Never fails."""
    if isinstance(raw, Statement):
        return raw
    if isinstance(raw, Mapping):
        return Statement(str(raw.get("text", "")), dict(raw.get("values") or {}))
    return Statement(raw or "")


def statement_of(error: GlasshouseError) -> Statement:
    """What an error says."""
    if isinstance(error, InvalidError) and error.values:
        return Statement(error.message, {name: _plain(value) for name, value in error.values.items()})
    return Statement(str(error))


def _plain(value: object) -> str | int:
    return value if isinstance(value, str | int) else str(value)
