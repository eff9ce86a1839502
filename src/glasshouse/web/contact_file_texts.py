"""What is wrong in a file of contacts, in the reader's language: it is found out in the sandbox, and comes as an English text."""

import re
from functools import cache

from django.utils.translation import gettext, gettext_noop

SLOT = re.compile(r"%\((\w)\)s")
# Marked for the catalogues; "%(a)s" stands for a value. tests/architecture/test_marked_texts.py holds the list to the rules.
FLAWS = (
    gettext_noop("This is no CSV: %(a)s."),
    gettext_noop("Line 1 must name the columns: address, and at least one of %(a)s."),
    gettext_noop("These columns are not taken in: %(a)s. Leave out what has no purpose here."),
    gettext_noop("This is no JSON: %(a)s."),
    gettext_noop("A JSON file holds a list of objects, each with an address."),
    gettext_noop("Entry %(a)s has what is not taken in: %(b)s."),
    gettext_noop("A file has at most %(a)s rows; this one has %(b)s. Take it in in parts."),
    gettext_noop("it holds nothing besides the address"),
    gettext_noop("%(a)s has characters that are no text"),
    gettext_noop("%(a)s is longer than %(b)s characters"),
    gettext_noop("the address has characters that are no text"),
)


@cache
def _forms() -> list[tuple[str, re.Pattern[str]]]:
    forms = []
    for text in FLAWS:
        pieces = [f"(?P<{piece}>.+)" if n % 2 else re.escape(piece) for n, piece in enumerate(SLOT.split(text))]
        forms.append((text, re.compile("".join(pieces), re.DOTALL)))
    return forms


def flaw_in_words(text: str) -> str:
    """A flaw of a file of contacts, or of one of its rows, in the reader's language; another text as the catalogues have it."""
    for sentence, form in _forms():
        if match := form.fullmatch(text):
            return gettext(sentence) % match.groupdict()
    return gettext(text)
