"""The transparency report."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from glasshouse.access.pages import Audience, Need, page
from glasshouse.authorities import api as legal


@page(
    "trust/legal-requests", name="legal_requests", need=Need.ANYBODY, audience=Audience.PUBLIC, before_acceptance=True
)
def legal_requests(request: HttpRequest) -> HttpResponse:
    """The transparency report: legal requests of authorities, counted."""
    return render(request, "public/legal_requests.html", {"years": legal.report()})
