"""The chart and its readings."""

import csv
import re
from datetime import UTC, datetime
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from glasshouse.access.pages import Asked, Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import readings as readings_of
from glasshouse.kernel.errors import InvalidError
from glasshouse.web.csv_files import CSV, cell
from glasshouse.web.organisation_page import inside

DAY_S = 86_400
MOST_PAST_S, MOST_FUTURE_S = -2_000_000_000, 7_000_000_000
NAME = re.compile(r"^([a-z_]{1,20}\.)?[0-9]{1,10}(\.[0-9]{1,10})?$")


@page(
    "o/<slug:organisation>/chart",
    name="chart",
    need=Permission.READINGS_READ,
    audience=Audience.GROWER,
    menu="Charts",
    menu_order=20,
)
def chart(request: HttpRequest, organisation: str) -> HttpResponse:
    """The chart; its address says which series and what time, so that a copied link shows the same."""
    actor, context = inside(request)
    all_series = readings_of.series(actor)
    chosen = set(request.GET.getlist("s")) or {str(series["id"]) for series in all_series[:1]}
    places: dict[str, list[dict[str, object]]] = {}
    for series in all_series:
        series["chosen"] = str(series["id"]) in chosen
        places.setdefault(" · ".join(filter(None, (series["site_name"], series["room_name"]))), []).append(series)
    return render(request, "grower/chart.html", context | {"places": sorted(places.items()), "count": len(all_series)})


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
    if not names or not all(NAME.match(name) for name in names) or len(names) > 50:
        raise InvalidError("Choose 1 to 50 series (s=…).")
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
    lines = csv.writer(_Echo())
    response = StreamingHttpResponse((lines.writerow(map(cell, row)) for row in rows), content_type=CSV)
    response.headers["Content-Disposition"] = 'attachment; filename="readings.csv"'
    return response


class _Echo:
    """Hands each line on instead of keeping it."""

    def write(self, line: str) -> str:
        """The line."""
        return line
