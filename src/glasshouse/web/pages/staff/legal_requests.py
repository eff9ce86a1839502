"""Demands of authorities: entering, reviewing as one of two, fetching what is handed over."""

from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.authorities import api as legal
from glasshouse.kernel.errors import InvalidError
from glasshouse.vault.datamap import NAMES
from glasshouse.web.data_categories import categories
from glasshouse.web.forms import shows_again
from glasshouse.web.middleware import actor_of

ASKED = ("address", "authority", "country", "grounds")


def _demands(request: HttpRequest, **_: str) -> dict[str, object]:
    actor = actor_of(request)
    rows = [
        (
            one,
            [(name, NAMES[name]) for name in (one.narrowed if one.first_by else one.asked)],
            [NAMES[name] for name in one.asked],
        )
        for one in legal.demands(actor)
    ]
    return {"rows": rows, "categories": categories()}


@page(
    "staff/demands",
    name="staff_demands",
    need=Permission.LEGAL_REQUEST_REVIEW,
    audience=Audience.STAFF,
    menu="Demands",
    menu_order=140,
)
def demands(request: HttpRequest) -> HttpResponse:
    """Every demand."""
    return render(request, "staff/legal_requests.html", _demands(request))


def _until(written: str) -> date | None:
    if not written:
        return None
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise InvalidError("Write the day like 2027-01-31.", field="barred_until") from None


@page(
    "staff/demands",
    name="staff_demands",
    methods=("POST",),
    need=Permission.LEGAL_REQUEST_REVIEW,
    audience=Audience.STAFF,
)
@shows_again("staff/legal_requests.html", _demands)
def enter(request: HttpRequest) -> HttpResponse:
    """Enter a demand."""
    actor, given = actor_of(request), request.POST
    until = _until(given.get("barred_until", ""))
    address, authority, country, grounds = (given.get(name, "") for name in ASKED)
    legal.enter(actor, legal.Facts(address, authority, country, grounds, given.getlist("asked"), until))
    return redirect("staff_demands")


@page(
    "staff/demands/<slug:demand>/review",
    name="review_demand",
    methods=("POST",),
    need=Permission.LEGAL_REQUEST_REVIEW,
    audience=Audience.STAFF,
)
@shows_again("staff/legal_requests.html", _demands)
def review(request: HttpRequest, demand: str) -> HttpResponse:
    """Review a demand, as one of two."""
    actor, given = actor_of(request), request.POST
    verdict, reasons = given.get("verdict", ""), given.get("reasons", "")
    legal.review(actor, demand, verdict, given.getlist("allowed"), reasons)
    return redirect("staff_demands")


@page("staff/demands/<slug:demand>", name="fetch_demand", need=Permission.LEGAL_REQUEST_REVIEW, audience=Audience.STAFF)
def fetch_demand(request: HttpRequest, demand: str) -> HttpResponse:
    """What is handed over, as a file."""
    name, body = legal.fetch(actor_of(request), demand)
    response = HttpResponse(body, content_type="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
