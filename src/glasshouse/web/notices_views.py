"""Doors of the documents: reading, comparing, accepting, refusing; and the officer's: drafting and publishing."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt

from glasshouse.access.pages import Audience, FormRules, Need, page
from glasshouse.access.permissions import Permission
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.notices import api as notices
from glasshouse.notices import rules
from glasshouse.notices.models import Version
from glasshouse.notices.rules import LANGUAGES, TITLES, Document
from glasshouse.web.middleware import actor_of
from glasshouse.web.redirects import safe_path
from glasshouse.web.views import again

MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def _html(body: str) -> SafeString:
    # Raw HTML in a text is escaped by the parser (html=False), and javascript: links are refused by its validator.
    return SafeString(MARKDOWN.render(body))


def _document(name: str) -> Document:
    if name not in set(Document):
        raise NotFoundError
    return Document(name)


def _language(request: HttpRequest) -> str:
    return rules.language_of(request.GET.get("lang") or request.headers.get("Accept-Language", "en"))


def _number(written: str) -> int:
    return int(written) if written.isdecimal() and len(written) < 6 else 0


def _shown(version: Version, language: str) -> dict[str, object]:
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
        "coming": [one for one in notices.coming() if one.document == document],
    }


@page("documents", name="documents", need=Need.ANYBODY, audience=Audience.PUBLIC, before_acceptance=True)
def documents(request: HttpRequest) -> HttpResponse:
    """Every document in force, and what is coming."""
    rows = [(TITLES[one], notices.current(one)) for one in TITLES]
    coming = [(TITLES[Document(one.document)], one) for one in notices.coming()]
    return render(request, "documents.html", {"rows": rows, "coming": coming})


@page("documents/<slug:document>", name="document", need=Need.ANYBODY, audience=Audience.PUBLIC, before_acceptance=True)
def document(request: HttpRequest, document: str) -> HttpResponse:
    """One version of a document; the one in force unless another is asked for."""
    name = _document(document)
    wanted = request.GET.get("version", "")
    version = notices.version_of(name, _number(wanted)) if wanted else notices.current(name)
    return render(request, "document.html", _shown(version, _language(request)))


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
    newer = notices.version_of(name, _number(request.GET.get("to", "")) or (notices.current(name).number or 0))
    before = _number(request.GET.get("from", "")) or max(1, (newer.number or 1) - 1)
    older, language = notices.version_of(name, before), _language(request)
    pieces = rules.compared(notices.text_of(older, language).body, notices.text_of(newer, language).body)
    shown = {"pieces": pieces, "older": older, "newer": newer, "title": TITLES[name]}
    return render(request, "compare.html", shown | {"text": notices.text_of(newer, language)})


@page(
    "accept",
    name="accept",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("GET", "POST"),
    before_acceptance=True,
)
def accept(request: HttpRequest) -> HttpResponse:
    """What has to be accepted before the service is used; accepting it."""
    actor, language = actor_of(request), _language(request)
    wanted = request.GET.get("next", request.POST.get("next", "/"))
    missing = notices.missing(actor)
    texts = [(TITLES[Document(one.document)], one, notices.text_of(one, language)) for one in missing]
    shown = {"texts": texts, "offer": notices.offer(language), "next": safe_path(wanted), "language": language}
    if request.method == "GET":
        return render(request, "accept.html", shown) if missing else redirect(safe_path(wanted))
    try:
        if request.POST.get("accept") != "yes":
            raise InvalidError("Tick the box to go on, or choose the way out below.", field="accept")
        notices.accept(actor, request.POST.getlist("versions"), rules.language_of(request.POST.get("language", "en")))
    except InvalidError as error:
        return again(request, "accept.html", error, **shown)
    return redirect(safe_path(wanted))


@page(
    "accept/no", name="refuse", need=Need.SIGNED_IN, audience=Audience.PERSON, methods=("POST",), before_acceptance=True
)
def refuse(request: HttpRequest) -> HttpResponse:
    """Not accepting: the way out, with one's data."""
    notices.refuse(actor_of(request))
    return render(request, "refused.html")


# -- the officer's pages -------------------------------------------------------------------------------------------


def _staff_page(actor: Actor) -> dict[str, object]:
    rows = notices.standings(actor)
    return {
        "standings": rows,
        "announcing": any(one.waiting or (one.version.published_at and not one.version.in_force_at) for one in rows),
        "documents": TITLES.items(),
        "languages": LANGUAGES.items(),
        "stale": notices.stale(),
    }


@page(
    "staff/documents",
    name="staff_documents",
    need=Permission.DOCUMENT_PUBLISH,
    audience=Audience.STAFF,
    methods=("GET", "POST"),
    form=FormRules(preview=True),
)
def staff_documents(request: HttpRequest) -> HttpResponse:
    """Versions with the state of their announcement; drafting a new one, publishing a draft."""
    actor = actor_of(request)
    if request.method == "GET":
        begun = request.GET.get("from", "")
        texts = {}
        if begun in set(Document):
            texts = {code: notices.text_of(notices.current(Document(begun)), code).body for code in LANGUAGES}
        written = {"document": begun} | {f"body_{code}": body for code, body in texts.items()}
        return render(
            request, "staff_documents.html", _staff_page(actor) | {"fields": _fields(written), "chosen": begun}
        )
    try:
        if "publish" in request.POST:
            notices.publish(actor, request.POST["publish"])
        else:
            texts_given = {
                code: (request.POST.get(f"body_{code}", ""), request.POST.get(f"summary_{code}", ""))
                for code in LANGUAGES
            }
            notices.draft(
                actor,
                notices.Draft(
                    request.POST.get("document", ""),
                    texts_given,
                    request.POST.get("significant") == "yes",
                    _number(request.POST.get("lead_days", "0")),
                ),
            )
    except InvalidError as error:
        fields, chosen = _fields(request.POST.dict()), request.POST.get("document", "")
        return again(request, "staff_documents.html", error, **_staff_page(actor), fields=fields, chosen=chosen)
    return redirect("staff_documents")


def _fields(written: dict[str, str]) -> list[tuple[str, str, str, str]]:
    return [
        (code, name, written.get(f"body_{code}", ""), written.get(f"summary_{code}", ""))
        for code, name in LANGUAGES.items()
    ]
