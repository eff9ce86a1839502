"""Doors of third-party data: the officer's register and imports; objecting by a mailed link."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.sources import api, rules
from glasshouse.web.middleware import actor_of
from glasshouse.web.views import again, form_page, signed_in

MOST_BYTES = 10 << 20


def _page(actor: Actor) -> dict[str, object]:
    return {"rows": api.sources(actor), "kinds": rules.KINDS.items(), "fields": ", ".join(rules.FIELDS)}


@signed_in
@form_page
def sources(request: HttpRequest) -> HttpResponse:
    """Sources; registering one, taking a file in."""
    actor, given = actor_of(request), request.POST
    if request.method == "GET":
        return render(request, "sources.html", _page(actor))
    try:
        if given.get("act") == "add":
            api.add_source(actor, *(given.get(name, "") for name in ("kind", "name", "licence", "purpose")))
            return redirect("sources")
        file = request.FILES.get("file")
        if file is None or not file.size or file.size > MOST_BYTES:
            raise InvalidError("Choose a CSV or JSON file of 10 MB at most.", field="file")
        report = api.bring_in(actor, given.get("source", ""), file.read().decode("utf-8-sig", errors="replace"))
    except InvalidError as error:
        return again(request, "sources.html", error, **_page(actor))
    return render(request, "sources.html", _page(actor) | {"report": report})


@form_page
def object_source(request: HttpRequest, secret: str) -> HttpResponse:
    """What was taken in about the reader of a mail; one click deletes it. Opening the link alone changes nothing."""
    if request.method == "GET":
        return render(request, "object_source.html", {"rows": api.of_link(secret)})
    api.object_by_link(secret)
    return render(request, "object_source.html", {"done": True})
