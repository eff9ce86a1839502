"""The forms of a page as they stand there, held to what the pages that take them declare.

A field that must be filled needs a column whose entry in the data map says what cannot work without it; any other is
marked as optional beside it. Source: PRI-05; GDPR Art. 5(1)(c), 13(2)(e).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

from django.urls import Resolver404, get_resolver, resolve

from glasshouse.access import asked_fields, pages
from glasshouse.access.pages import Audience, Page

QUIET = {"checkbox", "hidden", "radio", "submit"}
ADDRESSES = ("action", "data-make", "data-answer")  # where a form is sent to, by the browser or by a script


@dataclass(slots=True)
class Field:
    """A field of a page as it stands there. action: where its form is sent; empty for the page itself. label: its text."""

    name: str
    kind: str
    required: bool
    action: str = ""
    label: str = ""


@dataclass(slots=True)
class _Reader(HTMLParser):
    """Reads the fields of a page with the texts of their labels."""

    fields: list[Field] = field(default_factory=list)
    action: str = ""
    texts: list[str] = field(default_factory=list)
    open_label: bool = False
    labelled: list[Field] = field(default_factory=list)

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "form":
            self.action = next((str(values[name]) for name in ADDRESSES if values.get(name)), "")
        if tag == "label":
            self.open_label, self.texts, self.labelled = True, [], []
        if tag in ("input", "select", "textarea") and values.get("name") not in (None, "csrfmiddlewaretoken"):
            kind = str(values.get("type") or tag)
            if kind not in ("hidden", "submit"):
                self.fields.append(Field(str(values["name"]), kind, "required" in values, self.action))
                self.labelled.append(self.fields[-1])

    def handle_data(self, data: str) -> None:
        if self.open_label:
            self.texts.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            for labelled in self.labelled:
                labelled.label = " ".join(self.texts).lower()
            self.open_label = False
        if tag == "form":
            self.action = ""


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
    """The pages for persons and for everybody, and others that ask a person for something, that need no id but the customer's."""
    asking = {page.path for page in declared() if page.asks}
    return [
        page
        for page in pages.pages()
        if "GET" in page.methods
        and set(page.arguments) <= {pages.ORGANISATION}
        and (page.audience in (Audience.PERSON, Audience.PUBLIC) or page.path in asking)
    ]


def _taker(address: str) -> Page | None:
    """The page that takes a form sent to an address."""
    try:
        match = resolve(urlsplit(address).path)
    except Resolver404:
        return None
    return pages.find(match.url_name or "", "POST")


def flaws(path: str, html: str) -> Iterator[str]:
    """What is wrong with what a page asks. path: of the page itself, with a leading slash."""
    for asking in fields_of(html):
        taker = _taker(asking.action or path)
        asked = asked_fields.asked_for(taker, asking.name) if taker else None
        if asked is None:
            yield f"{path} asks for {asking.name}, which no page declares"
        elif asked.column:
            yield from _flaws_of(path, asking, asked)


def _flaws_of(path: str, asking: Field, asked: pages.Asked) -> Iterator[str]:
    entry = asked_fields.entry_of(asked)
    if entry is None:
        yield f"{path} asks for {asking.name}, which the data map does not know"
    elif asking.required and not entry.need and asking.kind != "select":
        yield f"{path} requires {asking.name}, though nothing needs it"
    elif not asking.required and asking.kind not in (*QUIET, "select") and "optional" not in asking.label:
        yield f"{path} does not say that {asking.name} is optional"
