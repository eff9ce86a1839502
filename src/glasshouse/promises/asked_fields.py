"""The forms of a page as they stand there, held to what the pages that take them declare.

Where people may withhold an answer, a field that must be filled needs a column whose entry in the data map says what cannot
work without it; any other is marked as optional beside it. Source: PRI-05; GDPR Art. 5(1)(c), 13(2)(e).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urlsplit

from django.urls import Resolver404, get_resolver, resolve

from glasshouse.access import asked_fields, pages
from glasshouse.access.pages import Audience, Page

QUIET = {"checkbox", "hidden", "radio", "submit"}
# Where a form is sent to, by the browser or by a script.
ADDRESSES = ("action", "data-make", "data-answer", "data-readings")


@dataclass(slots=True)
class Field:
    """A field of a page as it stands there.

    actions: where its form is sent, also by a button with an address of its own; "" for the page itself. label: its text.
    """

    name: str
    kind: str
    required: bool
    method: str = "POST"
    actions: list[str] = field(default_factory=lambda: [""])
    label: str = ""


@dataclass(slots=True)
class _Reader(HTMLParser):
    """Reads the fields of a page with the texts of their labels."""

    fields: list[Field] = field(default_factory=list)
    method: str = "POST"
    actions: list[str] = field(default_factory=lambda: [""])
    texts: list[str] = field(default_factory=list)
    open_label: bool = False
    labelled: list[Field] = field(default_factory=list)
    label_for: str = ""
    labels: dict[str, str] = field(
        default_factory=dict
    )  # texts of labels that name their field, which follows, by its id

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "form":
            self.actions = [next((str(values[name]) for name in ADDRESSES if values.get(name)), "")]
            posts = values.get("method") == "post" or "data-make" in values or "data-answer" in values
            self.method = "POST" if posts else "GET"
        if values.get("formaction"):  # Also the fields before the button share this list.
            self.actions.append(str(values["formaction"]))
        if tag == "label":
            self.open_label, self.texts, self.labelled, self.label_for = True, [], [], str(values.get("for") or "")
        if tag in ("input", "select", "textarea") and values.get("name") not in (None, "csrfmiddlewaretoken"):
            kind = str(values.get("type") or tag)
            if kind not in ("hidden", "submit"):
                label = self.labels.get(str(values.get("id") or ""), "")
                self.fields.append(
                    Field(str(values["name"]), kind, "required" in values, self.method, self.actions, label)
                )
                self.labelled.append(self.fields[-1])

    def handle_data(self, data: str) -> None:
        if self.open_label:
            self.texts.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            if self.label_for:
                self.labels[self.label_for] = " ".join(self.texts).lower()
            for labelled in self.labelled:
                labelled.label = " ".join(self.texts).lower()
            self.open_label = False
        if tag == "form":
            self.method, self.actions = "POST", [""]


def fields_of(html: str) -> list[Field]:
    """The visible fields of a page's forms."""
    reader = _Reader()
    reader.feed(html)
    return reader.fields


def declared() -> list[Page]:
    """Every page that is declared: their modules are imported with the addresses."""
    get_resolver().url_patterns  # noqa: B018 - imports them
    return pages.pages()


def shown_pages() -> list[Page]:
    """The pages that a customer's administrator can open without an id but the customer's. The staff's are read by a test."""
    return [
        page
        for page in pages.pages()
        if "GET" in page.methods and set(page.arguments) <= {pages.ORGANISATION} and page.audience is not Audience.STAFF
    ]


class _Declared(NamedTuple):
    """A field as the page that takes its form declares it."""

    page: Page
    asked: pages.Asked


def _taker(address: str, method: str) -> Page | None:
    """The page that takes a form sent to an address."""
    try:
        match = resolve(urlsplit(address).path)
    except Resolver404:
        return None
    return pages.find(match.url_name or "", method)


def declared_by(takers: Iterable[Page], name: str) -> list[_Declared]:
    """A field as those of the pages that take its form declare it which read it."""
    return [_Declared(page, asked) for page in takers if (asked := asked_fields.asked_for(page, name))]


def flaws(path: str, html: str) -> Iterator[str]:
    """What is wrong with what a page asks. path: of the page itself, with a leading slash."""
    for asking in fields_of(html):
        takers = [page for action in asking.actions if (page := _taker(action or path, asking.method))]
        yield from flaws_of(path, asking, takers)


def flaws_of(path: str, asking: Field, takers: Iterable[Page]) -> Iterator[str]:
    """What is wrong with one field. takers: the pages that its form is sent to."""
    declared = declared_by(takers, asking.name)
    if not declared:
        yield f"{path} asks for {asking.name}, which no page declares"
    for page, asked in declared:
        if asked.column:
            yield from _flaws_of_stored(path, asking, page, asked)


def _flaws_of_stored(path: str, asking: Field, page: Page, asked: pages.Asked) -> Iterator[str]:
    entry = asked_fields.entry_of(asked)
    if entry is None:
        yield f"{path} asks for {asking.name}, which the data map does not know"
    elif not asked_fields.may_withhold(page, entry):
        return
    elif asking.required and not entry.need and asking.kind != "select":
        yield f"{path} requires {asking.name}, though nothing needs it"
    elif not asking.required and asking.kind not in (*QUIET, "select") and "optional" not in asking.label:
        yield f"{path} does not say that {asking.name} is optional"
