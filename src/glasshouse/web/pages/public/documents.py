"""The documents in force: reading, comparing."""

from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from markdown_it import MarkdownIt

from glasshouse.access.pages import Audience, MenuGroup, Need, page
from glasshouse.disclosures import api as disclosures
from glasshouse.disclosures import rules as recipient_rules
from glasshouse.kernel import clock
from glasshouse.kernel.errors import NotFoundError
from glasshouse.notices import api as notices
from glasshouse.notices import rules
from glasshouse.notices.models import Version
from glasshouse.notices.rules import LANGUAGES, TITLES, Document
from glasshouse.sources.rules import KINDS as SOURCE_KINDS
from glasshouse.web.forms import small_number

MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def _html(body: str) -> SafeString:
    # Raw HTML in a text is escaped by the parser (html=False), and javascript: links are refused by its validator.
    return SafeString(MARKDOWN.render(body))


def _language() -> str:
    """The language of the page, in which its document is shown where it is written in it."""
    return rules.language_of(translation.get_language() or "en")


def _document(name: str) -> Document:
    if name not in set(Document):
        raise NotFoundError
    return Document(name)


class KindOfRecipients(NamedTuple):
    """Those of one kind who receive something, or soon will. kind: in plain words."""

    kind: str
    entries: list[disclosures.ListedRecipient]


def _recipients() -> list[KindOfRecipients]:
    """Everybody who receives personal data now, by kind. Authorities are counted, and named to nobody."""
    listed = disclosures.receiving()
    return [
        KindOfRecipients(gettext(title), [entry for entry in listed if entry.recipient.kind == kind])
        for kind, title in recipient_rules.TITLES.items()
        if kind is not recipient_rules.Kind.AUTHORITY
    ]


def _context(version: Version, language: str) -> dict[str, object]:
    document = Document(version.document)
    text = notices.readable(version, language)
    is_in_force = version == notices.current(document)
    is_notice = document is Document.NOTICE
    return {
        "version": version,
        "title": rules.title_of(document, language),
        "is_past": version.in_force_at is not None and version.in_force_at <= clock.now(),
        "text": text,
        "body": _html(text.body),
        "tables": version.tables if is_notice else [],
        "operator": settings.OPERATOR,
        "recipients": _recipients() if is_notice and is_in_force else [],
        "unreadable": disclosures.unreadable_count() if is_notice and is_in_force else 0,
        "source_kinds": SOURCE_KINDS.values() if is_notice else [],
        "languages": LANGUAGES.items(),
        "versions": notices.versions(document),
        "stale": is_notice and is_in_force and notices.stale(),
        "coming": [version for version in notices.coming() if version.document == document],
    }


@page(
    "documents",
    name="documents",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    translated=True,
    before_acceptance=True,
    menu="Policies",
    menu_order=104,
    menu_group=MenuGroup.TRUST,
    icon="file",
)
def documents(request: HttpRequest) -> HttpResponse:
    """Every document in force, and what is coming."""
    language = _language()
    rows = [(rules.title_of(document, language), notices.current(document)) for document in TITLES]
    coming = [(rules.title_of(Document(version.document), language), version) for version in notices.coming()]
    return render(request, "public/documents.html", {"rows": rows, "coming": coming})


@page(
    "documents/<slug:document>",
    name="document",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    translated=True,
    before_acceptance=True,
    under="documents",
)
def document(request: HttpRequest, document: str) -> HttpResponse:
    """One version of a document; the one in force unless another is asked for."""
    name = _document(document)
    number = request.GET.get("version", "")
    version = notices.version_of(name, small_number(number)) if number else notices.current(name)
    return render(request, "public/document.html", _context(version, _language()))


@page(
    "documents/<slug:document>/compare",
    name="compare",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    translated=True,
    before_acceptance=True,
)
def compare(request: HttpRequest, document: str) -> HttpResponse:
    """A version compared with another: the one before it, or the one in force."""
    name = _document(document)
    newer = notices.version_of(name, small_number(request.GET.get("to", "")) or (notices.current(name).number or 0))
    before = small_number(request.GET.get("from", "")) or max(1, (newer.number or 1) - 1)
    older, language = notices.version_of(name, before), _language()
    old, new = (notices.readable(version, language, markdown=False) for version in (older, newer))
    context = {"pieces": rules.compared(old.body, new.body), "older": older, "newer": newer}
    context |= {"title": rules.title_of(name, language), "text": new}
    return render(request, "public/compare.html", context)
