"""The greenhouse now."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from glasshouse.access.pages import Audience, MenuGroup, page
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse import readings as readings_of
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.pieces import Piece
from glasshouse.personalisation import api as personalisation
from glasshouse.personalisation.rules import DAYS, Fitted
from glasshouse.web.organisation_page import inside

DAY_S = 86_400
LONG_AGO_S = 7 * DAY_S
SIGNS = {"ok": "●", "silent": "○", "implausible": "▲", "low": "▼", "high": "▲"}


def _place(tiles: list[dict[str, Any]], fitted: Fitted) -> dict[str, Any]:
    """A site or compartment as the overview shows it: live series, those out of range, and those that fell silent long ago."""
    old = [
        tile for tile in tiles if tile["ago_s"] is None or (tile["state"] == "silent" and tile["ago_s"] > LONG_AGO_S)
    ]
    live = [tile for tile in tiles if tile not in old]
    calls = [tile for tile in live if tile["state"] in ("low", "high")]
    first = tiles[0]
    place = str(first["compartment"] or first["site"])
    return {
        "id": place,
        "site": first["site_name"],
        "compartment": first["room_name"],
        "live": live,
        "old": old,
        "calls": calls,
        "pinned": place in fitted.places,
        "often": fitted.often(place),
    }


def _tile(series: dict[str, Any]) -> dict[str, Any]:
    return series | {"sign": SIGNS[series["state"]]}


def _pinned_charts(actor: Actor, fitted: Fitted, piece: Piece[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tiles of the pinned series, in the order in which they were pinned; on the first piece of the overview only."""
    if piece.begun or not fitted.series:
        return []
    known = {str(series["id"]): series for series in piece}
    if elsewhere := [name for name in fitted.series if name not in known]:
        known |= {str(series["id"]): series for series in readings_of.overview(actor, names=elsewhere)}
    return [_tile(known[name]) for name in fitted.series if name in known]


def _steps(actor: Actor) -> dict[str, str]:
    """How far an organisation without readings is: each step is done, to be done now ("now"), or to come ("")."""
    sites = list(greenhouse.sites(actor))
    has_device = any(site.devices for site in sites)
    return {
        "site": "done" if sites else "now",
        "device": "done" if has_device else "now" if sites else "",
        "reading": "now" if has_device else "",
    }


@page(
    "o/<slug:organisation>/",
    name="overview",
    need=Permission.READINGS_READ,
    audience=Audience.GROWER,
    translated=True,
    menu="Overview",
    menu_order=10,
    menu_group=MenuGroup.DAILY,
    icon="home",
)
def overview(request: HttpRequest, organisation: str) -> HttpResponse:
    """Each site and compartment now: newest values, trend, whether in range, and when. The page asks again every few seconds."""
    actor, context = inside(request)
    compartments: dict[tuple[str, str], list[dict[str, Any]]] = {}
    piece, fitted = readings_of.overview(actor, request.GET.get("after", "")), personalisation.fitted(actor)
    for series in piece:
        compartments.setdefault((series["site_name"], series["room_name"]), []).append(_tile(series))
    places = [_place(tiles, fitted) for tiles in compartments.values()]
    places.sort(key=lambda place: (fitted.order(place["id"]), not place["live"], place["site"], place["compartment"]))
    template = "grower/overview_rooms.html" if request.headers.get("HX-Request") else "grower/overview.html"
    now_s = clock.now().timestamp()
    steps = {} if places else _steps(actor)
    context |= {"places": places, "piece": piece, "steps": steps, "now_s": f"{now_s:.3f}"}
    context |= {"fitted": fitted, "pinned_charts": _pinned_charts(actor, fitted, piece), "days": DAYS}
    response = render(request, template, context)
    response.headers["X-Now"] = (
        f"{now_s:.3f}"  # by which the browser, whose clock may be wrong, counts how old values are
    )
    return response
