"""The privacy officer's desk."""

from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.kernel.errors import InvalidError
from glasshouse.privacy_office import api as desks
from glasshouse.retention.legal_holds import Bar, Order
from glasshouse.web.forms import shows_again, small_number
from glasshouse.web.middleware import actor_of


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise InvalidError("Write the last day of the bar as 2026-12-31.", field="barred_until") from None


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
        Asked("whom", "retention_hold.address"),
        Asked("reason", "retention_hold.reason"),
        Asked("days", "retention_hold.ends_at"),
        Asked("barred_until", "retention_hold.barred_until"),
        Asked("bar", "retention_hold.bar"),
    ),
)
@shows_again("staff/office.html", _context)
def place_legal_hold(request: HttpRequest) -> HttpResponse:
    """Place a legal hold on the data of a person or an organisation."""
    actor, form = actor_of(request), request.POST
    until, why = form.get("barred_until", ""), form.get("bar", "")
    bar = Bar(why, _day(until)) if until or why else None
    order = Order(actor.id, form.get("reason", ""), small_number(form.get("days", "")), bar)
    desks.place_legal_hold(actor, form.get("whom", ""), order)
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
