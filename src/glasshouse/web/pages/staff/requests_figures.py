"""Figures of privacy requests: how many, how long, how many in time; the yearly table of the CCPA."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from glasshouse.access.pages import Asked, Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.requests import statistics
from glasshouse.web.middleware import actor_of


@page(
    "staff/requests/figures",
    name="request_figures",
    need=Permission.REQUEST_READ,
    audience=Audience.STAFF,
    translated=True,
    asks=(Asked("year"),),
)
def request_figures(request: HttpRequest) -> HttpResponse:
    """The figures of a year."""
    year = statistics.year_of(request.GET.get("year", ""))
    return render(request, "staff/requests_figures.html", {"figures": statistics.figures(actor_of(request), year)})
