"""The transparency report."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from glasshouse.access.pages import Audience, MenuGroup, Need, page
from glasshouse.authorities import api as legal


@page(
    "trust/legal-requests",
    name="legal_requests",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    translated=True,
    before_acceptance=True,
    menu="Government requests",
    menu_order=102,
    menu_group=MenuGroup.TRUST,
    icon="file",
)
def legal_requests(request: HttpRequest) -> HttpResponse:
    """The transparency report: legal requests of authorities, counted."""
    return render(request, "public/legal_requests.html", {"years": legal.report()})
