"""The activity log: what happened in the organisation."""

import csv
from collections.abc import Iterator
from itertools import chain

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext

from glasshouse.access.pages import Asked, Audience, MenuGroup, page
from glasshouse.access.permissions import Permission
from glasshouse.organisations import names
from glasshouse.subject.activity_words import GROUPS
from glasshouse.web import activity
from glasshouse.web.csv_files import CSV, Echo, cell
from glasshouse.web.organisation_page import inside


@page(
    "o/<slug:organisation>/events",
    name="events",
    need=Permission.EVENTS_READ,
    audience=Audience.GROWER,
    translated=True,
    asks=(Asked("person"), Asked("kind"), Asked("from"), Asked("to")),
    menu="Activity log",
    menu_order=70,
    menu_group=MenuGroup.ORGANISATION,
    icon="activity",
)
def event_list(request: HttpRequest, organisation: str) -> HttpResponseBase:
    """Who did what, to what, when, narrowed by person, kind and days; with format=csv all of that as a file."""
    actor, context = inside(request)
    chosen = activity.filter_of(request.GET)
    if request.GET.get("format") == "csv":
        return _file(activity.all_lines(actor, chosen))
    context |= {
        "lines": activity.lines(actor, chosen, request.GET.get("events", "")),
        "chosen": chosen,
        "people": names.member_names(actor).items(),
        "kinds": GROUPS.items(),
        "is_narrowed": any(chosen),
    }
    exported = request.GET.copy()
    exported.pop("events", None)
    exported["format"] = "csv"
    return render(request, "grower/events.html", context | {"export": f"?{exported.urlencode()}"})


def _file(lines: Iterator[activity.Line]) -> StreamingHttpResponse:
    head = [gettext("When (UTC)"), gettext("Who"), gettext("What"), gettext("Which")]
    rows = ([line.at.isoformat(" ", "seconds"), line.who, line.what, line.thing] for line in lines)
    writer = csv.writer(Echo())
    written = (writer.writerow(map(cell, row)) for row in chain([head], rows))
    response = StreamingHttpResponse(written, content_type=CSV)
    response.headers["Content-Disposition"] = 'attachment; filename="activity.csv"'
    return response
