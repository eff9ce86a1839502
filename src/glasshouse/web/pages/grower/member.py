"""One member: what this person can see and do, and changing that."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from glasshouse.access.pages import Asked, Audience, page
from glasshouse.access.permissions import EXPLAINED, Permission
from glasshouse.greenhouse import api as greenhouse
from glasshouse.kernel.ids import AccountId
from glasshouse.organisations import members
from glasshouse.web.done import led
from glasshouse.web.forms import shows_again
from glasshouse.web.organisation_page import chosen_sites, inside


@page(
    "o/<slug:organisation>/members/<slug:account>",
    name="member",
    need=Permission.MEMBER_READ,
    audience=Audience.GROWER,
    translated=True,
    asks=(Asked("find"),),
)
def member(request: HttpRequest, organisation: str, account: str) -> HttpResponse:
    """One member: what this person can see and do, and why; and the forms to change that."""
    return render(request, "grower/member.html", _context(request, account))


def _context(request: HttpRequest, account: str, **_: str) -> dict[str, object]:
    actor, context = inside(request)
    member = members.member(actor, AccountId(account))
    explained = [(EXPLAINED[permission], permission in member.rights.permissions) for permission in EXPLAINED]
    names = dict(greenhouse.site_names(actor, member.rights.sites or ()))
    sees = (
        None
        if member.rights.sites is None
        else sorted(names.get(site, gettext("a site that you do not see")) for site in member.rights.sites)
    )
    return context | {
        "member": member,
        "explained": explained,
        "sees": sees,
        "roles": members.roles(actor),
        "sites": greenhouse.site_choices(actor, request.GET.get("find", ""), member.rights.sites or ()),
        "self": member.account == actor.account,
    }


@page(
    "o/<slug:organisation>/members/<id:account>/change",
    name="change_member",
    form_on="member",
    methods=("POST",),
    need=Permission.MEMBER_CHANGE,
    audience=Audience.GROWER,
    translated=True,
    reauth=True,
    asks=(
        Asked("role", "access_membership.role"),
        Asked("all_sites", "access_membership.sites"),
        Asked("sites", "access_membership.sites"),
    ),
)
@shows_again("grower/member.html", _context)
def change_member(request: HttpRequest, organisation: str, account: str) -> HttpResponse:
    """Give a member another role and other sites."""
    actor = inside(request).actor
    members.change_member(actor, AccountId(account), request.POST.get("role", ""), chosen_sites(request))
    return redirect("home") if account == actor.account else led("member-changed", "members", organisation)


@page(
    "o/<slug:organisation>/members/<id:account>/remove",
    name="remove_member",
    form_on="member",
    methods=("POST",),
    need=Permission.MEMBER_REMOVE,
    audience=Audience.GROWER,
    translated=True,
    reauth=True,
)
@shows_again("grower/member.html", _context)
def remove_member(request: HttpRequest, organisation: str, account: str) -> HttpResponse:
    """Remove a member."""
    actor = inside(request).actor
    members.remove_member(actor, AccountId(account))
    return redirect("home") if account == actor.account else led("member-removed", "members", organisation)


@page(
    "o/<slug:organisation>/members/<id:account>/reset-second-factor",
    name="reset_second_factor",
    form_on="member",
    methods=("POST",),
    need=Permission.SECOND_FACTOR_RESET,
    audience=Audience.GROWER,
    translated=True,
    reauth=True,
)
@shows_again("grower/member.html", _context)
def reset_second_factor(request: HttpRequest, organisation: str, account: str) -> HttpResponse:
    """Reset a member's lost second factor, after a delay."""
    actor = inside(request).actor
    members.ask_reset(actor, AccountId(account))
    return redirect("members", organisation)


@page(
    "o/<slug:organisation>/members/<id:account>/hand-over",
    name="hand_over",
    form_on="member",
    methods=("POST",),
    need=Permission.MEMBER_CHANGE,
    audience=Audience.GROWER,
    translated=True,
    reauth=True,
    asks=(Asked("role", "access_membership.role"),),
)
@shows_again("grower/member.html", _context)
def hand_over(request: HttpRequest, organisation: str, account: str) -> HttpResponse:
    """Make another member administrator in one's own place."""
    actor = inside(request).actor
    members.hand_over(actor, AccountId(account), request.POST.get("role", "grower"))
    return redirect("home")
