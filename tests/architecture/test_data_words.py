"""Every text of the data map that a person's pages show is marked for translation, and no other is."""

import ast
import json
from datetime import UTC, datetime
from pathlib import Path

import tests.scratch  # noqa: F401  # Sets Django up.

# isort: split
from django.utils import translation

from glasshouse.cli import catalogues
from glasshouse.consent.rules import GROUNDS, PURPOSES
from glasshouse.disclosures.rules import Notice
from glasshouse.mail.models import CARRIERS, WRITERS
from glasshouse.notices.rules import TITLES
from glasshouse.requests import models as requests
from glasshouse.subject import data_words, export_page, inventory, items
from glasshouse.subject.data_words import in_words, value_in_words
from glasshouse.subject.items import Item, Said
from glasshouse.vault.datamap import NAMES, Class, people_rows
from glasshouse.vault.declarations import models_that_belong

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


def inventory_source() -> str:
    return "\n".join(Path(module.__file__).read_text() for module in (inventory, items))


def of_the_inventory() -> set[str]:
    """Texts that the inventory gives its own items."""
    calls = [node for node in ast.walk(ast.parse(inventory_source())) if isinstance(node, ast.Call)]
    items = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Item"]
    constants = [value.value for call in items for value in call.args if isinstance(value, ast.Constant)]
    return {text for text in constants if isinstance(text, str) and not text.startswith("user.")}


def test_each_text_of_the_map_is_marked_and_no_other() -> None:
    own = {text for text in MARKED if text in inventory_source()}
    assert of_the_map() - MARKED == set()
    assert of_the_inventory() - MARKED == set()
    assert MARKED - of_the_map() - own - {*Notice} == set()


def test_a_value_of_several_parts_is_said_in_the_readers_language() -> None:
    """Without days as programs write them; every item that the inventory puts together has it said so."""
    made = [
        node
        for node in ast.walk(ast.parse(Path(items.__file__).read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Item"
    ]
    assert len(made) >= 4
    assert all(len(call.args) == len(items.Item.__dataclass_fields__) for call in made), "each is given `said`"
    day = datetime(2026, 12, 24, 8, 0, tzinfo=UTC)
    hold = Said("until %(day)s: %(reason)s", {"day": day, "reason": "Court 12"})
    sent = Said(
        "%(fields)s, to %(recipient)s (%(region)s), %(times)s×, last on %(day)s",
        {
            "fields": ("Name", "Email address"),
            "recipient": "Post",
            "region": "EU",
            "times": 3,
            "day": day,
        },
    )
    with translation.override("de"):
        assert value_in_words(item_of(hold)) == "bis 24. Dezember 2026: Court 12"
        assert value_in_words(item_of(sent)) == "Name, E-Mail-Adresse, an Post (EU), 3×, zuletzt am 24. Dezember 2026"
    with translation.override("en"):
        assert value_in_words(item_of(hold)) == "until 24 December 2026: Court 12"


def item_of(said: Said) -> Item:
    return Item("t.c", "user.name", "Name", "as programs read it", "p", "contract", "r", (), "us", None, said)


def test_the_page_of_an_export_is_in_the_language_that_is_asked_for() -> None:
    item = Item(
        "t.c",
        "user.contact.email",
        "Email address",
        "<jan>",
        "signing in and writing to the person",
        "contract",
        "until 2026-12-24",
        ("the operator's mail server",),
        "you",
        None,
    )
    whole = export_page.head("de") + export_page.row(item, 0, "de")
    assert "<html lang=de>" in whole and "<th>Wert</th>" in whole
    assert "<td>E-Mail-Adresse</td><td>&lt;jan&gt;</td>" in whole
    assert "bis 24. Dezember 2026" in whole and "Mailserver des Betreibers" in whole
    assert "<td>until 24 December 2026</td>" in export_page.row(item, 0, "en")
    assert "Email" not in whole and '"said"' not in json.dumps(item.as_json())


def test_a_text_of_the_map_is_said_in_the_readers_language_and_a_name_as_it_is() -> None:
    with translation.override("de"):
        assert in_words("the operator's mail server") == "Mailserver des Betreibers"
        assert in_words("until 2026-12-24") == "bis 24. Dezember 2026"
        assert in_words("Polder Tomatoes") == "Polder Tomatoes"
        assert in_words("") == ""
    with translation.override("en"):
        assert in_words("until 2026-12-24") == "until 24 December 2026"
