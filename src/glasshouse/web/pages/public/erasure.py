"""How far an erasure is."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from glasshouse.access.pages import Audience, Need, page
from glasshouse.subject import erasure as rights


@page(
    "erasure/<slug:number>",
    name="erasure",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    before_acceptance=True,
    translated=True,
)
def erasure(request: HttpRequest, number: str) -> HttpResponse:
    """How far an erasure is, for anybody who has its number. Nothing else of the person is shown."""
    return render(request, "public/erasure.html", {"erasure": rights.progress_of(number)})
