"""Has a file of contacts read in the sandbox: no process that holds keys reads one. Source: decision record 31."""

from typing import Annotated

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from glasshouse.kernel.foreign_files import answer_of
from glasshouse.sources.rules import FIELDS, MOST_ROWS

WORK = "glasshouse.sources.contact_work"
ADVICE = "Take it in in parts, as a plain CSV with a heading."


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """One contact of a file; where flaw says what is wrong with it, nothing else of it is given. line: from 1."""

    line: Annotated[int, Field(ge=0, le=1 << 40)]
    address: str
    values: dict[Annotated[str, Field(pattern=f"^({'|'.join(FIELDS)})$")], str]
    flaw: str


_ROWS: TypeAdapter[list[CheckedRow]] = TypeAdapter(Annotated[list[CheckedRow], Field(max_length=MOST_ROWS)])


def rows_of(text: str) -> list[CheckedRow]:
    """The contacts of a CSV or JSON text. Raises InvalidError, OverloadedError, UnavailableError."""
    return answer_of(WORK, text, _ROWS, field="file", advice=ADVICE)
