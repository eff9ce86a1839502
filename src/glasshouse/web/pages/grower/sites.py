"""Sites, compartments, devices and target ranges."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from crop_contract.variables import VARIABLES
from glasshouse.access.pages import Asked, Audience, MenuGroup, page
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse import readings
from glasshouse.kernel.ids import DeviceId, SiteId
from glasshouse.kernel.time_zones import time_zones
from glasshouse.web import once
from glasshouse.web.done import led
from glasshouse.web.forms import shows_again
from glasshouse.web.organisation_page import inside
from glasshouse.web.sites_asked import within_of
from glasshouse.web.variable_titles import variable_title


def _sites(request: HttpRequest, **_: str) -> dict[str, object]:
    actor, context = inside(request)
    piece = greenhouse.sites(actor, request.GET.get("sites", ""), within_of(request))
    left_out = readings.fields_left_out(actor) if any(site.devices for site in piece) else {}
    for device in (device for site in piece for device in site.devices):
        device.left_out = ", ".join(left_out.get(device.id, []))
    limited = sorted(VARIABLES.values(), key=lambda variable: variable_title(variable.title))
    return context | {"sites": piece, "zones": sorted(time_zones()), "variables": limited}


@page(
    "o/<slug:organisation>/sites",
    name="sites",
    need=Permission.SITE_READ,
    audience=Audience.GROWER,
    translated=True,
    menu="Sites & devices",
    menu_order=30,
    menu_group=MenuGroup.SET_UP,
    icon="sites",
)
def sites(request: HttpRequest, organisation: str) -> HttpResponse:
    """Sites, compartments, devices."""
    return render(request, "grower/sites.html", _sites(request))


@page(
    "o/<slug:organisation>/sites",
    name="sites",
    methods=("POST",),
    need=Permission.SITE_CREATE,
    audience=Audience.GROWER,
    translated=True,
    asks=(
        Asked("name", "greenhouse_site.name"),
        Asked("time_zone", "greenhouse_site.facts"),
        Asked("latitude", "greenhouse_site.facts"),
        Asked("longitude", "greenhouse_site.facts"),
        Asked("area_m2", "greenhouse_site.facts"),
        Asked("crop", "greenhouse_site.facts"),
    ),
)
@shows_again("grower/sites.html", _sites)
def create_site(request: HttpRequest, organisation: str) -> HttpResponse:
    """Make a site."""
    actor = inside(request).actor
    greenhouse.create_site(actor, {key: str(value) for key, value in request.POST.items()})
    return led("site-added", "sites", organisation)


@page(
    "o/<slug:organisation>/sites/<slug:site>/compartments",
    name="compartments",
    form_on="sites",
    need=Permission.COMPARTMENT_CREATE,
    audience=Audience.GROWER,
    translated=True,
    methods=("POST",),
    asks=(Asked("name", "greenhouse_compartment.name"),),
)
@shows_again("grower/sites.html", _sites)
def create_compartment(request: HttpRequest, organisation: str, site: str) -> HttpResponse:
    """Make a compartment."""
    actor = inside(request).actor
    greenhouse.create_compartment(actor, SiteId(site), request.POST.get("name", ""))
    return led("compartment-added", "sites", organisation)


@page(
    "o/<slug:organisation>/sites/<slug:site>/devices",
    name="devices",
    form_on="sites",
    need=Permission.DEVICE_CREATE,
    audience=Audience.GROWER,
    translated=True,
    methods=("POST",),
    asks=(
        Asked("name", "greenhouse_device.name"),
        Asked("compartment", "greenhouse_device.compartment_id"),
    ),
)
@shows_again("grower/sites.html", _sites)
def register_device(request: HttpRequest, organisation: str, site: str) -> HttpResponse:
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
    translated=True,
    under="sites",
)
def device_key(request: HttpRequest, organisation: str, note: str) -> HttpResponse:
    """A new device's key: shown once, to the session that registered it."""
    actor, context = inside(request)
    token = once.collect(actor, "device", note)
    return render(
        request,
        "grower/device_key.html",
        context | {"token": token, "write_address": f"{settings.CROPS_ORIGIN}/api/v2/write"},
    )


@page(
    "o/<slug:organisation>/sites/<slug:site>/target-ranges",
    name="set_target_ranges",
    form_on="sites",
    need=Permission.TARGET_RANGES_SET,
    audience=Audience.GROWER,
    translated=True,
    methods=("POST",),
    asks=(
        Asked("compartment"),
        Asked("variable", "greenhouse_site.limits"),
        Asked("least", "greenhouse_site.limits"),
        Asked("most", "greenhouse_site.limits"),
    ),
)
@shows_again("grower/sites.html", _sites)
def set_target_ranges(request: HttpRequest, organisation: str, site: str) -> HttpResponse:
    """Set or clear the limits of a variable."""
    actor = inside(request).actor
    raw = {key: str(value) for key, value in request.POST.items()}
    greenhouse.set_target_ranges(actor, SiteId(site), raw.get("compartment", ""), raw)
    return led("range-set", "sites", organisation)


@page(
    "o/<slug:organisation>/devices/<slug:device>/revoke",
    name="revoke",
    form_on="sites",
    need=Permission.DEVICE_REVOKE,
    audience=Audience.GROWER,
    translated=True,
    methods=("POST",),
)
def revoke_device(request: HttpRequest, organisation: str, device: str) -> HttpResponse:
    """Revoke a device's key."""
    actor = inside(request).actor
    greenhouse.revoke_device(actor, DeviceId(device))
    return led("device-revoked", "sites", organisation)
