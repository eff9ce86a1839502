"""Doors of invited support: the customer's pages, and the staff's."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import api as greenhouse
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import GrantId, OrganisationId
from glasshouse.support import api as support
from glasshouse.support.api import Wish
from glasshouse.support.rules import AREA_TITLES
from glasshouse.web.middleware import actor_of
from glasshouse.web.organisation_page import inside
from glasshouse.web.views import act_of, again

# What the record calls things, in plain words; {} is what it was about.
WORDS = {
    "chart": "looked at a chart of {}",
    "compartment made": "made a compartment",
    "download": "downloaded readings of {}",
    "emergency": "opened everything in an emergency",
    "events": "read the list of events",
    "list of series": "saw the list of series of {}",
    "members": "read names and addresses of {}",
    "overview": "looked at the overview of {}",
    "own rights": "looked at what the grant allows",
    "page": "opened the page {}",
    "refused": "was refused the page {}: nothing of it was shown",
    "requests": "read the requests for access",
    "roles": "saw which roles there are",
    "sites": "read the sites {}",
    "wanted range set": "set a wanted range at {}",
}
OF_SERIES = ("chart", "download")


def _wish(request: HttpRequest) -> Wish:
    hours = request.POST.get("hours", "")
    sites = request.POST.getlist("sites")
    return Wish(
        tuple(request.POST.getlist("areas")),
        int(hours) if hours.isdecimal() and len(hours) < 5 else 0,
        request.POST.get("reason", ""),
        None if request.POST.get("all_sites", "yes") == "yes" or not sites else tuple(sorted(sites)),
        request.POST.get("change") == "yes",
        request.POST.get("staff", ""),
    )


def _customer_page(actor: Actor, shown: dict[str, object]) -> dict[str, object]:
    return shown | {
        "grants": support.grants(actor),
        "areas": AREA_TITLES.items(),
        "staff": support.staff_names(),
        "sites": greenhouse.site_names(actor),
        "rules": support.settings_of(actor),
    }


@page(
    "o/<slug:organisation>/support",
    name="support_access",
    need=Permission.GRANT_GIVE,
    audience=Audience.GROWER,
    methods=("GET", "POST"),
    menu="Support access",
    menu_order=60,
)
def grants(request: HttpRequest, organisation: str) -> HttpResponse:
    """Support's access: who may look, at what, until when; letting in; emergency and handed-over administration."""
    actor, shown = inside(request)
    if request.method == "GET":
        return render(request, "support_access.html", _customer_page(actor, shown))
    try:
        support.give(actor, _wish(request))
    except InvalidError as error:
        return again(request, "support_access.html", error, **_customer_page(actor, shown))
    return redirect("support_access", organisation)


@page(
    "o/<slug:organisation>/support/<id:grant>/approve",
    name="approve_grant",
    methods=("POST",),
    need=Permission.GRANT_GIVE,
    audience=Audience.GROWER,
    reauth=True,
)
def approve_grant(request: HttpRequest, organisation: str, grant: str) -> HttpResponse:
    """Approve what support asked for."""
    actor, shown = inside(request)
    try:
        support.decide(actor, GrantId(grant), approve=True)
    except InvalidError as error:
        return again(request, "support_access.html", error, **_customer_page(actor, shown))
    return redirect("support_access", organisation)


@page(
    "o/<slug:organisation>/support/<id:grant>/refuse",
    name="refuse_grant",
    methods=("POST",),
    need=Permission.GRANT_GIVE,
    audience=Audience.GROWER,
    reauth=True,
)
def refuse_grant(request: HttpRequest, organisation: str, grant: str) -> HttpResponse:
    """Refuse what support asked for."""
    actor, shown = inside(request)
    try:
        support.decide(actor, GrantId(grant), approve=False)
    except InvalidError as error:
        return again(request, "support_access.html", error, **_customer_page(actor, shown))
    return redirect("support_access", organisation)


@page(
    "o/<slug:organisation>/support/<id:grant>/revoke",
    name="revoke_grant",
    methods=("POST",),
    need=Permission.GRANT_GIVE,
    audience=Audience.GROWER,
)
def revoke_grant(request: HttpRequest, organisation: str, grant: str) -> HttpResponse:
    """End what was given."""
    actor, shown = inside(request)
    try:
        support.revoke(actor, GrantId(grant))
    except InvalidError as error:
        return again(request, "support_access.html", error, **_customer_page(actor, shown))
    return redirect("support_access", organisation)


@page(
    "o/<slug:organisation>/support/rules",
    name="support_rules",
    need=Permission.SETTINGS_CHANGE,
    audience=Audience.GROWER,
    methods=("POST",),
)
def support_rules(request: HttpRequest, organisation: str) -> HttpResponse:
    """Allow emergency access or not; hand administration over, or take it back."""
    actor = inside(request).actor
    name = "operator" if "operator" in request.POST else "emergency"
    wanted = act_of(request, "yes", "no", name=name) == "yes"
    if name == "operator":
        support.hand_administration(actor, to_operator=wanted)
    else:
        support.set_emergency(actor, allowed=wanted)
    return redirect("support_access", organisation)


@page("o/<slug:organisation>/record", name="record", need=Permission.ACCESS_RECORD_READ, audience=Audience.GROWER)
def record(request: HttpRequest, organisation: str) -> HttpResponse:
    """What support looked at, in plain words."""
    actor, shown = inside(request)
    found = support.record_of(actor)
    names = {site: f"“{name}”" for site, name in greenhouse.site_names(actor)}
    rows: list[dict[str, object]] = []
    for one, who in found:
        what = WORDS.get(one.what, one.what).format(_named(one.what, one.ids, names))
        # A page left open asks again and again: what was looked at within ten minutes is one line.
        same = next((row for row in rows[-6:] if (row["who"], row["what"]) == (who, what)), None)
        if same is not None and same["since"] - one.at < timedelta(minutes=10):  # type: ignore[operator]
            same["since"], same["times"] = one.at, int(str(same["times"])) + 1
        else:
            rows.append({"at": one.at, "since": one.at, "times": 1, "who": who, "what": what})
    return render(request, "record.html", shown | {"rows": rows})


def _named(what: str, ids: list[str], names: dict[str, str]) -> str:
    known = [names[one] for one in ids if one in names]
    rest = len(ids) - len(known)
    if what in OF_SERIES:
        sites, series = ", ".join(known), f"{rest} series" if rest else "no series"
        return f"{sites} ({series})" if sites else series
    if not known:
        return f"{rest} of yours" if rest != 1 else ids[0].replace("_", " ")
    return ", ".join(known) + (f" and {rest} more" if rest else "")


# -- the staff's pages ---------------------------------------------------------------------------------------------


def _staff_page(actor: Actor) -> dict[str, object]:
    found = support.staff_grants(actor)
    live = {one.grant.organisation_id for one in found if one.state == "live"}
    customers = [(one, one in live) for one in support.customers(actor)]
    return {"customers": customers, "grants": found, "areas": AREA_TITLES.items(), "me": actor.account}


@page(
    "staff",
    name="staff",
    need=Permission.CUSTOMER_LIST,
    audience=Audience.STAFF,
    methods=("GET", "POST"),
    menu="Customers",
    menu_order=110,
)
def staff(request: HttpRequest) -> HttpResponse:
    """The staff's start: customers by their opaque ids, grants, asking for one."""
    actor = actor_of(request)
    if request.method == "GET":
        return render(request, "staff.html", _staff_page(actor))
    customer = actor.within(OrganisationId(request.POST.get("customer", "")))
    try:
        if "emergency" in request.POST and act_of(request, "yes", name="emergency"):
            support.break_glass(customer, request.POST.get("reason", ""))
            return redirect("overview", customer.organisation)
        support.ask(customer, _wish(request))
    except InvalidError as error:
        return again(request, "staff.html", error, **_staff_page(actor))
    return redirect("staff")


@page(
    "staff/<slug:customer>/<slug:grant>/countersign",
    name="countersign",
    need=Permission.GRANT_COUNTERSIGN,
    audience=Audience.STAFF,
    methods=("POST",),
    reauth=True,
)
def countersign(request: HttpRequest, customer: str, grant: str) -> HttpResponse:
    """Be the second pair of eyes for a grant that allows changes."""
    support.countersign(actor_of(request).within(OrganisationId(customer)), GrantId(grant))
    return redirect("staff")
