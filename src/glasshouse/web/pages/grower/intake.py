"""Recurring intake: the folder of a site whose files are imported by themselves."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import intake as recurring
from glasshouse.kernel.ids import SiteId
from glasshouse.web.forms import shows_again
from glasshouse.web.organisation_page import inside


def _intakes(request: HttpRequest, **_: str) -> dict[str, object]:
    actor, context = inside(request)
    return context | {"intakes": recurring.intakes(actor), "is_offered": recurring.is_offered()}


@page(
    "o/<slug:organisation>/intake",
    name="intake",
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    translated=True,
    to_support=False,
    under="import",
)
def intake(request: HttpRequest, organisation: str) -> HttpResponse:
    """Which sites' folders are looked into, and what was refused."""
    return render(request, "grower/intake.html", _intakes(request))


@page(
    "o/<slug:organisation>/intake/<slug:site>/start",
    name="start_intake",
    form_on="intake",
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    translated=True,
    methods=("POST",),
    to_support=False,
    asks=(Asked("compartment", "greenhouse_site.intake"),),
)
@shows_again("grower/intake.html", _intakes)
def start_intake(request: HttpRequest, organisation: str, site: str) -> HttpResponse:
    """Have the files of a site's folder imported from now on."""
    actor = inside(request).actor
    recurring.switch_on(actor, SiteId(site), request.POST.get("compartment", ""))
    return redirect("intake", organisation)


@page(
    "o/<slug:organisation>/intake/<slug:site>/stop",
    name="stop_intake",
    form_on="intake",
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    translated=True,
    methods=("POST",),
    to_support=False,
)
@shows_again("grower/intake.html", _intakes)
def stop_intake(request: HttpRequest, organisation: str, site: str) -> HttpResponse:
    """Leave the files of a site's folder alone."""
    actor = inside(request).actor
    recurring.switch_off(actor, SiteId(site))
    return redirect("intake", organisation)
