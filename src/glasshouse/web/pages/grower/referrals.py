"""Requests of people whose data the organisation entered."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.kernel.errors import InvalidError
from glasshouse.requests import referrals
from glasshouse.web.forms import again
from glasshouse.web.organisation_page import inside


@page(
    "o/<slug:organisation>/privacy",
    name="referrals",
    need=Permission.REFERRAL_ANSWER,
    audience=Audience.GROWER,
    methods=("GET", "POST"),
    to_support=False,
    menu="Privacy",
    menu_order=80,
    asks=(
        Asked("text", "rights_letter.text"),
        Asked("delete"),
    ),
)
def answer_referrals(request: HttpRequest, organisation: str) -> HttpResponse:
    """Requests of people whose data the organisation entered; answering them."""
    actor, context = inside(request)
    if request.method == "GET":
        return render(request, "grower/referrals.html", context | {"rows": referrals.passed(actor)})
    number, text = request.POST.get("referral", ""), request.POST.get("text", "")
    try:
        referrals.answer(actor, number, text, delete=request.POST.get("delete") == "yes")
    except InvalidError as error:
        return again(request, "grower/referrals.html", error, **context | {"rows": referrals.passed(actor)})
    return redirect("referrals", organisation)
