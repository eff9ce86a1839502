"""The documents in force: reading, comparing."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt

from glasshouse.access.pages import Audience, Need, page
from glasshouse.kernel.errors import NotFoundError
from glasshouse.notices import api as notices
from glasshouse.notices import rules
from glasshouse.notices.models import Version
from glasshouse.notices.rules import LANGUAGES, TITLES, Document
from glasshouse.web.forms import reader_language, small_number

MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def _html(body: str) -> SafeString:
    # Raw HTML in a text is escaped by the parser (html=False), and javascript: links are refused by its validator.
    return SafeString(MARKDOWN.render(body))


def _document(name: str) -> Document:
    if name not in set(Document):
        raise NotFoundError
    return Document(name)


def _context(version: Version, language: str) -> dict[str, object]:
    document = Document(version.document)
    text = notices.text_of(version, language)
    return {
        "version": version,
        "title": TITLES[document],
        "text": text,
        "body": _html(text.body),
        "tables": version.tables if document is Document.NOTICE else [],
        "languages": LANGUAGES.items(),
        "versions": notices.versions(document),
        "stale": document is Document.NOTICE and version == notices.current(document) and notices.stale(),
        "coming": [version for version in notices.coming() if version.document == document],
    }


@page("documents", name="documents", need=Need.ANYBODY, audience=Audience.PUBLIC, before_acceptance=True)
def documents(request: HttpRequest) -> HttpResponse:
    """Every document in force, and what is coming."""
    rows = [(TITLES[document], notices.current(document)) for document in TITLES]
    coming = [(TITLES[Document(version.document)], version) for version in notices.coming()]
    return render(request, "public/documents.html", {"rows": rows, "coming": coming})


@page("documents/<slug:document>", name="document", need=Need.ANYBODY, audience=Audience.PUBLIC, before_acceptance=True)
def document(request: HttpRequest, document: str) -> HttpResponse:
    """One version of a document; the one in force unless another is asked for."""
    name = _document(document)
    number = request.GET.get("version", "")
    version = notices.version_of(name, small_number(number)) if number else notices.current(name)
    return render(request, "public/document.html", _context(version, reader_language(request)))


@page(
    "documents/<slug:document>/compare",
    name="compare",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    before_acceptance=True,
)
def compare(request: HttpRequest, document: str) -> HttpResponse:
    """A version compared with another: the one before it, or the one in force."""
    name = _document(document)
    newer = notices.version_of(name, small_number(request.GET.get("to", "")) or (notices.current(name).number or 0))
    before = small_number(request.GET.get("from", "")) or max(1, (newer.number or 1) - 1)
    older, language = notices.version_of(name, before), reader_language(request)
    pieces = rules.compared(notices.text_of(older, language).body, notices.text_of(newer, language).body)
    context = {"pieces": pieces, "older": older, "newer": newer, "title": TITLES[name]}
    return render(request, "public/compare.html", context | {"text": notices.text_of(newer, language)})
