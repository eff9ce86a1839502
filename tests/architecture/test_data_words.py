"""Every text of the data map that a person's pages show is marked for translation, and no other is."""

import ast
from pathlib import Path

import tests.scratch  # noqa: F401  # Sets Django up.

# isort: split
from django.utils import translation

from glasshouse.cli import catalogues
from glasshouse.consent.rules import GROUNDS, PURPOSES
from glasshouse.mail.models import CARRIERS, WRITERS
from glasshouse.notices.rules import TITLES
from glasshouse.requests import models as requests
from glasshouse.subject import inventory
from glasshouse.vault.datamap import NAMES, Class, people_rows
from glasshouse.vault.declarations import models_that_belong
from glasshouse.web import data_words
from glasshouse.web.data_words import in_words

MARKED = {entry.key.text for entry in catalogues.of_python(Path(data_words.__file__).read_text())}
# Whose names and categories stand for themselves, or that only a row of its own knows.
OF_ROWS = {"the agent that asked in your name"}


def of_the_map() -> set[str]:
    entries = [row.entry for row in people_rows([]) if row.entry]
    shown = [entry for entry in entries if entry.classification in (Class.PERSONAL, Class.CONFIDENTIAL)]
    texts = {text for entry in shown for text in (NAMES[entry.category], entry.purpose, entry.retention, entry.source)}
    texts |= {str(entry.basis) for entry in shown} | {text for entry in shown for text in entry.recipients}
    texts |= {
        text for _, declared in models_that_belong() for text in (str(declared.owner), declared.why, declared.what)
    }
    texts |= {text for purpose in PURPOSES.values() for text in (purpose.title, purpose.explained, purpose.lost)}
    named = [*GROUNDS.values(), *WRITERS.values(), *CARRIERS, *requests.WRITERS.values(), *TITLES.values()]
    return texts | {str(text) for text in named} | OF_ROWS


def of_the_inventory() -> set[str]:
    """Texts that the inventory gives its own items."""
    calls = [node for node in ast.walk(ast.parse(Path(inventory.__file__).read_text())) if isinstance(node, ast.Call)]
    items = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Item"]
    constants = [value.value for call in items for value in call.args if isinstance(value, ast.Constant)]
    return {text for text in constants if isinstance(text, str) and not text.startswith("user.")}


def test_each_text_of_the_map_is_marked_and_no_other() -> None:
    own = {text for text in MARKED if text in Path(inventory.__file__).read_text()}
    assert of_the_map() - MARKED == set()
    assert of_the_inventory() - MARKED == set()
    assert MARKED - of_the_map() - own == {"until %(day)s"}


def test_a_text_of_the_map_is_said_in_the_readers_language_and_a_name_as_it_is() -> None:
    with translation.override("de"):
        assert in_words("the operator's mail server") == "Mailserver des Betreibers"
        assert in_words("until 2026-12-24") == "bis 24. Dezember 2026"
        assert in_words("Polder Tomatoes") == "Polder Tomatoes"
        assert in_words("") == ""
    with translation.override("en"):
        assert in_words("until 2026-12-24") == "until 24 December 2026"
