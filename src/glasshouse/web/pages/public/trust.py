"""The trust page: open to everybody."""

import csv
from dataclasses import asdict, fields

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.text import slugify

from glasshouse.access.pages import Audience, Need, page
from glasshouse.events import api as events
from glasshouse.kernel.errors import NotFoundError
from glasshouse.promises import api as promises
from glasshouse.promises.evidence import whole_map
from glasshouse.promises.findings import State
from glasshouse.vault.processing import Activity, activities
from glasshouse.web.csv_files import CSV, cell

AREAS = {"SEC": "Security", "PRI": "Privacy"}
SIGNS = {
    State.VERIFIED: "●",
    State.NOT_VERIFIED: "✕",
    State.CANNOT_TELL: "▲",
    State.NOTHING_TO_CHECK: "–",
    State.NOT_CHECKED: "○",
}


@page(
    "trust",
    name="trust",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    before_acceptance=True,
    menu="Trust",
    menu_order=100,
)
def trust(request: HttpRequest) -> HttpResponse:
    """Every promise, its state, the figure that shows it, and when it was checked."""
    standings = promises.standings()
    rows = [
        asdict(standing) | {"slug": slugify(standing.state), "sign": SIGNS[standing.state]} for standing in standings
    ]
    states = [standing.state for standing in standings]
    counts = {state.name.lower(): states.count(state) for state in State}
    areas = [(name, [row for row in rows if row["id"].startswith(prefix)]) for prefix, name in AREAS.items()]
    return render(request, "public/trust.html", {"areas": areas, "total": len(rows)} | counts)


@page("trust/roots.json", name="roots", need=Need.ANYBODY, audience=Audience.PUBLIC, before_acceptance=True)
def roots(request: HttpRequest) -> JsonResponse:
    """The daily roots of the event chain: keep a copy, and you can tell later whether the log before it was altered."""
    context = [
        {"day": root.day.isoformat(), "events": root.number, "sha256": root.hash, "published_at": root.published_at}
        for root in events.roots()
    ]
    return JsonResponse({"roots": context})


@page("trust.json", name="trust_json", need=Need.ANYBODY, audience=Audience.PUBLIC, before_acceptance=True)
def promises_json(request: HttpRequest) -> JsonResponse:
    """The trust page for programs."""
    return JsonResponse({"promises": [standing.as_json() for standing in promises.standings()]})


@page("trust/data", name="processing", need=Need.ANYBODY, audience=Audience.PUBLIC, before_acceptance=True)
def processing(request: HttpRequest) -> HttpResponse:
    """The record of processing: a page, with format=json or format=csv for programs."""
    recorded = activities(whole_map())
    form = request.GET.get("format")
    if form == "json":
        return JsonResponse({"activities": [asdict(activity) for activity in recorded]})
    if form == "csv":
        response = HttpResponse(content_type=CSV)
        response.headers["Content-Disposition"] = 'attachment; filename="processing.csv"'
        writer = csv.writer(response)
        names = [field.name for field in fields(Activity)]
        writer.writerow(names)
        for activity in recorded:
            values = (getattr(activity, name) for name in names)
            writer.writerow([cell("; ".join(value) if isinstance(value, tuple) else value) for value in values])
        return response
    return render(request, "public/processing.html", {"activities": recorded})


@page("trust/<slug:promise>", name="promise", need=Need.ANYBODY, audience=Audience.PUBLIC, before_acceptance=True)
def promise(request: HttpRequest, promise: str) -> HttpResponse:
    """One promise: how it is checked, what the newest check saw, and in which states it stood before."""
    standing = next((row for row in promises.standings() if row.id == promise), None)
    if standing is None:
        raise NotFoundError
    periods = [(period, SIGNS[period.state], slugify(period.state)) for period in promises.history(standing.id)]
    return render(
        request,
        "public/promise.html",
        {
            "promise": standing,
            "sign": SIGNS[standing.state],
            "slug": slugify(standing.state),
            "explanation": promises.explanation_of(standing.id),
            "periods": periods,
        },
    )
