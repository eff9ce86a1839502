"""Versions of the documents: drafting and publishing."""

from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, MenuGroup, page
from glasshouse.access.permissions import Permission
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import GlasshouseError, InvalidError, NotFoundError
from glasshouse.notices import api as notices
from glasshouse.notices.rules import LANGUAGES, TITLES, Document
from glasshouse.web.forms import again, of_list, small_number
from glasshouse.web.middleware import actor_of


def _staff_page(actor: Actor, after: str = "") -> dict[str, object]:
    rows = notices.progress_of_versions(actor, after)
    return {
        "versions": rows,
        "announcing": any(row.waiting or (row.version.published_at and not row.version.in_force_at) for row in rows),
        "documents": TITLES.items(),
        "languages": LANGUAGES.items(),
        "stale": notices.stale(),
        "missing": settings.OPERATOR.missing(),
    }


@page(
    "staff/documents",
    name="staff_documents",
    need=Permission.DOCUMENT_PUBLISH,
    audience=Audience.STAFF,
    translated=True,
    menu="Documents",
    menu_order=144,
    menu_group=MenuGroup.DESK,
    icon="activity",
)
def documents(request: HttpRequest) -> HttpResponse:
    """Versions with the state of their announcement; the form of a new one, begun with the text in force or with a draft's."""
    copied_from, draft = request.GET.get("from", ""), request.GET.get("draft", "")
    texts = notices.texts_of_draft(actor_of(request), draft) if draft else {}
    if not draft and copied_from in set(Document):
        version = notices.current(Document(copied_from))
        texts = {code: (notices.text_of(version, code).body, "") for code in LANGUAGES}
    written = {f"body_{code}": body for code, (body, _) in texts.items()}
    written |= {f"summary_{code}": summary for code, (_, summary) in texts.items()}
    shown = _staff_page(actor_of(request), request.GET.get("after", ""))
    context = shown | {"fields": _fields(written), "chosen": copied_from}
    return render(request, "staff/documents.html", context)


def _once_more(request: HttpRequest, error: GlasshouseError) -> HttpResponse:
    fields, chosen = _fields(request.POST.dict()), request.POST.get("document", "")
    context = _staff_page(actor_of(request))
    return again(request, "staff/documents.html", error, **context, fields=fields, chosen=chosen)


@page(
    "staff/documents",
    name="staff_documents",
    methods=("POST",),
    need=Permission.DOCUMENT_PUBLISH,
    audience=Audience.STAFF,
    translated=True,
    asks=(
        Asked("document", "notices_version.document"),
        Asked("body_*", "notices_text.body"),
        Asked("summary_*", "notices_text.summary"),
        Asked("significant", "notices_version.significant"),
        Asked("lead_days", "notices_version.lead_days"),
    ),
)
def draft_document(request: HttpRequest) -> HttpResponse:
    """Keep a new version as a draft."""
    form = request.POST
    texts = {code: (form.get(f"body_{code}", ""), form.get(f"summary_{code}", "")) for code in LANGUAGES}
    significant, lead_days = form.get("significant") == "yes", small_number(form.get("lead_days", "0"))
    try:
        notices.draft(actor_of(request), notices.Draft(form.get("document", ""), texts, significant, lead_days))
    except InvalidError as error:
        return _once_more(request, error)
    return redirect("staff_documents")


@page(
    "staff/documents/<slug:version>/publish",
    name="publish_document",
    form_on="staff_documents",
    methods=("POST",),
    need=Permission.DOCUMENT_PUBLISH,
    audience=Audience.STAFF,
    translated=True,
)
def publish_document(request: HttpRequest, version: str) -> HttpResponse:
    """Publish a draft."""
    try:
        notices.publish(actor_of(request), version)
    except (InvalidError, NotFoundError) as error:
        return _once_more(request, of_list(error))
    return redirect("staff_documents")


class _Texts(NamedTuple):
    """The texts of a draft in one language, as the form holds them."""

    code: str
    language: str
    body: str
    summary: str


def _fields(written: dict[str, str]) -> list[_Texts]:
    return [
        _Texts(code, name, written.get(f"body_{code}", ""), written.get(f"summary_{code}", ""))
        for code, name in LANGUAGES.items()
    ]
