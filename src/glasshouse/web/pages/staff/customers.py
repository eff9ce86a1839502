"""The support staff's start: customers by their opaque ids, grants."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, MenuGroup, page
from glasshouse.access.permissions import Permission
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.ids import GrantId, OrganisationId
from glasshouse.support import api as support
from glasshouse.support.rules import AREA_TITLES
from glasshouse.web.forms import shows_again
from glasshouse.web.middleware import actor_of
from glasshouse.web.support_wish import wish_of


def _staff_page(request: HttpRequest, **_: str) -> dict[str, object]:
    actor = actor_of(request)
    grants = support.staff_grants(actor, request.GET.get("grants", ""))
    customers = support.customers(actor, request.GET.get("after", ""))
    live = support.let_in(actor, customers)
    shown = customers.of([(customer, customer in live) for customer in customers])
    return {"customers": shown, "grants": grants, "areas": AREA_TITLES.items(), "me": actor.account}


@page(
    "staff",
    name="staff",
    need=Permission.CUSTOMER_LIST,
    audience=Audience.STAFF,
    translated=True,
    menu="Customers",
    menu_order=120,
    menu_group=MenuGroup.DESK,
    icon="people",
)
def customers(request: HttpRequest) -> HttpResponse:
    """Customers by their opaque ids, and grants."""
    return render(request, "staff/customers.html", _staff_page(request))


def _customer(request: HttpRequest) -> Actor:
    return actor_of(request).for_organisation(OrganisationId(request.POST.get("customer", "")))


@page(
    "staff",
    name="staff",
    methods=("POST",),
    need=Permission.GRANT_ASK,
    audience=Audience.STAFF,
    translated=True,
    asks=(
        Asked("customer", "support_grant.organisation_id"),
        Asked("areas", "support_grant.areas"),
        Asked("change", "support_grant.change"),
        Asked("reason", "support_grant.reason"),
        Asked("hours", "support_grant.ends_at"),
    ),
)
@shows_again("staff/customers.html", _staff_page)
def ask_grant(request: HttpRequest) -> HttpResponse:
    """Ask a customer for a grant."""
    support.ask(_customer(request), wish_of(request, sites=None))  # The customer narrows it, or refuses.
    return redirect("staff")


@page(
    "staff/emergency",
    name="open_emergency",
    form_on="staff",
    methods=("POST",),
    need=Permission.EMERGENCY_OPEN,
    audience=Audience.STAFF,
    translated=True,
    reauth=True,
    asks=(
        Asked("customer", "support_grant.organisation_id"),
        Asked("reason", "support_grant.reason"),
    ),
)
@shows_again("staff/customers.html", _staff_page)
def open_emergency(request: HttpRequest) -> HttpResponse:
    """Read everything of a customer for an hour, where it allowed that beforehand."""
    customer = _customer(request)
    support.break_glass(customer, request.POST.get("reason", ""))
    return redirect("overview", customer.organisation)


@page(
    "staff/<slug:customer>/<slug:grant>/countersign",
    name="countersign",
    form_on="staff",
    need=Permission.GRANT_COUNTERSIGN,
    audience=Audience.STAFF,
    translated=True,
    methods=("POST",),
    reauth=True,
)
@shows_again("staff/customers.html", _staff_page)
def countersign(request: HttpRequest, customer: str, grant: str) -> HttpResponse:
    """Be the second pair of eyes for a grant that allows changes."""
    support.countersign(actor_of(request).for_organisation(OrganisationId(customer)), GrantId(grant))
    return redirect("staff")
