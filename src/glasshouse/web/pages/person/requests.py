"""A person's own privacy request: how far it is, what was written, writing something more."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import KB, Asked, Audience, FormRules, Need, page
from glasshouse.requests import api as requests
from glasshouse.requests import replies
from glasshouse.web.forms import shows_again
from glasshouse.web.languages import readers_language
from glasshouse.web.middleware import actor_of
from glasshouse.web.request_shown import request_shown


def _context(request: HttpRequest, number: str) -> dict[str, object]:
    privacy_request = requests.own(actor_of(request), number)
    return request_shown(privacy_request)


@page(
    "account/data/requests/<id:number>",
    name="my_request",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
    translated=True,
)
def my_request(request: HttpRequest, number: str) -> HttpResponse:
    """One's own request."""
    return render(request, "person/request.html", _context(request, number))


@page(
    "account/data/requests/<id:number>/reply",
    name="reply_to_request",
    form_on="my_request",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
    form=FormRules(most_bytes=256 * KB, long_fields=frozenset({"text"})),
    asks=(Asked("text", "rights_letter.text"),),
    translated=True,
)
@shows_again("person/request.html", _context)
def reply_to_request(request: HttpRequest, number: str) -> HttpResponse:
    """Write something more to one's own request; where it is closed, that opens one that follows it."""
    text, language = request.POST.get("text", ""), readers_language(request)
    continued = replies.of_person(actor_of(request), number, text, language)
    return redirect("my_request", continued.id)
