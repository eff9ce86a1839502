"""Contacts that a source's program hands in, and objecting to them by a mailed link."""

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from glasshouse.access.pages import Audience, FormRules, Need, page
from glasshouse.kernel.errors import GlasshouseError, InvalidError
from glasshouse.sources import api
from glasshouse.web import failures

MOST_BYTES, MOST_AT_ONCE = 10 << 20, 2 << 20


@page(
    "v1/contacts",
    name="hand_in",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("POST",),
    form=FormRules(most_bytes_allowed=MOST_AT_ONCE, sender=api.source_of_token, programs=True),
)
def hand_in(request: HttpRequest) -> HttpResponse:
    """Contacts from a source's own program: CSV or a JSON list, with the source's token. Answers what became of each."""
    kind, _, token = str(request.headers.get("Authorization", "")).partition(" ")
    try:
        body = request.body
        if len(body) > MOST_AT_ONCE:
            raise InvalidError("At most 2 MB at once; hand the rest in afterwards.")
        report = api.hand_in(token if kind.lower() == "bearer" else "", body.decode("utf-8-sig", errors="replace"))
    except GlasshouseError as error:
        return failures.answered(request, error, "detail")
    return JsonResponse(asdict(report))


@page(
    "sources/<slug:secret>",
    name="object_source",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    before_acceptance=True,
    translated=True,
)
def object_source(request: HttpRequest, secret: str) -> HttpResponse:
    """What was taken in about the reader of a mail; one click deletes it. Opening the link alone changes nothing."""
    if request.method == "GET":
        return render(request, "public/object_source.html", {"rows": api.of_link(secret)})
    api.object_by_link(secret)
    return render(request, "public/object_source.html", {"deleted": True})
