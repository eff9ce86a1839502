"""The privacy officer's desk."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.privacy_office import api as desks
from glasshouse.web.forms import shows_again, small_number
from glasshouse.web.middleware import actor_of


def _context(request: HttpRequest, **_: str) -> dict[str, object]:
    actor = actor_of(request)
    return {"desk": desks.desk(actor), "risks": desks.RISKS}


@page(
    "staff/office",
    name="office",
    need=Permission.DESK_READ,
    audience=Audience.STAFF,
    menu="Privacy office",
    menu_order=130,
)
def office(request: HttpRequest) -> HttpResponse:
    """Figures, legal holds, certificates of deletion runs, restrictions, assessments."""
    return render(request, "staff/office.html", _context(request))


@page(
    "staff/office/holds",
    name="place_legal_hold",
    form_on="office",
    methods=("POST",),
    need=Permission.HOLD_CHANGE,
    audience=Audience.STAFF,
    asks=(
        Asked("address"),
        Asked("reason", "retention_hold.reason"),
        Asked("days", "retention_hold.ends_at"),
    ),
)
@shows_again("staff/office.html", _context)
def place_legal_hold(request: HttpRequest) -> HttpResponse:
    """Place a legal hold on a person's data."""
    actor, form = actor_of(request), request.POST
    desks.place_legal_hold(actor, form.get("address", ""), form.get("reason", ""), small_number(form.get("days", "")))
    return redirect("office")


@page(
    "staff/office/holds/<slug:hold>/end",
    name="end_legal_hold",
    form_on="office",
    methods=("POST",),
    need=Permission.HOLD_CHANGE,
    audience=Audience.STAFF,
)
@shows_again("staff/office.html", _context)
def end_legal_hold(request: HttpRequest, hold: str) -> HttpResponse:
    """End a hold."""
    desks.end_legal_hold(actor_of(request), hold)
    return redirect("office")


@page(
    "staff/office/restrictions/<slug:restriction>/lift",
    name="lift_restriction",
    form_on="office",
    methods=("POST",),
    need=Permission.RESTRICTION_LIFT,
    audience=Audience.STAFF,
    asks=(Asked("reason", "mail_message.body"),),
)
@shows_again("staff/office.html", _context)
def lift_restriction(request: HttpRequest, restriction: str) -> HttpResponse:
    """Lift a restriction, with notice."""
    actor = actor_of(request)
    desks.lift(actor, restriction, request.POST.get("reason", ""))
    return redirect("office")


@page(
    "staff/office/assessments",
    name="assess",
    form_on="office",
    methods=("POST",),
    need=Permission.PURPOSE_ASSESS,
    audience=Audience.STAFF,
    asks=(
        Asked("purpose", "rights_assessment.purpose"),
        Asked("risk", "rights_assessment.risk"),
        Asked("text", "rights_assessment.text"),
    ),
)
@shows_again("staff/office.html", _context)
def assess(request: HttpRequest) -> HttpResponse:
    """Note an assessment of a purpose."""
    actor, form = actor_of(request), request.POST
    desks.assess(actor, form.get("purpose", ""), form.get("risk", ""), form.get("text", ""))
    return redirect("office")
