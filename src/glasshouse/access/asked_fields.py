"""What people are asked for: the fields of a form by the declaration of the page that takes it, joined with the data map.

The check of PRI-05 judges the live pages by it, and the forms' hints are made from it. The forms of growers and staff declare
their fields as those of persons do; only what is personal there is held to the rule of what may be withheld.
Source: PRI-05; GDPR Art. 5(1)(c), 13(2)(e).
"""

from fnmatch import fnmatchcase
from functools import lru_cache

from glasshouse.access import pages
from glasshouse.access.pages import Asked, Audience, DeclarationError, Page
from glasshouse.vault.datamap import Class, Entry, people_rows


@lru_cache(maxsize=1)
def _entries() -> dict[str, Entry]:
    return {f"{row.table}.{row.column}": row.entry for row in people_rows([]) if row.entry}


def asked_for(page: Page, field: str) -> Asked | None:
    """What the page that takes a form declares of a field; None where it declares nothing."""
    return next((asked for asked in page.asks if fnmatchcase(field, asked.field)), None)


def entry_of(asked: Asked) -> Entry | None:
    """The data map's entry of the column that an answer goes to; None where the map has none, or nothing is stored."""
    return _entries().get(asked.column)


def may_withhold(page: Page, entry: Entry) -> bool:
    """Whether whoever fills in a form decides by themself whether to answer: then nothing but a need may require the answer.

    That is so of everything that is asked on public and personal pages, and of what is personal on a grower's. The staff
    enter what they were told, as their office requires.
    """
    of_person = page.audience in (Audience.PERSON, Audience.PUBLIC)
    return of_person or (page.audience is Audience.GROWER and entry.classification is Class.PERSONAL)


def withheld_purpose(name: str, field: str) -> str:
    """What the answer to a field of the form that the page `name` takes is for, if it may be withheld; "": something needs it.

    Raises DeclarationError.
    """
    page = pages.find(name, "POST")
    asked = asked_for(page, field) if page else None
    entry = entry_of(asked) if asked else None
    if entry is None:
        raise DeclarationError(f"No declaration of the page {name} says into which column {field} goes.")
    return "" if entry.need else entry.purpose
