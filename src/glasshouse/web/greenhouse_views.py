"""Doors of the greenhouse: overview, sites and devices, chart and its data, events."""

import csv
import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import available_timezones

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from crop_contract.variables import VARIABLES
from glasshouse.access import api as access
from glasshouse.access.pages import Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.accounts import api as accounts
from glasshouse.events import api as events
from glasshouse.events.kinds import words_of
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse import readings as readings_of
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import AccountId, DeviceId, OrganisationId, SiteId
from glasshouse.web import once
from glasshouse.web.organisation_page import inside
from glasshouse.web.views import again

CSV, FORMULA = "text/csv; charset=utf-8", ("=", "+", "-", "@", "\t", "\r")
DAY_S = 86_400
LONG_AGO_S = 7 * DAY_S
MOST_PAST_S, MOST_FUTURE_S = -2_000_000_000, 7_000_000_000
NAME = re.compile(r"^([a-z_]{1,20}\.)?[0-9]{1,10}(\.[0-9]{1,10})?$")
LIMITED = sorted(VARIABLES.values(), key=lambda one: one.title)
SIGNS = {"ok": "●", "silent": "○", "implausible": "▲", "low": "▼", "high": "▲"}


def _place(site: str, room: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """A place as the overview shows it: what is heard now, what calls for somebody, and what fell silent long ago."""
    old = [one for one in found if one["ago_s"] is None or (one["state"] == "silent" and one["ago_s"] > LONG_AGO_S)]
    live = [one for one in found if one not in old]
    calls = [one for one in live if one["state"] in ("low", "high")]
    return {"site": site, "room": room, "live": live, "old": old, "calls": calls}


@page(
    "o/<slug:organisation>/",
    name="overview",
    need=Permission.READINGS_READ,
    audience=Audience.GROWER,
    menu="Overview",
    menu_order=10,
)
def overview(request: HttpRequest, organisation: str) -> HttpResponse:
    """Each place now: newest values, trend, whether in range, when last heard. Asked again by the page every few seconds."""
    actor, shown = inside(request)
    rooms: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in readings_of.overview(actor):
        rooms.setdefault((one["site_name"], one["room_name"]), []).append(one | {"sign": SIGNS[one["state"]]})
    places = [_place(*place, found) for place, found in rooms.items()]
    places.sort(key=lambda place: (not place["live"], place["site"], place["room"]))
    template = "overview_rooms.html" if request.headers.get("HX-Request") else "overview.html"
    now_s = clock.now().timestamp()
    response = render(
        request, template, shown | {"places": places, "sites": greenhouse.sites(actor), "now_s": f"{now_s:.3f}"}
    )
    response.headers["X-Now"] = (
        f"{now_s:.3f}"  # by which the browser, whose clock may be wrong, counts how old values are
    )
    return response


def _sites(actor: Actor, shown: dict[str, object]) -> dict[str, object]:
    return shown | {"sites": greenhouse.sites(actor), "zones": sorted(available_timezones()), "variables": LIMITED}


@page(
    "o/<slug:organisation>/sites",
    name="sites",
    need=Permission.SITE_READ,
    audience=Audience.GROWER,
    menu="Sites",
    menu_order=30,
)
def sites(request: HttpRequest, organisation: str) -> HttpResponse:
    """Sites, compartments, devices."""
    return render(request, "sites.html", _sites(*inside(request)))


@page(
    "o/<slug:organisation>/sites",
    name="sites",
    methods=("POST",),
    need=Permission.SITE_CREATE,
    audience=Audience.GROWER,
)
def create_site(request: HttpRequest, organisation: str) -> HttpResponse:
    """Make a site."""
    actor, shown = inside(request)
    try:
        greenhouse.create_site(actor, {key: str(value) for key, value in request.POST.items()})
    except InvalidError as error:
        return again(request, "sites.html", error, **_sites(actor, shown))
    return redirect("sites", organisation)


@page(
    "o/<slug:organisation>/sites/<slug:site>/compartments",
    name="compartments",
    need=Permission.COMPARTMENT_CREATE,
    audience=Audience.GROWER,
    methods=("POST",),
)
def compartments(request: HttpRequest, organisation: str, site: str) -> HttpResponse:
    """Make a compartment."""
    actor = inside(request).actor
    greenhouse.create_compartment(actor, SiteId(site), request.POST.get("name", ""))
    return redirect("sites", organisation)


@page(
    "o/<slug:organisation>/sites/<slug:site>/devices",
    name="devices",
    need=Permission.DEVICE_CREATE,
    audience=Audience.GROWER,
    methods=("POST",),
)
def devices(request: HttpRequest, organisation: str, site: str) -> HttpResponse:
    """Register a device; the page that follows shows its key once."""
    actor = inside(request).actor
    token = greenhouse.create_device(
        actor, SiteId(site), request.POST.get("compartment", ""), request.POST.get("name", "")
    )
    return redirect("device_key", organisation, once.hand_over(actor, "device", token))


@page(
    "o/<slug:organisation>/device-key/<slug:note>",
    name="device_key",
    need=Permission.DEVICE_CREATE,
    audience=Audience.GROWER,
)
def device_key(request: HttpRequest, organisation: str, note: str) -> HttpResponse:
    """A new device's key: shown once, to the session that registered it."""
    actor, shown = inside(request)
    token = once.collect(actor, "device", note)
    return render(request, "device_key.html", shown | {"token": token, "crops": settings.CROPS_ORIGIN})


@page(
    "o/<slug:organisation>/sites/<slug:site>/limits",
    name="limits",
    need=Permission.LIMITS_SET,
    audience=Audience.GROWER,
    methods=("POST",),
)
def limits(request: HttpRequest, organisation: str, site: str) -> HttpResponse:
    """Set or clear the limits of a variable."""
    actor, shown = inside(request)
    raw = {key: str(value) for key, value in request.POST.items()}
    try:
        greenhouse.set_limits(actor, SiteId(site), raw.get("compartment", ""), raw)
    except InvalidError as error:
        return again(request, "sites.html", error, **_sites(actor, shown))
    return redirect("sites", organisation)


@page(
    "o/<slug:organisation>/devices/<slug:device>/revoke",
    name="revoke",
    need=Permission.DEVICE_REVOKE,
    audience=Audience.GROWER,
    methods=("POST",),
)
def revoke(request: HttpRequest, organisation: str, device: str) -> HttpResponse:
    """Revoke a device's key."""
    actor = inside(request).actor
    greenhouse.revoke_device(actor, DeviceId(device))
    return redirect("sites", organisation)


@page(
    "o/<slug:organisation>/events",
    name="events",
    need=Permission.EVENTS_READ,
    audience=Audience.GROWER,
    menu="Events",
    menu_order=70,
)
def event_list(request: HttpRequest, organisation: str) -> HttpResponse:
    """What happened in the organisation."""
    actor, shown = inside(request)
    with access.acting(actor):
        access.require(actor, Permission.EVENTS_READ)
        found = events.of_organisation(OrganisationId(organisation))
        access.saw(actor, "events", [])
    people = accounts.people([AccountId(one.actor) for one in found]) if "MEMBER_READ" in shown["may"] else {}  # type: ignore[operator]
    shown["events"] = [
        {"at": one.at, "kind": one.kind, "words": words_of(one.kind), "subject": one.subject, "actor": one.actor}
        | {"who": people[one.actor].name if one.actor in people else ""}
        for one in found
    ]
    return render(request, "events.html", shown)


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
    actor, shown = inside(request)
    found = readings_of.series(actor)
    chosen = set(request.GET.getlist("s")) or {str(one["id"]) for one in found[:1]}
    places: dict[str, list[dict[str, object]]] = {}
    for one in found:
        one["chosen"] = str(one["id"]) in chosen
        places.setdefault(" · ".join(filter(None, (one["site_name"], one["room_name"]))), []).append(one)
    return render(request, "chart.html", shown | {"places": sorted(places.items()), "count": len(found)})


def _span(request: HttpRequest) -> tuple[list[str], tuple[int, int], int]:
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
    return names, (start, end), points


@page("o/<slug:organisation>/readings", name="readings", need=Permission.READINGS_READ, audience=Audience.GROWER)
def readings(request: HttpRequest, organisation: str) -> HttpResponseBase:
    """Readings for the chart, as JSON; with format=csv every single reading, as a file."""
    actor = inside(request).actor
    names, span, points = _span(request)
    if request.GET.get("format") != "csv":
        return JsonResponse(readings_of.readings(actor, names, span, points))
    rows = readings_of.export(actor, names, span)
    lines = csv.writer(_Echo())
    response = StreamingHttpResponse((lines.writerow(map(cell, row)) for row in rows), content_type=CSV)
    response.headers["Content-Disposition"] = 'attachment; filename="readings.csv"'
    return response


class _Echo:
    """Hands each line on instead of keeping it."""

    def write(self, line: str) -> str:
        """The line."""
        return line


def cell(value: object) -> object:
    """A cell for a CSV file that a spreadsheet will open."""
    # A text that begins like a formula would be run by a spreadsheet.
    return f"'{value}" if isinstance(value, str) and value[:1] in FORMULA else value
