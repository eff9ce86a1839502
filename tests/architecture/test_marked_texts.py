"""Texts of modules that know nothing of languages, of scripts, and in the tags of components are marked for the catalogues."""

import ast
import re
from pathlib import Path
from typing import TypeGuard

import pytest

import tests.scratch  # noqa: F401  # Sets Django up.

# isort: split
from django.utils import translation

from crop_contract.variables import VARIABLES
from glasshouse.access.permissions import EXPLAINED, TITLES
from glasshouse.disclosures.rules import TITLES as RECIPIENTS
from glasshouse.support.rules import AREA_TITLES, AREA_WORDS
from glasshouse.web import contact_file_texts, data_texts, rights_texts, variable_titles
from glasshouse.web.templatetags import script_words
from tests.architecture.test_promise_words import texts_of
from tests.architecture.test_translations import TEMPLATES, TRANSLATED, templates_of

SAID = re.compile(r"""say\((?:[^"'`]*\? )?"([^"]+)"(?:\s*: "([^"]+)")?""")
TAG = re.compile(
    r"{% (?:button|link_button|card|page_head|chip|tabs?|data_table|field|empty_state|dialog|segment(?:ed)?|stat|copy_field"
    r"|row_menu|next_piece) (.*?)%}"
)
MARKED, LITERAL = re.compile(r'_\("[^"]*"\)'), re.compile(r'(?:\b(\w+)=)?"([^"]*)"')
TEXTS = {"sub", "hint", "back_title", "optional", "busy", "label", "title", "aria_label"}
SAME_EVERYWHERE = {"CSV", "JSON"}


def unmarked_arguments(source: str) -> list[str]:
    """Texts that a template gives to a component as they are."""
    found = []
    for tag in TAG.finditer(source):
        for name, text in LITERAL.findall(MARKED.sub("", tag[1])):
            is_text = bool(re.match(r"[A-Z(]|.*\s", text)) and text not in SAME_EVERYWHERE
            if is_text and (not name or name in TEXTS):
                found.append(text)
    return found


def test_a_text_that_is_given_as_it_is_is_seen() -> None:
    source = (
        '{% button _("Save") kind="p x" %}{% button "Save it" %}{% chip "ok" "On" %}{% field "a" _("A") hint="b c" %}'
    )
    assert unmarked_arguments(source) == ["Save it", "On", "b c"]


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: f"{page.name}-{page.methods[0]}")
def test_what_a_translated_page_gives_to_components_is_marked(page: object) -> None:
    paths: set[Path] = templates_of(page.view)  # type: ignore[attr-defined]
    wrong = {path.name: left for path in paths if (left := unmarked_arguments(path.read_text()))}
    assert wrong == {}


def test_titles_of_variables_rights_and_recipients_are_marked() -> None:
    for variable in VARIABLES.values():
        whole = variable.title.partition(": ")[0]
        assert {variable.title, whole} & variable_titles.TITLES or variable.title == "pH", variable.title
    wanted = {*EXPLAINED.values(), *TITLES.values(), *AREA_TITLES.values(), *AREA_WORDS.values()}
    assert wanted - rights_texts.MARKED == set()
    assert {*RECIPIENTS.values()} - {*data_texts.MARKED} == set()


def test_what_is_wrong_in_a_file_of_contacts_is_marked_and_said_in_german() -> None:
    source = (TEMPLATES.parents[1] / "sources" / "rules.py").read_text()
    raised = [node.args[0] for node in ast.walk(ast.parse(source)) if is_call_of(node, "FileError")]
    returned = [node.value for node in ast.walk(flaw_of(source)) if isinstance(node, ast.Return) and node.value]
    said = {text for node in [*raised, *returned] for text in texts_of(node, {}) if text}
    own_texts = {"the address has characters that are no text"}  # of contact_work.py
    assert len(said) > 8
    assert said | own_texts == {*contact_file_texts.FLAWS}
    with translation.override("de"):
        for text, german in (
            ("phone is longer than 200 characters", "phone ist länger als 200 Zeichen"),
            (
                "A file has at most 5000 rows; this one has 6000. Take it in in parts.",
                "Eine Datei hat höchstens 5000 Zeilen; diese hat 6000. Nehmen Sie sie in Teilen auf.",
            ),
            ("it holds nothing besides the address", "die Zeile enthält außer der Adresse nichts"),
        ):
            assert contact_file_texts.flaw_in_words(text) == german


def is_call_of(node: ast.AST, name: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def flaw_of(source: str) -> ast.FunctionDef:
    """The function that says what is wrong with a row."""
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return next(function for function in functions if function.name == "flaw")


@pytest.mark.parametrize(("script", "texts"), [("page.js", script_words.LIVE), ("chart.js", script_words.CHART)])
def test_what_a_script_says_is_handed_to_it(script: str, texts: tuple[str, ...]) -> None:
    source = (TEMPLATES.parent / "static" / script).read_text()
    said = {text for pair in SAID.findall(source) for text in pair if text}
    assert len(said) >= 5
    assert said - {*texts} == set()
