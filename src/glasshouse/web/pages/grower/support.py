"""Support's access, as the customer decides on it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, MenuGroup, page
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import api as greenhouse
from glasshouse.kernel.ids import GrantId
from glasshouse.support import api as support
from glasshouse.support.rules import AREA_TITLES
from glasshouse.web.done import led
from glasshouse.web.forms import one_of, shows_again
from glasshouse.web.organisation_page import chosen_sites, inside
from glasshouse.web.support_wish import wish_of


def _customer_page(request: HttpRequest, **_: str) -> dict[str, object]:
    actor, context = inside(request)
    return context | {
        "grants": support.grants(actor, request.GET.get("grants", "")),
        "areas": AREA_TITLES.items(),
        "staff": support.staff_names(),
        "sites": greenhouse.site_choices(actor, request.GET.get("find", "")),
        "rules": support.settings_of(actor),
    }


@page(
    "o/<slug:organisation>/support",
    name="support_access",
    need=Permission.GRANT_GIVE,
    audience=Audience.GROWER,
    translated=True,
    asks=(Asked("find"),),
    menu="Support access",
    menu_order=60,
    menu_group=MenuGroup.ORGANISATION,
    icon="lock",
)
def support_access(request: HttpRequest, organisation: str) -> HttpResponse:
    """Who may look, at what, until when; emergency and handed-over administration."""
    return render(request, "grower/support.html", _customer_page(request))


@page(
    "o/<slug:organisation>/support",
    name="support_access",
    methods=("POST",),
    need=Permission.GRANT_GIVE,
    audience=Audience.GROWER,
    translated=True,
    reauth=True,
    asks=(
        Asked("staff", "support_grant.staff"),
        Asked("areas", "support_grant.areas"),
        Asked("change", "support_grant.change"),
        Asked("reason", "support_grant.reason"),
        Asked("hours", "support_grant.ends_at"),
        Asked("all_sites", "support_grant.sites"),
        Asked("sites", "support_grant.sites"),
    ),
)
@shows_again("grower/support.html", _customer_page)
def give_grant(request: HttpRequest, organisation: str) -> HttpResponse:
    """Let support in."""
    actor = inside(request).actor
    support.give(actor, wish_of(request, chosen_sites(request)))
    return led("support-invited", "support_access", organisation)


@page(
    "o/<slug:organisation>/support/<id:grant>/approve",
    name="approve_grant",
    form_on="support_access",
    methods=("POST",),
    need=Permission.GRANT_GIVE,
    audience=Audience.GROWER,
    translated=True,
    reauth=True,
)
@shows_again("grower/support.html", _customer_page)
def approve_grant(request: HttpRequest, organisation: str, grant: str) -> HttpResponse:
    """Approve what support asked for."""
    actor = inside(request).actor
    support.decide(actor, GrantId(grant), approve=True)
    return redirect("support_access", organisation)


@page(
    "o/<slug:organisation>/support/<id:grant>/refuse",
    name="refuse_grant",
    form_on="support_access",
    methods=("POST",),
    need=Permission.GRANT_GIVE,
    audience=Audience.GROWER,
    translated=True,
    reauth=True,
)
@shows_again("grower/support.html", _customer_page)
def refuse_grant(request: HttpRequest, organisation: str, grant: str) -> HttpResponse:
    """Refuse what support asked for."""
    actor = inside(request).actor
    support.decide(actor, GrantId(grant), approve=False)
    return redirect("support_access", organisation)


@page(
    "o/<slug:organisation>/support/<id:grant>/revoke",
    name="revoke_grant",
    form_on="support_access",
    methods=("POST",),
    need=Permission.GRANT_GIVE,
    audience=Audience.GROWER,
    translated=True,
)
@shows_again("grower/support.html", _customer_page)
def revoke_grant(request: HttpRequest, organisation: str, grant: str) -> HttpResponse:
    """End what was given."""
    actor = inside(request).actor
    support.revoke(actor, GrantId(grant))
    return led("support-ended", "support_access", organisation)


@page(
    "o/<slug:organisation>/support/emergency",
    name="set_emergency",
    form_on="support_access",
    methods=("POST",),
    need=Permission.SETTINGS_CHANGE,
    audience=Audience.GROWER,
    translated=True,
    reauth=True,
)
def set_emergency(request: HttpRequest, organisation: str) -> HttpResponse:
    """Allow emergency access, or allow it no longer."""
    support.set_emergency(inside(request).actor, allowed=one_of(request, "allowed", "yes", "no") == "yes")
    return redirect("support_access", organisation)


@page(
    "o/<slug:organisation>/support/administration",
    name="set_administration",
    form_on="support_access",
    methods=("POST",),
    need=Permission.SETTINGS_CHANGE,
    audience=Audience.GROWER,
    translated=True,
)
def set_administration(request: HttpRequest, organisation: str) -> HttpResponse:
    """Hand the administration over to the operator, or take it back."""
    support.hand_administration(
        inside(request).actor, to_operator=one_of(request, "by", "operator", "us") == "operator"
    )
    return redirect("support_access", organisation)
