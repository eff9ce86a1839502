"""Marked texts are translated, catalogues are those of the source, and a page that says that it is translated is, whole."""

import gettext
import re
from io import BytesIO
from pathlib import Path

import pytest

import tests.scratch  # noqa: F401  # Sets Django up.

# isort: split
from django.conf import settings
from django.utils import translation

from glasshouse.access import pages
from glasshouse.cli import catalogues
from glasshouse.cli.catalogues import Entry, Key
from glasshouse.mail import rendering
from glasshouse.web import urls
from tests.architecture.test_mail_templates import SAMPLES

PAGES = Path(urls.__file__).parent / "pages"
TEMPLATES = PAGES.parent / "templates"
LANGUAGES = sorted(catalogues.HEADERS)
# What stands between tags and is no text of a language.
NOTHING_TO_SAY = re.compile(r"[\W\d_]*|Glasshouse|UTC|CSV|PNG|m²|&middot;")
TAG, BLOCK = re.compile(r"<[^>]*>"), re.compile(r"\{%-?\s*(\w+).*?%\}", re.DOTALL)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_is_that_of_the_source_whole_and_compiled(language: str) -> None:
    file = catalogues.place_of(language) / "django.po"
    catalogue = catalogues.read(file.read_text())
    assert catalogues.written(catalogues.merged(catalogues.marked(), catalogue), language) == file.read_text(), (
        "run ./glasshouse texts"
    )
    assert catalogues.flaws(catalogue) == []
    assert file.with_suffix(".mo").read_bytes() == catalogues.compiled(catalogue, language), "run ./glasshouse texts"


def test_every_language_of_the_settings_has_a_catalogue_but_english() -> None:
    assert sorted(code for code, _ in settings.LANGUAGES if code != "en") == LANGUAGES


def test_what_is_compiled_is_read_by_the_standard_library() -> None:
    catalogue = {
        Key("a %(x)s\nb"): Entry(Key("a %(x)s\nb"), translations=["ä %(x)s\nß"]),
        Key("one", "day"): Entry(Key("one", "day"), translations=["eins"]),
        Key("%(n)s day"): Entry(Key("%(n)s day"), plural="%(n)s days", translations=["%(n)s Tag", "%(n)s Tage"]),
        Key("not yet"): Entry(Key("not yet"), translations=[""]),
    }
    for entry in catalogue.values():
        entry.places.add("x.html")
    assert catalogues.read(catalogues.written(catalogue, "de")) == catalogue
    read = gettext.GNUTranslations(BytesIO(catalogues.compiled(catalogue, "de")))
    assert read.gettext("a %(x)s\nb") == "ä %(x)s\nß"
    assert (read.pgettext("day", "one"), read.gettext("one")) == ("eins", "one")
    assert [read.ngettext("%(n)s day", "%(n)s days", number) for number in (1, 2)] == ["%(n)s Tag", "%(n)s Tage"]
    assert read.gettext("not yet") == "not yet"


def test_flaws_and_doubtful_lines_are_seen() -> None:
    key = Key("of %(name)s")
    for translations, flaw in (([""], "not translated"), (["von %(nam)s"], "other values"), (["von"], "other values")):
        assert flaw in catalogues.flaws({key: Entry(key, translations=translations)})[0]
    for text in ('msgid "a"\nmsgstr "b', "msgid a", '#, fuzzy\nmsgid "a"\nmsgstr "b"'):
        with pytest.raises(ValueError, match=r"catalogue|unsure"):
            catalogues.read(text)


def test_marks_are_found_in_templates_and_in_python() -> None:
    source = (
        '{% load i18n %}<p title="{% translate "It\'s" context "c" %}">{% blocktranslate trimmed with a=b|upper %}\n  x {{ a }}\n'
        "  y\n{% endblocktranslate %}{% blocktranslate count n=m %}one{% plural %}{{ n }} of{% endblocktranslate %}</p>"
    )
    found_texts = [(entry.key, entry.plural) for entry in catalogues.of_template(source)]
    assert found_texts == [(Key("It's", "c"), ""), (Key("x %(a)s y"), ""), (Key("one"), "%(n)s of")]
    assert [entry.key for entry in catalogues.of_template('{% tab _("Rules") address %}')] == [Key("Rules")]
    code = 'x = gettext("a" "b")\ny = pgettext("c", "d")\nngettext("one", "two", 3)\nother("e")\npage("x", menu="M")\n'
    assert [entry.key for entry in catalogues.of_python(code)] == [Key("ab"), Key("d", "c"), Key("one"), Key("M")]


def test_what_is_translated_no_more_goes_and_what_is_new_is_to_be_translated() -> None:
    old, new = Key("old"), Key("new")
    before = {old: Entry(old, translations=["alt"]), Key("same"): Entry(Key("same"), translations=["gleich"])}
    texts = {new: Entry(new, places={"a"}), Key("same"): Entry(Key("same"), places={"a"})}
    merged = catalogues.merged(texts, before)
    assert {key.text: entry.translations for key, entry in merged.items()} == {"new": [""], "same": ["gleich"]}


# -- translated pages ----------------------------------------------------------------------------------------------


def templates_of(view: object) -> set[Path]:
    """The templates that a view names, and those that they include or extend."""
    module = Path(__import__(view.__module__, fromlist=["x"]).__file__ or "")  # type: ignore[attr-defined]
    names = set(re.findall(r'"((?:public|person|grower|staff)/\w+\.html|check_mail\.html)"', _source_of(view, module)))
    whole: set[Path] = set()
    waiting = {_path(name) for name in names}
    while waiting:
        path = waiting.pop()
        whole.add(path)
        named = re.findall(r'\{% (?:include|extends) "([\w/.]+)"', path.read_text())
        waiting |= {_path(name) for name in named} - whole
    return whole


def _source_of(view: object, module: Path) -> str:
    import inspect

    return inspect.getsource(view) if callable(view) else module.read_text()  # type: ignore[arg-type]


def _path(name: str) -> Path:
    return next(folder / name for folder in (PAGES, TEMPLATES) if (folder / name).exists())


def unmarked(source: str) -> list[str]:
    """Words of a template that no mark of translation surrounds."""
    text = re.sub(r"\{#.*?#\}|\{\{.*?\}\}", "", source, flags=re.DOTALL)
    text = re.sub(r"\{% blocktranslate.*?\{% endblocktranslate %\}", "", text, flags=re.DOTALL)
    text = re.sub(r"<(script|style|code)\b.*?</\1>", "", text, flags=re.DOTALL)
    text = BLOCK.sub("", text)
    labels = re.findall(r'(?:aria-label|title|placeholder|alt)="([^"]*)"', text)
    words = [piece.strip() for piece in re.split(r"[\n·●○▲✕◆]", TAG.sub("\n", text))]
    return [piece for piece in [*words, *labels] if not NOTHING_TO_SAY.fullmatch(piece)]


TRANSLATED = [page for page in pages.pages() if page.translated]


def test_the_persons_pages_of_requests_are_translated() -> None:
    shown = {path.name for page in TRANSLATED for path in templates_of(page.view)}
    assert shown >= {
        "base.html",
        "privacy_ask.html",
        "request_state.html",
        "pass_on_form.html",
        "request_link_ended.html",
    }
    names = {page.name for page in TRANSLATED}
    assert names >= {"verify_for_agent", "mail_link_for_agent", "agent_results", "let_agent_fetch", "stop_agent_fetch"}
    assert names >= {"privacy_ask", "prove_request", "confirmed_request", "reply_as_guest", "pass_on", "my_request"}
    for page in TRANSLATED:
        form_page = pages.page_of_form(page)
        assert form_page is None or form_page.translated, f"{page.name}: its form is shown again in another language"


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: f"{page.name}-{page.methods[0]}")
def test_a_translated_page_has_no_word_that_is_not_marked(page: pages.Page) -> None:
    wrong = {}
    for path in templates_of(page.view):
        if left := unmarked(path.read_text()):
            wrong[path.name] = left
    assert wrong == {}


def test_a_word_that_is_not_marked_is_seen() -> None:
    assert unmarked('<p>Hello <b>you</b></p><a title="Go">{% translate "x" %} · {{ y }}</a>') == ["Hello", "you", "Go"]


# -- mails ---------------------------------------------------------------------------------------------------------

# To recipients and a buyer, who have no account: in English. An announcement is a template of each language.
TO_COMPANIES = (
    "disclosures/mails/corrected",
    "disclosures/mails/erased",
    "disclosures/mails/lifted",
    "disclosures/mails/restricted",
    "privacy_office/mails/data_room",
)
SAID_IN_EACH = ("Erasure",)
PERSONS = sorted(
    name for name in SAMPLES if name not in TO_COMPANIES and not name.startswith("notices/mails/announcement")
)


@pytest.mark.parametrize("name", PERSONS)
def test_a_mail_to_a_person_is_whole_in_each_language(name: str) -> None:
    english = rendering.render(name, SAMPLES[name], "en")
    with translation.override("de"):
        assert rendering.render(name, SAMPLES[name], "en") == english, "no language of a web request counts"
    for language in LANGUAGES:
        other = rendering.render(name, SAMPLES[name], language)
        assert other.subject != english.subject
        assert other.body != english.body
        for value in SAMPLES[name].values():
            assert (
                not isinstance(value, str)
                or value in SAID_IN_EACH
                or (value in other.subject + other.body) is (value in english.subject + english.body)
            )
    assert "_" not in english.body.replace("http", "")
