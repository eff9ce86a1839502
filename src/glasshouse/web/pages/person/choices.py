"""A person's consent and objections by purpose, restriction, and third-party data about the person."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, MenuGroup, Need, page
from glasshouse.accounts import api as accounts
from glasshouse.consent import api as consent
from glasshouse.consent.rules import GROUNDS
from glasshouse.disclosures import api as disclosures
from glasshouse.disclosures import passing_on
from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.kernel.pieces import piece_of_list
from glasshouse.notices import api as notices
from glasshouse.requests import api as requests
from glasshouse.sources import suggestions
from glasshouse.subject import rectification, restriction
from glasshouse.support import record as support_record
from glasshouse.web.forms import shows_again
from glasshouse.web.middleware import actor_of


def _receiver(received: disclosures.Received) -> str:
    return f"{received.recipient.pk}.{received.server}"


def _choices(request: HttpRequest, **_: str) -> dict[str, object]:
    actor = actor_of(request)
    asked = request.GET
    person, address_hash = KeyOwnerId(str(actor.person)), accounts.person_of(actor).address_hash
    return {
        "choices": consent.decisions(actor),
        "restriction": consent.restriction_of(str(actor.person)),
        "grounds": GROUNDS.items(),
        "requests": requests.of_person(actor, asked.get("requests", "")),
        "acceptances": notices.acceptances(actor, asked.get("accepted", "")),
        "disclosed": piece_of_list(disclosures.of_person(person, address_hash), asked.get("received", ""), _receiver),
        "passed_on": passing_on.piece_passed_on(person, address_hash, asked.get("told", "")),
        "views": support_record.of_person(actor),
        "suggestions": suggestions.suggestions(actor, asked.get("suggestions", "")),
    }


@page(
    "account/data/choices",
    name="my_choices",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
    menu="Your choices",
    menu_order=203,
    menu_group=MenuGroup.YOU,
    icon="settings",
    translated=True,
)
def my_choices(request: HttpRequest) -> HttpResponse:
    """Where one stands on each purpose; one's requests and what one accepted."""
    return render(request, "person/choices.html", _choices(request))


@page(
    "account/data/choices/give",
    name="give_consent",
    form_on="my_choices",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
    translated=True,
)
@shows_again("person/choices.html", _choices)
def give_consent(request: HttpRequest) -> HttpResponse:
    """Allow a purpose."""
    actor, form = actor_of(request), request.POST
    requests.allow(actor, form.get("purpose", ""))
    return redirect("my_choices")


@page(
    "account/data/choices/object",
    name="object_to_purpose",
    form_on="my_choices",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
    asks=(Asked("words", "consent_stance.words"),),
    translated=True,
)
@shows_again("person/choices.html", _choices)
def object_to_purpose(request: HttpRequest) -> HttpResponse:
    """Withdraw from a purpose, or object to it."""
    actor, form = actor_of(request), request.POST
    requests.object_to(actor, form.get("purpose", ""), form.get("words", ""))
    return redirect("my_choices")


@page(
    "account/data/choices/restrict",
    name="restrict_own_data",
    form_on="my_choices",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    reauth=True,
    before_acceptance=True,
    asks=(
        Asked("ground", "consent_restriction.ground"),
        Asked("words", "consent_restriction.words"),
    ),
    translated=True,
)
@shows_again("person/choices.html", _choices)
def restrict_own_data(request: HttpRequest) -> HttpResponse:
    """Restrict the use of everything."""
    actor, form = actor_of(request), request.POST
    restriction.restrict(actor, form.get("ground", ""), form.get("words", ""))
    return redirect("my_choices")


@page(
    "account/data/choices/lift",
    name="lift_own_restriction",
    form_on="my_choices",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
    translated=True,
)
@shows_again("person/choices.html", _choices)
def lift_own_restriction(request: HttpRequest) -> HttpResponse:
    """Lift the restriction."""
    actor = actor_of(request)
    restriction.lift(actor)
    return redirect("my_choices")


@page(
    "account/data/choices/suggestions/<slug:suggestion>/right",
    name="suggestion_right",
    form_on="my_choices",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
    translated=True,
)
@shows_again("person/choices.html", _choices)
def suggestion_right(request: HttpRequest, suggestion: str) -> HttpResponse:
    """Confirm a third-party value; a name is corrected by it."""
    rectification.confirm_suggestion(actor_of(request), suggestion)
    return redirect("my_choices")


@page(
    "account/data/choices/suggestions/<slug:suggestion>/wrong",
    name="suggestion_wrong",
    form_on="my_choices",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
    translated=True,
)
@shows_again("person/choices.html", _choices)
def suggestion_wrong(request: HttpRequest, suggestion: str) -> HttpResponse:
    """Say that a third-party value is wrong; it is deleted."""
    actor = actor_of(request)
    rectification.reject_suggestion(actor, suggestion)
    return redirect("my_choices")
