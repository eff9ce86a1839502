"""Doors of the privacy office: the officer's desk."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.kernel.errors import InvalidError
from glasshouse.privacy_office import api as desks
from glasshouse.privacy_office import set_aside as failures
from glasshouse.web.middleware import actor_of
from glasshouse.web.views import act_of, again


def number(written: str) -> int:
    """A small whole number that somebody wrote; 0 for anything else."""
    return int(written) if written.isdecimal() and len(written) < 6 else 0


@page(
    "staff/office",
    name="office",
    need=Permission.DESK_READ,
    audience=Audience.STAFF,
    methods=("GET", "POST"),
    menu="Privacy office",
    menu_order=130,
)
def office(request: HttpRequest) -> HttpResponse:
    """Figures, holds, certificates of sweeps, restrictions, assessments; and acting on them."""
    actor = actor_of(request)
    if request.method == "GET":
        return render(request, "office.html", {"desk": desks.desk(actor), "risks": desks.RISKS})
    given = request.POST
    try:
        match act_of(request, "hold", "end-hold", "lift", "assess"):
            case "hold":
                desks.hold(actor, given.get("address", ""), given.get("reason", ""), number(given.get("days", "")))
            case "end-hold":
                desks.end_hold(actor, given.get("hold", ""))
            case "lift":
                desks.lift(actor, given.get("restriction", ""), given.get("reason", ""))
            case "assess":
                desks.assess(actor, given.get("purpose", ""), given.get("risk", ""), given.get("text", ""))
    except InvalidError as error:
        return again(request, "office.html", error, desk=desks.desk(actor), risks=desks.RISKS)
    return redirect("office")


@page("staff/set-aside", name="set_aside", need=Permission.FAILURE_RETRY, audience=Audience.STAFF)
def set_aside(request: HttpRequest) -> HttpResponse:
    """What failed in every try: mails and items of scheduled jobs."""
    return render(request, "set_aside.html", {"items": failures.listed(actor_of(request))})


@page(
    "staff/set-aside/<failure:source>/<id:number>/retry",
    name="retry_set_aside",
    need=Permission.FAILURE_RETRY,
    audience=Audience.STAFF,
    methods=("POST",),
)
def retry_set_aside(request: HttpRequest, source: str, number: str) -> HttpResponse:
    """Have one of them tried again."""
    failures.try_again(actor_of(request), source, number)
    return redirect("set_aside")


@page(
    "staff/set-aside/<failure:source>/<id:number>/leave",
    name="leave_set_aside",
    need=Permission.FAILURE_RETRY,
    audience=Audience.STAFF,
    methods=("POST",),
)
def leave_set_aside(request: HttpRequest, source: str, number: str) -> HttpResponse:
    """Leave one of them as it is."""
    failures.leave(actor_of(request), source, number)
    return redirect("set_aside")
