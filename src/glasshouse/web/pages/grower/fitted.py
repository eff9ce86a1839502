"""What is fitted to a member: pins, places used often, and the switch. Source: PRI-09."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from glasshouse.access.pages import Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse import readings as readings_of
from glasshouse.kernel.actor import Actor
from glasshouse.personalisation import api as personalisation
from glasshouse.personalisation.rules import DAYS, OFTEN, Pinned
from glasshouse.requests import api as requests
from glasshouse.web.done import led
from glasshouse.web.forms import shows_again
from glasshouse.web.organisation_page import inside


def _charts(actor: Actor, names: tuple[str, ...]) -> list[dict[str, str]]:
    """The pinned series, with what they are called; one that is not there any more has no title."""
    known = {str(series["id"]): series for series in readings_of.series(actor, names=names)} if names else {}
    charts = []
    for name in names:
        series = known.get(name, {"title": "", "site_name": "", "room_name": ""})
        place = " · ".join(filter(None, (series["site_name"], series["room_name"])))
        charts.append({"id": name, "title": series["title"], "place": place})
    return charts


def _context(request: HttpRequest, **_: str) -> dict[str, object]:
    actor, context = inside(request)
    fitted = personalisation.stored(actor)
    names = greenhouse.place_names(actor, [*fitted.places, *fitted.days])
    days = sorted(fitted.days.items(), key=lambda entry: (-entry[1], entry[0]))
    return context | {
        "fitted": fitted,
        "pinned": [{"id": place, "name": names.get(place, "")} for place in fitted.places],
        "count": len(fitted.places) + len(fitted.series),
        "charts": _charts(actor, fitted.series),
        "used": [{"name": names[place], "days": number} for place, number in days if place in names],
        "days": DAYS,
        "often": OFTEN,
    }


@page(
    "o/<slug:organisation>/fitted",
    name="fitted",
    need=Permission.READINGS_READ,
    audience=Audience.GROWER,
    translated=True,
    to_support=False,
)
def fitted(request: HttpRequest, organisation: str) -> HttpResponse:
    """All that is fitted to the member in this organisation, the data that it is made of, and the switch."""
    return render(request, "grower/fitted.html", _context(request))


@page(
    "o/<slug:organisation>/fitted/pin",
    name="pin",
    form_on="overview",
    methods=("POST",),
    need=Permission.READINGS_READ,
    audience=Audience.GROWER,
    translated=True,
    to_support=False,
)
@shows_again("grower/fitted.html", _context)
def pin(request: HttpRequest, organisation: str) -> HttpResponse:
    """Pin a place (place=…), or charts of series (series=…)."""
    actor, form = inside(request).actor, request.POST
    kind, names = (Pinned.PLACE, form.getlist("place")) if "place" in form else (Pinned.SERIES, form.getlist("series"))
    personalisation.pin(actor, kind, names)
    return led("pinned", "overview", organisation)


@page(
    "o/<slug:organisation>/fitted/unpin",
    name="unpin",
    form_on="fitted",
    methods=("POST",),
    need=Permission.READINGS_READ,
    audience=Audience.GROWER,
    translated=True,
    to_support=False,
)
@shows_again("grower/fitted.html", _context)
def unpin(request: HttpRequest, organisation: str) -> HttpResponse:
    """Remove a pin."""
    actor, form = inside(request).actor, request.POST
    kind, name = (Pinned.PLACE, form["place"]) if "place" in form else (Pinned.SERIES, form.get("series", ""))
    personalisation.unpin(actor, kind, name)
    return led("unpinned", "fitted", organisation)


@page(
    "o/<slug:organisation>/fitted/use",
    name="note_use",
    form_on="chart",
    methods=("POST",),
    need=Permission.READINGS_READ,
    audience=Audience.GROWER,
    translated=True,
    to_support=False,
)
def note_use(request: HttpRequest, organisation: str) -> HttpResponse:
    """What the page of charts tells: of which places the member has had charts open for a while."""
    personalisation.note_use(inside(request).actor, request.POST.getlist("place"))
    return HttpResponse(status=204)


@page(
    "o/<slug:organisation>/fitted/off",
    name="fitting_off",
    form_on="fitted",
    methods=("POST",),
    need=Permission.READINGS_READ,
    audience=Audience.GROWER,
    translated=True,
    to_support=False,
)
@shows_again("grower/fitted.html", _context)
def fitting_off(request: HttpRequest, organisation: str) -> HttpResponse:
    """Have nothing fitted to oneself, in any organisation; the days of use are deleted."""
    requests.object_to(inside(request).actor, personalisation.PURPOSE, "")
    return led("fitting-off", "fitted", organisation)


@page(
    "o/<slug:organisation>/fitted/on",
    name="fitting_on",
    form_on="fitted",
    methods=("POST",),
    need=Permission.READINGS_READ,
    audience=Audience.GROWER,
    translated=True,
    to_support=False,
)
@shows_again("grower/fitted.html", _context)
def fitting_on(request: HttpRequest, organisation: str) -> HttpResponse:
    """Have pages fitted to oneself again."""
    requests.allow(inside(request).actor, personalisation.PURPOSE)
    return led("fitting-on", "fitted", organisation)
