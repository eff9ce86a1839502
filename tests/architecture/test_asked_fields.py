"""Each field that a form asks a person for is declared on the page that takes the form, and each declared field is asked for.

The templates of the pages for everybody and for persons are read as they are written, and any other whose form's page
declares what it asks for. Source: PRI-05.
"""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from glasshouse.access import asked_fields, pages
from glasshouse.access.pages import Asked, Audience, DeclarationError, Need, Page, page
from glasshouse.operations.installation import Installation
from glasshouse.promises.asked_fields import fields_of

WEB = Path(__file__).parents[2] / "src" / "glasshouse" / "web"
FOLDERS = (WEB / "pages", WEB / "templates")
INCLUDE = re.compile(r'{% include "([^"]+)"[^%]*%}')
URL = re.compile(r"{% url ['\"](\w+)['\"][^%]*%}")
TAG = re.compile(r"{%.*?%}|{{.*?}}")


@pytest.fixture(autouse=True)
def _views(home: Installation) -> None:
    """The declarations of all views, which are made when their modules are imported."""
    import_module("glasshouse.web.urls")


class FormField(NamedTuple):
    """A field of a form in a template, and the pages that take the form."""

    template: str
    name: str
    takers: list[Page]


def source_of(template: str) -> str:
    """A template with what it includes."""
    path = next(folder / template for folder in FOLDERS if (folder / template).exists())
    return INCLUDE.sub(lambda found: source_of(found[1]), path.read_text())


def takers_of(action: str, template: str) -> list[Page]:
    """The pages that may take a form: those that its address names, else those of the views that render the template."""
    taking = [page for page in pages.pages() if "POST" in page.methods]
    if names := action.split():
        return [page for page in taking if page.name in names]
    return [page for page in taking if f'"{template}"' in inspect.getsource(inspect.unwrap(page.view))]


def form_fields() -> Iterator[FormField]:
    for path in sorted((WEB / "pages").glob("*/*.html")):
        template = f"{path.parent.name}/{path.name}"
        html = TAG.sub("", URL.sub(r" \1 ", source_of(template)))
        for field in fields_of(html):
            yield FormField(template, field.name, takers_of(field.action, template))


def concerns_persons(field: FormField) -> bool:
    return field.template.startswith(("person/", "public/")) or any(page.asks for page in field.takers)


def test_each_field_that_a_person_is_asked_for_is_declared() -> None:
    undeclared = [
        f"{field.template}: {field.name}"
        for field in form_fields()
        if concerns_persons(field) and not any(asked_fields.asked_for(taker, field.name) for taker in field.takers)
    ]
    assert undeclared == []


def test_each_declared_field_is_asked_for_and_its_column_is_in_the_data_map() -> None:
    asked = {(taker.name, field.name) for field in form_fields() for taker in field.takers}
    for declared in pages.pages():
        for ask in declared.asks:
            assert (declared.name, ask.field) in asked
            assert not ask.column or asked_fields.entry_of(ask), f"{declared.name}: {ask.column}"


@pytest.mark.parametrize(
    ("methods", "asks"),
    [
        (("GET",), (Asked("name"),)),
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
