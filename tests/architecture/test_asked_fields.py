"""Each visible field of each form is declared on the page that takes the form, and each declared field is asked for.

The templates of all pages are read as they are written. Source: PRI-05.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from glasshouse.access import asked_fields, pages
from glasshouse.access.pages import Asked, Audience, DeclarationError, Need, Page, page
from glasshouse.operations.installation import Installation
from glasshouse.promises.asked_fields import Field, declared_by, fields_of, flaws_of

WEB = Path(__file__).parents[2] / "src" / "glasshouse" / "web"
FOLDERS = (WEB / "pages", WEB / "templates")
INCLUDE = re.compile(r'{% include "([^"]+)"[^%]*%}')
URL = re.compile(r"{% url ['\"](\w+)['\"][^%]*%}")
OPTIONAL = re.compile(r"{% optional .*?%}")
# The component of a field, which stands around its control: its label, and that it is optional.
FIELD, END_FIELD = re.compile(r"{% field (.*?) %}", re.DOTALL), "{% endfield %}"
TAG = re.compile(r"{%.*?%}")
VALUE = re.compile(r"{{.*?}}")


@pytest.fixture(autouse=True)
def _views(home: Installation) -> None:
    """The declarations of all views, which are made when their modules are imported."""
    import_module("glasshouse.web.urls")


class FormField(NamedTuple):
    """A field of a form in a template, and the pages that take the form."""

    template: str
    field: Field
    takers: list[Page]


def source_of(template: str) -> str:
    """A template with what it includes."""
    path = next(folder / template for folder in FOLDERS if (folder / template).exists())
    return INCLUDE.sub(lambda found: source_of(found[1]), path.read_text())


def takers_of(action: str, method: str, template: str) -> list[Page]:
    """The pages that may take a form: those that its address names, else those of the views that render the template."""
    taking = [page for page in pages.pages() if method in page.methods]
    if names := action.split():
        return [page for page in taking if page.name in names]
    return [page for page in taking if f'"{template}"' in _source(inspect.unwrap(page.view))]


@cache
def _source(view: Callable[..., object]) -> str:
    return inspect.getsource(view)


def form_fields() -> Iterator[FormField]:
    for path in sorted((WEB / "pages").glob("*/*.html")):
        template = f"{path.parent.name}/{path.name}"
        source = FIELD.sub(r"<label>\1", source_of(template)).replace(END_FIELD, "</label>")
        html = OPTIONAL.sub("(optional)", URL.sub(r" \1 ", source))
        for field in fields_of(VALUE.sub("*", TAG.sub("", html))):
            takers = [page for action in field.actions for page in takers_of(action, field.method, template)]
            yield FormField(template, field, takers)


def test_each_field_of_each_form_is_declared_and_required_only_where_something_needs_it() -> None:
    """Each form's own template: where a field stands in several forms, each is looked at."""
    read = list(form_fields())
    assert {field.template.partition("/")[0] for field in read} == {"grower", "person", "public", "staff"}
    assert len(read) > 150
    assert [flaw for field in read for flaw in flaws_of(field.template, field.field, field.takers)] == []


def test_what_is_personal_on_a_growers_page_may_be_withheld_and_what_the_organisation_enters_need_not() -> None:
    invite, create_site = pages.find("invite", "POST"), pages.find("sites", "POST")
    assert invite
    assert create_site
    message, name = Field("message", "textarea", required=True), Field("name", "text", required=True)
    assert "though nothing needs it" in next(flaws_of("/members", message, [invite]))
    assert list(flaws_of("/sites", name, [create_site])) == []


def test_a_label_may_stand_before_the_field_that_it_names() -> None:
    page = '<label for="a">Note <span>optional</span></label><p>Wrong</p><input id="a" name="x"><input id="b" name="y">'
    assert [(field.name, "optional" in field.label) for field in fields_of(page)] == [("x", True), ("y", False)]


def test_a_button_with_an_address_of_its_own_sends_the_fields_before_it_there_too() -> None:
    page = '<form method="post" action="/a"><input name="x"><button formaction="/b">B</button></form><input name="y">'
    assert [(field.name, field.method, field.actions) for field in fields_of(page)] == [
        ("x", "POST", ["/a", "/b"]),
        ("y", "POST", [""]),
    ]


def test_a_field_of_each_language_or_column_is_declared_once() -> None:
    draft = pages.find("staff_documents", "POST")
    assert draft
    assert [declared.asked.column for declared in declared_by([draft], "body_nl")] == ["notices_text.body"]
    assert declared_by([draft], "bodies") == []


def test_each_declared_field_is_asked_for_and_its_column_is_in_the_data_map() -> None:
    asked = {(taker.name, field.field.name) for field in form_fields() for taker in field.takers}
    for declared in pages.pages():
        for ask in declared.asks:
            assert (declared.name, ask.field) in asked
            assert not ask.column or asked_fields.entry_of(ask), f"{declared.name}: {ask.column}"


@pytest.mark.parametrize(
    ("methods", "asks"),
    [
        (("GET",), (Asked("name", "accounts_person.name"),)),
        (("POST",), (Asked("name"), Asked("name", "accounts_person.name"))),
        (("POST",), (Asked("name", "accounts_person"),)),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(methods: tuple[str, ...], asks: tuple[Asked, ...]) -> None:
    declare = page("nowhere", name="nowhere", need=Need.ANYBODY, audience=Audience.PUBLIC, methods=methods, asks=asks)
    with pytest.raises(DeclarationError):
        declare(lambda request: None)  # type: ignore[arg-type, return-value]
    assert pages.find("nowhere", methods[0]) is None


def test_a_hint_of_an_undeclared_field_is_refused() -> None:
    with pytest.raises(DeclarationError):
        asked_fields.withheld_purpose("privacy_ask", "diet")
