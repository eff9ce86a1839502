"""Requests of people whose data the organisation entered."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, MenuGroup, page
from glasshouse.access.permissions import Permission
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.requests import referrals
from glasshouse.web.forms import again
from glasshouse.web.organisation_page import inside
from glasshouse.web.request_choices import KINDS


def _rows(request: HttpRequest, actor: Actor) -> dict[str, object]:
    piece = referrals.passed(actor, request.GET.get("after", ""))
    return {"rows": piece.of([(passed, KINDS.get(passed.kind, passed.kind)) for passed in piece])}


@page(
    "o/<slug:organisation>/privacy",
    name="referrals",
    need=Permission.REFERRAL_ANSWER,
    audience=Audience.GROWER,
    translated=True,
    methods=("GET", "POST"),
    to_support=False,
    asks=(
        Asked("text", "rights_letter.text"),
        Asked("delete"),
    ),
    menu="Privacy requests",
    menu_order=80,
    menu_group=MenuGroup.ORGANISATION,
    icon="shield",
)
def answer_referrals(request: HttpRequest, organisation: str) -> HttpResponse:
    """Requests of people whose data the organisation entered; answering them."""
    actor, context = inside(request)
    if request.method == "GET":
        return render(request, "grower/referrals.html", context | _rows(request, actor))
    number, text = request.POST.get("referral", ""), request.POST.get("text", "")
    try:
        referrals.answer(actor, number, text, delete=request.POST.get("delete") == "yes")
    except InvalidError as error:
        # All forms go to one address: only the one that was sent shows again what was written, and what is wrong.
        return again(request, "grower/referrals.html", error, **context | _rows(request, actor), sent_to=number)
    return redirect("referrals", organisation)
