"""Where one stands on each purpose; restricting; what others told of one."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Audience, Need, page
from glasshouse.consent import api as consent
from glasshouse.consent.rules import GROUNDS
from glasshouse.disclosures import api as disclosures
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import HolderId
from glasshouse.notices import api as notices
from glasshouse.requests import api as requests
from glasshouse.sources import api as sources
from glasshouse.subject import erasure as rights
from glasshouse.support import api as support
from glasshouse.web.forms import again
from glasshouse.web.middleware import actor_of


def _choices(request: HttpRequest) -> dict[str, object]:
    actor = actor_of(request)
    return {
        "standings": consent.standings(actor),
        "restriction": consent.restriction_of(str(actor.person)),
        "grounds": GROUNDS.items(),
        "requests": requests.of_person(actor),
        "acceptances": notices.acceptances(actor),
        "disclosed": disclosures.of_person(HolderId(str(actor.person))),
        "seen": support.seen_of(actor),
        "suggestions": sources.suggestions(actor),
    }


@page("account/data/choices", name="my_choices", need=Need.SIGNED_IN, audience=Audience.PERSON, before_acceptance=True)
def my_choices(request: HttpRequest) -> HttpResponse:
    """Where one stands on each purpose; one's requests and what one accepted."""
    return render(request, "person/choices.html", _choices(request))


@page(
    "account/data/choices/give",
    name="give_consent",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
)
def give_consent(request: HttpRequest) -> HttpResponse:
    """Allow a purpose."""
    actor, given = actor_of(request), request.POST
    try:
        purpose = given.get("purpose", "")
        consent.give(actor, purpose)
        if purpose == sources.PURPOSE:
            sources.welcome_again(actor)
    except InvalidError as error:
        return again(request, "person/choices.html", error, **_choices(request))
    return redirect("my_choices")


@page(
    "account/data/choices/object",
    name="object_to_purpose",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
)
def object_to_purpose(request: HttpRequest) -> HttpResponse:
    """Withdraw from a purpose, or object to it."""
    actor, given = actor_of(request), request.POST
    try:
        requests.object_to(actor, given.get("purpose", ""), given.get("words", ""))
    except InvalidError as error:
        return again(request, "person/choices.html", error, **_choices(request))
    return redirect("my_choices")


@page(
    "account/data/choices/restrict",
    name="restrict",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    reauth=True,
    before_acceptance=True,
)
def restrict(request: HttpRequest) -> HttpResponse:
    """Restrict the use of everything."""
    actor, given = actor_of(request), request.POST
    try:
        consent.restrict(actor, given.get("ground", ""), given.get("words", ""))
    except InvalidError as error:
        return again(request, "person/choices.html", error, **_choices(request))
    return redirect("my_choices")


@page(
    "account/data/choices/lift",
    name="lift",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
)
def lift(request: HttpRequest) -> HttpResponse:
    """Lift the restriction."""
    actor = actor_of(request)
    try:
        consent.lift(actor)
    except InvalidError as error:
        return again(request, "person/choices.html", error, **_choices(request))
    return redirect("my_choices")


@page(
    "account/data/choices/suggestions/<slug:suggestion>/right",
    name="suggestion_right",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
)
def suggestion_right(request: HttpRequest, suggestion: str) -> HttpResponse:
    """Say that what others told is right; a name is corrected by it."""
    actor = actor_of(request)
    try:
        if name := sources.decide(actor, suggestion, right=True):
            rights.correct_name(actor, name)
    except InvalidError as error:
        return again(request, "person/choices.html", error, **_choices(request))
    return redirect("my_choices")


@page(
    "account/data/choices/suggestions/<slug:suggestion>/wrong",
    name="suggestion_wrong",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
)
def suggestion_wrong(request: HttpRequest, suggestion: str) -> HttpResponse:
    """Say that what others told is wrong; it is deleted."""
    actor = actor_of(request)
    try:
        sources.decide(actor, suggestion, right=False)
    except InvalidError as error:
        return again(request, "person/choices.html", error, **_choices(request))
    return redirect("my_choices")
