"""Doors of third-party data: the officer's register and imports; objecting by a mailed link."""

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import KB, Audience, FormRules, Need, page
from glasshouse.access.permissions import Permission
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import GlasshouseError, InvalidError
from glasshouse.sources import api, rules
from glasshouse.web import once
from glasshouse.web.middleware import actor_of
from glasshouse.web.views import act_of, again

MOST_BYTES, MOST_AT_ONCE = 10 << 20, 2 << 20


def _page(actor: Actor) -> dict[str, object]:
    return {"rows": api.sources(actor), "kinds": rules.KINDS.items(), "fields": ", ".join(rules.FIELDS)}


@page(
    "staff/sources",
    name="sources",
    need=Permission.SOURCE_CHANGE,
    audience=Audience.STAFF,
    methods=("GET", "POST"),
    form=FormRules(most_bytes_allowed=MOST_BYTES + 64 * KB),
)
def sources(request: HttpRequest) -> HttpResponse:
    """Sources; registering one, taking a file in."""
    actor, given = actor_of(request), request.POST
    if request.method == "GET":
        shown = _page(actor)
        shown["token"] = once.collect(actor, "source", request.GET["token"]) if "token" in request.GET else None
        shown["report"] = once.collect(actor, "contacts", request.GET["report"]) if "report" in request.GET else None
        shown["gone"] = "token" in request.GET and shown["token"] is None
        return render(request, "sources.html", shown)
    try:
        act = act_of(request, "add", "import", "token")
        if act == "add":
            api.add_source(actor, *(given.get(name, "") for name in ("kind", "name", "licence", "purpose")))
            return redirect("sources")
        if act == "token":
            token = api.make_token(actor, given.get("source", ""))
            return redirect(f"{request.path}?token={once.hand_over(actor, 'source', token)}")
        file = request.FILES.get("file")
        if file is None or not file.size or file.size > MOST_BYTES:
            raise InvalidError("Choose a CSV or JSON file of 10 MB at most.", field="file")
        report = api.bring_in(actor, given.get("source", ""), file.read().decode("utf-8-sig", errors="replace"))
    except InvalidError as error:
        return again(request, "sources.html", error, **_page(actor))
    return redirect(f"{request.path}?report={once.hand_over(actor, 'contacts', asdict(report))}")


@page(
    "v1/contacts",
    name="hand_in",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("POST",),
    form=FormRules(most_bytes_allowed=MOST_AT_ONCE, sender=api.source_of_token, programs=True),
)
def hand_in(request: HttpRequest) -> JsonResponse:
    """Contacts from a source's own program: CSV or a JSON list, with the source's token. Answers what became of each."""
    kind, _, token = str(request.headers.get("Authorization", "")).partition(" ")
    try:
        body = request.body
        if len(body) > MOST_AT_ONCE:
            raise InvalidError("At most 2 MB at once; hand the rest in afterwards.")
        report = api.hand_in(token if kind.lower() == "bearer" else "", body.decode("utf-8-sig", errors="replace"))
    except GlasshouseError as error:
        return JsonResponse({"detail": str(error)}, status=error.status)
    return JsonResponse(asdict(report))


@page(
    "sources/<slug:secret>",
    name="object_source",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    before_acceptance=True,
)
def object_source(request: HttpRequest, secret: str) -> HttpResponse:
    """What was taken in about the reader of a mail; one click deletes it. Opening the link alone changes nothing."""
    if request.method == "GET":
        return render(request, "object_source.html", {"rows": api.of_link(secret)})
    api.object_by_link(secret)
    return render(request, "object_source.html", {"done": True})
