"""Assessments of the risks of each purpose, by the privacy officer."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, MenuGroup, page
from glasshouse.access.permissions import Permission
from glasshouse.privacy_office import api as desks
from glasshouse.web.forms import shows_again
from glasshouse.web.middleware import actor_of


def _context(request: HttpRequest, **_: str) -> dict[str, object]:
    return {"assessed": desks.assessed(actor_of(request)), "risks": desks.RISKS}


@page(
    "staff/assessments",
    name="assessments",
    need=Permission.DESK_READ,
    audience=Audience.STAFF,
    translated=True,
    menu="Assessments",
    menu_order=146,
    menu_group=MenuGroup.DESK,
    icon="scales",
)
def assessments(request: HttpRequest) -> HttpResponse:
    """Every purpose with its newest assessment."""
    return render(request, "staff/assessments.html", _context(request))


@page(
    "staff/office/assessments",
    name="assess",
    form_on="assessments",
    methods=("POST",),
    need=Permission.PURPOSE_ASSESS,
    audience=Audience.STAFF,
    translated=True,
    under="assessments",
    asks=(
        Asked("purpose", "rights_assessment.purpose"),
        Asked("risk", "rights_assessment.risk"),
        Asked("text", "rights_assessment.text"),
    ),
)
@shows_again("staff/assessments.html", _context)
def assess(request: HttpRequest) -> HttpResponse:
    """Note an assessment of a purpose."""
    actor, form = actor_of(request), request.POST
    desks.assess(actor, form.get("purpose", ""), form.get("risk", ""), form.get("text", ""))
    return redirect("assessments")
