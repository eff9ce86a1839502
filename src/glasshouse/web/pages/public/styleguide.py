"""Every component in all its states, in the demo: what pages are made of."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from glasshouse.access.pages import Asked, Audience, Need, page
from glasshouse.kernel import clock

# Of forms that are sent nowhere.
FIELDS = (
    "password",
    "guide-name",
    "guide-note",
    "guide-role",
    "guide-off",
    "guide-a",
    "guide-b",
    "guide-c",
    "guide-address",
)


@page(
    "styleguide",
    name="styleguide",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    before_acceptance=True,
    asks=tuple(map(Asked, FIELDS)),
)
def styleguide(request: HttpRequest) -> HttpResponse:
    """The style guide. There is no such page outside the demo."""
    if not settings.DEMO:
        raise Http404
    context = {
        "now": clock.now(),
        "error": "This password is on a list of stolen ones. Choose another.",
        "field": "password",
    }
    return render(request, "public/styleguide.html", context)
