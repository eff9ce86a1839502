"""Texts of modules that know nothing of languages, of scripts, and in the tags of components are marked for the catalogues."""

import re
from pathlib import Path

import pytest

import tests.scratch  # noqa: F401  # Sets Django up.

# isort: split
from crop_contract.variables import VARIABLES
from glasshouse.access.permissions import EXPLAINED, TITLES
from glasshouse.disclosures.rules import TITLES as RECIPIENTS
from glasshouse.support.rules import AREA_TITLES, AREA_WORDS
from glasshouse.web import data_texts, rights_texts, variable_titles
from glasshouse.web.templatetags import script_words
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


@pytest.mark.parametrize(("script", "texts"), [("page.js", script_words.LIVE), ("chart.js", script_words.CHART)])
def test_what_a_script_says_is_handed_to_it(script: str, texts: tuple[str, ...]) -> None:
    source = (TEMPLATES.parent / "static" / script).read_text()
    said = {text for pair in SAID.findall(source) for text in pair if text}
    assert len(said) >= 5
    assert said - {*texts} == set()
