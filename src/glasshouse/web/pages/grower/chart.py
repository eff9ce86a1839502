"""The chart and its readings."""

import csv
import re
from datetime import UTC, datetime
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from glasshouse.access.pages import Asked, Audience, MenuGroup, page
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import readings as readings_of
from glasshouse.kernel.actor import ActorKind
from glasshouse.kernel.errors import InvalidError
from glasshouse.personalisation import api as personalisation
from glasshouse.web.csv_files import CSV, Echo, cell
from glasshouse.web.organisation_page import inside

DAY_S = 86_400
MOST_PAST_S, MOST_FUTURE_S = -2_000_000_000, 7_000_000_000
MOST_CHOSEN = 50  # series of one chart
NAME = re.compile(r"^([a-z_]{1,20}\.)?[0-9]{1,10}(\.[0-9]{1,10})?$")


@page(
    "o/<slug:organisation>/chart",
    name="chart",
    need=Permission.READINGS_READ,
    audience=Audience.GROWER,
    translated=True,
    menu="Charts",
    menu_order=20,
    menu_group=MenuGroup.DAILY,
    icon="charts",
)
def chart(request: HttpRequest, organisation: str) -> HttpResponse:
    """The chart; its address says which series and what time, so that a copied link shows the same."""
    actor, context = inside(request)
    asked = request.GET.getlist("s")[:MOST_CHOSEN]
    piece = readings_of.series(actor, request.GET.get("after", ""))
    asked = [name for name in asked if NAME.match(name)]
    chosen = set(asked) or {str(series["id"]) for series in piece[:1]}
    elsewhere = chosen - {str(series["id"]) for series in piece}
    shown = [*(readings_of.series(actor, names=sorted(elsewhere)) if elsewhere else ()), *piece]
    places: dict[str, list[dict[str, object]]] = {}
    for series in shown:
        series["chosen"] = str(series["id"]) in chosen
        places.setdefault(" · ".join(filter(None, (series["site_name"], series["room_name"]))), []).append(series)
    fitted = personalisation.fitted(actor)
    context |= {"chosen": sorted(chosen), "fitting": actor.kind is ActorKind.PERSON and not fitted.off}
    context |= {"places": sorted(places.items()), "count": len(shown), "piece": piece}
    return render(request, "grower/chart.html", context)


class _Question(NamedTuple):
    """What a chart asks: series, a span (seconds since 1970 UTC) and in how many buckets it is read."""

    series: list[str]
    span: tuple[int, int]
    points: int


def _question(request: HttpRequest) -> _Question:
    """The question of a request. Raises InvalidError."""
    now = int(datetime.now(UTC).timestamp())
    names = request.GET.getlist("s")
    try:
        start = int(request.GET.get("from", now - DAY_S))
        end = int(request.GET.get("to", now + 60))
        points = min(2000, max(10, int(request.GET.get("points", "300"))))
    except ValueError:
        raise InvalidError("from, to and points must be whole numbers (times: seconds since 1970, UTC).") from None
    if not names or not all(NAME.match(name) for name in names) or len(names) > MOST_CHOSEN:
        raise InvalidError(f"Choose 1 to {MOST_CHOSEN} series (s=…).")
    if not MOST_PAST_S < start < end < MOST_FUTURE_S:
        raise InvalidError("The end must come after the start, and both must be times that a calendar knows.")
    return _Question(names, (start, end), points)


@page(
    "o/<slug:organisation>/readings",
    name="readings",
    need=Permission.READINGS_READ,
    audience=Audience.GROWER,
    asks=(Asked("s"),),
)
def readings(request: HttpRequest, organisation: str) -> HttpResponseBase:
    """Readings for the chart, as JSON; with format=csv every single reading, as a file."""
    actor = inside(request).actor
    question = _question(request)
    if request.GET.get("format") != "csv":
        return JsonResponse(readings_of.readings(actor, *question))
    rows = readings_of.export(actor, question.series, question.span)
    lines = csv.writer(Echo())
    response = StreamingHttpResponse((lines.writerow(map(cell, row)) for row in rows), content_type=CSV)
    response.headers["Content-Disposition"] = 'attachment; filename="readings.csv"'
    return response
