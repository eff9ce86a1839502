"""Data of third parties: the register of sources, and taking files in."""

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from glasshouse.access.pages import KB, Asked, Audience, FormRules, MenuGroup, page
from glasshouse.access.permissions import Permission
from glasshouse.kernel.errors import InvalidError
from glasshouse.sources import api, rules
from glasshouse.web import once
from glasshouse.web.forms import shows_again
from glasshouse.web.middleware import actor_of

MOST_BYTES, MOST_AT_ONCE = 10 << 20, 2 << 20


def _page(request: HttpRequest, **_: str) -> dict[str, object]:
    actor = actor_of(request)
    rows = api.sources(actor, request.GET.get("after", ""))
    return {"rows": rows, "kinds": rules.KINDS.items(), "fields": ", ".join(rules.FIELDS)}


@page(
    "staff/sources",
    name="sources",
    need=Permission.SOURCE_CHANGE,
    audience=Audience.STAFF,
    translated=True,
    menu="Data sources",
    menu_order=151,
    menu_group=MenuGroup.REGISTERS,
    icon="import",
)
def sources(request: HttpRequest) -> HttpResponse:
    """The register; a new token or a report, once."""
    actor = actor_of(request)
    context = _page(request)
    context["token"] = once.collect(actor, "source", request.GET["token"]) if "token" in request.GET else None
    context["report"] = once.collect(actor, "contacts", request.GET["report"]) if "report" in request.GET else None
    context["token_gone"] = "token" in request.GET and context["token"] is None
    return render(request, "staff/sources.html", context)


@page(
    "staff/sources",
    name="sources",
    methods=("POST",),
    need=Permission.SOURCE_CHANGE,
    audience=Audience.STAFF,
    translated=True,
    asks=(
        Asked("kind", "sources_source.kind"),
        Asked("name", "sources_source.name"),
        Asked("licence", "sources_source.licence"),
        Asked("purpose", "sources_source.purpose"),
    ),
)
@shows_again("staff/sources.html", _page)
def add_source(request: HttpRequest) -> HttpResponse:
    """Register a source."""
    actor, form = actor_of(request), request.POST
    api.add_source(actor, *(form.get(name, "") for name in ("kind", "name", "licence", "purpose")))
    return redirect("sources")


@page(
    "staff/sources/<slug:source>/token",
    name="make_source_token",
    form_on="sources",
    methods=("POST",),
    need=Permission.SOURCE_CHANGE,
    audience=Audience.STAFF,
    translated=True,
)
@shows_again("staff/sources.html", _page)
def make_source_token(request: HttpRequest, source: str) -> HttpResponse:
    """Make a token for a source's program; it is shown once."""
    actor = actor_of(request)
    token = api.make_token(actor, source)
    return redirect(f"{reverse('sources')}?token={once.hand_over(actor, 'source', token)}")


@page(
    "staff/sources/<slug:source>/import",
    name="import_contacts",
    form_on="sources",
    methods=("POST",),
    need=Permission.SOURCE_CHANGE,
    audience=Audience.STAFF,
    translated=True,
    form=FormRules(most_bytes_allowed=MOST_BYTES + 64 * KB),
    asks=(Asked("file", "sources_supplied.value"),),
)
@shows_again("staff/sources.html", _page)
def import_contacts(request: HttpRequest, source: str) -> HttpResponse:
    """Import a file of contacts."""
    actor = actor_of(request)
    file = request.FILES.get("file")
    if file is None or not file.size or file.size > MOST_BYTES:
        raise InvalidError("Choose a CSV or JSON file of 10 MB at most.", field="file")
    report = api.bring_in(actor, source, file.read().decode("utf-8-sig", errors="replace"))
    return redirect(f"{reverse('sources')}?report={once.hand_over(actor, 'contacts', asdict(report))}")
