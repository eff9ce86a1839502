"""Doors of the greenhouse: overview, sites and devices, chart and its data, events."""

import csv
from datetime import UTC, datetime
from zoneinfo import available_timezones

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from glasshouse.access import api as access
from glasshouse.access.permissions import GRANTED, Permission
from glasshouse.events import api as events
from glasshouse.greenhouse import api as greenhouse
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import DeviceId, OrganisationId, SiteId
from glasshouse.web.middleware import actor_of
from glasshouse.web.views import again, form_page, signed_in

DAY_S = 86_400


def within(request: HttpRequest, organisation: str) -> tuple[Actor, dict[str, object]]:
    """The actor within the organisation of the address, and what every page of it shows. Raises NotFoundError."""
    actor = actor_of(request).within(OrganisationId(organisation))
    with access.acting(actor):
        role = access.role_of(actor)
        shown = {"organisation": access.organisation_of(actor), "may": {p.name for p in GRANTED[role]}, "role": role}
    return actor, shown


@signed_in
@require_GET
def overview(request: HttpRequest, organisation: str) -> HttpResponse:
    """Each place now: newest values, whether in range, when last heard. Asked again by the page every few seconds."""
    actor, shown = within(request, organisation)
    now = datetime.now(UTC).timestamp()
    rooms: dict[str, list[dict[str, object]]] = {}
    for one in greenhouse.series(actor):
        heard = one["at"]
        state = "silent" if heard is None or now - heard > 3600 else "ok"
        if one["least"] is not None and one["value"] is not None and not one["least"] <= one["value"] <= one["most"]:
            state = "implausible"
        place = " · ".join(filter(None, (one["site_name"], one["room_name"])))
        when = datetime.fromtimestamp(heard, UTC) if heard else None
        rooms.setdefault(place, []).append(one | {"state": state, "when": when})
    template = "overview_rooms.html" if request.headers.get("HX-Request") else "overview.html"
    return render(request, template, shown | {"rooms": sorted(rooms.items()), "sites": greenhouse.sites(actor)})


@signed_in
@form_page
def sites(request: HttpRequest, organisation: str) -> HttpResponse:
    """Sites, compartments, devices; making new ones."""
    actor, shown = within(request, organisation)
    shown |= {"sites": greenhouse.sites(actor), "zones": sorted(available_timezones())}
    if request.method == "GET":
        return render(request, "sites.html", shown)
    try:
        greenhouse.create_site(actor, {key: str(value) for key, value in request.POST.items()})
    except InvalidError as error:
        return again(request, "sites.html", error, **shown)
    return redirect("sites", organisation)


@signed_in
@require_POST
def compartments(request: HttpRequest, organisation: str, site: str) -> HttpResponse:
    """Make a compartment."""
    actor, _ = within(request, organisation)
    greenhouse.create_compartment(actor, SiteId(site), request.POST.get("name", ""))
    return redirect("sites", organisation)


@signed_in
@require_POST
def devices(request: HttpRequest, organisation: str, site: str) -> HttpResponse:
    """Register a device; the answer is the only page that ever shows its key."""
    actor, shown = within(request, organisation)
    token = greenhouse.create_device(
        actor, SiteId(site), request.POST.get("compartment", ""), request.POST.get("name", "")
    )
    return render(request, "device_key.html", shown | {"token": token, "crops": settings.CROPS_ORIGIN})


@signed_in
@require_POST
def revoke(request: HttpRequest, organisation: str, device: str) -> HttpResponse:
    """Revoke a device's key."""
    actor, _ = within(request, organisation)
    greenhouse.revoke_device(actor, DeviceId(device))
    return redirect("sites", organisation)


@signed_in
@require_GET
def event_list(request: HttpRequest, organisation: str) -> HttpResponse:
    """What happened in the organisation."""
    actor, shown = within(request, organisation)
    with access.acting(actor):
        access.require(actor, Permission.EVENTS_READ)
        shown["events"] = events.of_organisation(OrganisationId(organisation))
    return render(request, "events.html", shown)


@signed_in
@require_GET
def chart(request: HttpRequest, organisation: str) -> HttpResponse:
    """The chart; its address says which series and what time, so that a copied link shows the same."""
    actor, shown = within(request, organisation)
    found = greenhouse.series(actor)
    chosen = set(request.GET.getlist("s")) or {str(one["id"]) for one in found[:1]}
    for one in found:
        one["chosen"] = str(one["id"]) in chosen
    return render(request, "chart.html", shown | {"series": found})


def _span(request: HttpRequest) -> tuple[list[int], int, int, int]:
    now = int(datetime.now(UTC).timestamp())
    try:
        numbers = [int(text) for text in request.GET.getlist("s")]
        start = int(request.GET.get("from", now - DAY_S))
        end = int(request.GET.get("to", now + 60))
        points = min(2000, max(10, int(request.GET.get("points", "300"))))
    except ValueError:
        raise InvalidError("s, from, to and points must be whole numbers (times: seconds since 1970, UTC).") from None
    if not numbers or not start < end:
        raise InvalidError("Choose at least one series (s=…), and an end that comes after the start.")
    return numbers, start, end, points


@signed_in
@require_GET
def readings(request: HttpRequest, organisation: str) -> HttpResponse:
    """Readings for the chart, as JSON, or with format=csv as a file."""
    actor, _ = within(request, organisation)
    numbers, start, end, points = _span(request)
    answer = greenhouse.readings(actor, numbers, start, end, points)
    if request.GET.get("format") != "csv":
        return JsonResponse(answer)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="readings.csv"'
    writer = csv.writer(response)
    writer.writerow(["series", "time_utc", "min", "mean", "max"])
    for number, rows in answer["series"].items():
        for at, *values in rows:
            writer.writerow([number, datetime.fromtimestamp(at, UTC).isoformat(), *values])
    return response
