"""Legal requests: entering, reviewing as one of two, fetching what is handed over."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access import api as access
from glasshouse.access.pages import Asked, Audience, MenuGroup, page
from glasshouse.access.permissions import Permission
from glasshouse.authorities import api as legal
from glasshouse.vault.datamap import NAMES
from glasshouse.web.data_categories import categories
from glasshouse.web.forms import shows_again
from glasshouse.web.middleware import actor_of
from glasshouse.web.written_days import day_of

ASKED = ("address", "authority", "country", "grounds")


def _legal_requests(request: HttpRequest, **_: str) -> dict[str, object]:
    actor = actor_of(request)
    shown = legal.legal_requests(actor, request.GET.get("after", ""))
    rows = [
        (
            legal_request,
            [
                (name, NAMES[name])
                for name in (legal_request.narrowed if legal_request.first_by else legal_request.asked)
            ],
            [NAMES[name] for name in legal_request.asked],
        )
        for legal_request in shown
    ]
    return {
        "rows": shown.of(rows),
        "categories": categories(),
        "viewer": actor.id,
        "others": access.others_with(actor, Permission.LEGAL_REQUEST_REVIEW),
    }


@page(
    "staff/legal-requests",
    name="staff_legal_requests",
    need=Permission.LEGAL_REQUEST_REVIEW,
    audience=Audience.STAFF,
    translated=True,
    menu="Legal requests",
    menu_order=130,
    menu_group=MenuGroup.DESK,
    icon="file",
)
def legal_requests(request: HttpRequest) -> HttpResponse:
    """Every legal request."""
    return render(request, "staff/legal_requests.html", _legal_requests(request))


@page(
    "staff/legal-requests",
    name="staff_legal_requests",
    methods=("POST",),
    need=Permission.LEGAL_REQUEST_REVIEW,
    audience=Audience.STAFF,
    translated=True,
    asks=(
        Asked("address", "rights_demand.address"),
        Asked("authority", "rights_demand.authority"),
        Asked("country", "rights_demand.country"),
        Asked("grounds", "rights_demand.grounds"),
        Asked("barred_until", "rights_demand.barred_until"),
        Asked("asked", "rights_demand.asked"),
    ),
)
@shows_again("staff/legal_requests.html", _legal_requests)
def enter_legal_request(request: HttpRequest) -> HttpResponse:
    """Enter a legal request."""
    actor, form = actor_of(request), request.POST
    until = day_of(form.get("barred_until", ""), "barred_until")
    address, authority, country, grounds = (form.get(name, "") for name in ASKED)
    legal.enter(actor, legal.Facts(address, authority, country, grounds, form.getlist("asked"), until))
    return redirect("staff_legal_requests")


@page(
    "staff/legal-requests/<slug:legal_request>/review",
    name="review_legal_request",
    form_on="staff_legal_requests",
    methods=("POST",),
    need=Permission.LEGAL_REQUEST_REVIEW,
    audience=Audience.STAFF,
    translated=True,
    asks=(
        Asked("allowed", "rights_demand.narrowed"),
        Asked("reasons", "rights_demand.reasons"),
    ),
)
@shows_again("staff/legal_requests.html", _legal_requests)
def review_legal_request(request: HttpRequest, legal_request: str) -> HttpResponse:
    """Review a legal request, as one of two."""
    actor, form = actor_of(request), request.POST
    verdict, reasons = form.get("verdict", ""), form.get("reasons", "")
    legal.review(actor, legal_request, verdict, form.getlist("allowed"), reasons)
    return redirect("staff_legal_requests")


@page(
    "staff/legal-requests/<slug:legal_request>",
    name="fetch_legal_request",
    need=Permission.LEGAL_REQUEST_REVIEW,
    audience=Audience.STAFF,
    translated=True,
)
def fetch_legal_request(request: HttpRequest, legal_request: str) -> HttpResponse:
    """What is handed over, as a file."""
    file = legal.fetch(actor_of(request), legal_request)
    response = HttpResponse(file.body, content_type="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response
