"""What failed in every try."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.privacy_office import set_aside as failures
from glasshouse.web.forms import shows_again
from glasshouse.web.middleware import actor_of


def _context(request: HttpRequest, **_: str) -> dict[str, object]:
    return {"items": failures.listed(actor_of(request), request.GET.get("after", ""))}


@page(
    "staff/set-aside",
    name="set_aside",
    need=Permission.FAILURE_RETRY,
    audience=Audience.STAFF,
    translated=True,
    under="office",
)
def set_aside(request: HttpRequest) -> HttpResponse:
    """What failed in every try: mails and items of scheduled jobs."""
    return render(request, "staff/set_aside.html", _context(request))


@page(
    "staff/set-aside/<failure:source>/<id:number>/retry",
    name="retry_set_aside",
    form_on="set_aside",
    need=Permission.FAILURE_RETRY,
    audience=Audience.STAFF,
    translated=True,
    under="office",
    methods=("POST",),
)
@shows_again("staff/set_aside.html", _context)
def retry_set_aside(request: HttpRequest, source: str, number: str) -> HttpResponse:
    """Have one of them tried again."""
    failures.try_again(actor_of(request), source, number)
    return redirect("set_aside")


@page(
    "staff/set-aside/<failure:source>/<id:number>/leave",
    name="leave_set_aside",
    form_on="set_aside",
    need=Permission.FAILURE_RETRY,
    audience=Audience.STAFF,
    translated=True,
    under="office",
    methods=("POST",),
)
@shows_again("staff/set_aside.html", _context)
def leave_set_aside(request: HttpRequest, source: str, number: str) -> HttpResponse:
    """Leave one of them as it is."""
    failures.leave(actor_of(request), source, number)
    return redirect("set_aside")
