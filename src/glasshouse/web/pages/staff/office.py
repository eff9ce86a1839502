"""The privacy officer's desk."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from glasshouse.access.pages import Asked, Audience, MenuGroup, page
from glasshouse.access.permissions import Permission
from glasshouse.kernel.errors import InvalidError
from glasshouse.privacy_office import api as desks
from glasshouse.privacy_office import held
from glasshouse.retention.legal_holds import Bar, Order
from glasshouse.web.forms import shows_again, small_number
from glasshouse.web.middleware import actor_of
from glasshouse.web.written_days import day_of


def _context(request: HttpRequest, **_: str) -> dict[str, object]:
    asked = request.GET
    begun = desks.Begun(asked.get("restricted", ""), asked.get("holds", ""), asked.get("statistics", ""))
    return {"desk": desks.desk(actor_of(request), begun)}


def _act_context(request: HttpRequest) -> dict[str, object]:
    """What the address says that an act did, with its hold: the page says so only where the hold's state agrees."""
    act, number = request.GET.get("done", ""), request.GET.get("hold", "")
    return {"done": act, "done_hold": held.of_number(actor_of(request), number) if act and number else None}


def _to_office(act: str, number: str) -> HttpResponse:
    return redirect(f"{reverse('office')}?{urlencode({'done': act, 'hold': number})}")


@page(
    "staff/office",
    name="office",
    need=Permission.DESK_READ,
    audience=Audience.STAFF,
    translated=True,
    menu="Privacy office",
    menu_order=142,
    menu_group=MenuGroup.DESK,
    icon="shield",
)
def office(request: HttpRequest) -> HttpResponse:
    """Figures, legal holds, certificates of deletion runs, restrictions."""
    return render(request, "staff/office.html", _context(request) | _act_context(request))


@page(
    "staff/office/holds",
    name="place_legal_hold",
    form_on="office",
    methods=("POST",),
    need=Permission.HOLD_CHANGE,
    audience=Audience.STAFF,
    translated=True,
    asks=(
        Asked("whom", "retention_hold.address"),
        Asked("reason", "retention_hold.reason"),
        Asked("days", "retention_hold.ends_at"),
        Asked("barred_until", "retention_hold.barred_until"),
        Asked("bar", "retention_hold.bar"),
        Asked("beside"),
    ),
)
@shows_again("staff/office.html", _context)
def place_legal_hold(request: HttpRequest) -> HttpResponse:
    """Place a legal hold on the data of a person or an organisation."""
    actor, form = actor_of(request), request.POST
    until, why = form.get("barred_until", ""), form.get("bar", "")
    last_day = day_of(until, "barred_until")
    if why and last_day is None:
        raise InvalidError(
            "A bar ends on a day to come, within ten years; without a bar leave it empty.", field="barred_until"
        )
    bar = Bar(why, last_day) if last_day else None
    order = Order(
        actor.id, form.get("reason", ""), small_number(form.get("days", "")), bar, form.get("beside") == "yes"
    )
    return _to_office("placed", held.place(actor, form.get("whom", ""), order))


@page(
    "staff/office/holds/<slug:hold>/end",
    name="end_legal_hold",
    need=Permission.HOLD_CHANGE,
    audience=Audience.STAFF,
    translated=True,
)
def ask_end_of_legal_hold(request: HttpRequest, hold: str) -> HttpResponse:
    """What follows if a hold ends now, before it does."""
    return render(request, "staff/end_hold.html", _end_context(request, hold))


def _end_context(request: HttpRequest, hold: str) -> dict[str, object]:
    return {"end": held.before_end(actor_of(request), hold)}


@page(
    "staff/office/holds/<slug:hold>/end",
    name="end_legal_hold",
    methods=("POST",),
    need=Permission.HOLD_CHANGE,
    audience=Audience.STAFF,
    translated=True,
)
@shows_again("staff/office.html", lambda request, hold: _context(request))
def end_legal_hold(request: HttpRequest, hold: str) -> HttpResponse:
    """End a hold."""
    held.end(actor_of(request), hold)
    return _to_office("ended", hold)


@page(
    "staff/office/restrictions/<slug:restriction>/lift",
    name="lift_restriction",
    form_on="office",
    methods=("POST",),
    need=Permission.RESTRICTION_LIFT,
    audience=Audience.STAFF,
    translated=True,
    asks=(Asked("reason", "mail_message.body"),),
)
@shows_again("staff/office.html", _context)
def lift_restriction(request: HttpRequest, restriction: str) -> HttpResponse:
    """Lift a restriction, with notice."""
    actor = actor_of(request)
    desks.lift(actor, restriction, request.POST.get("reason", ""))
    return redirect("office")
