"""Members, invitations, requests for access."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from glasshouse.access.pages import Asked, Audience, FormRules, MenuGroup, page
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import api as greenhouse
from glasshouse.kernel.ids import InvitationId, RequestId
from glasshouse.organisations import invitations, members
from glasshouse.organisations.invitations import Offer
from glasshouse.web import once
from glasshouse.web.done import led
from glasshouse.web.forms import number_of, shows_again
from glasshouse.web.organisation_page import chosen_sites, inside


def _context(request: HttpRequest, **_: str) -> dict[str, object]:
    """What the members page shows of what the actor may see."""
    actor, context = inside(request)
    may = context["may"]
    invited = isinstance(may, set) and "MEMBER_INVITE" in may
    changing = isinstance(may, set) and "MEMBER_CHANGE" in may
    return context | {
        "members": members.members(actor, request.GET.get("members", "")),
        "invitations": invitations.invitations(actor, request.GET.get("invitations", "")) if invited else [],
        "requests": members.requests(actor, request.GET.get("requests", "")) if changing else [],
        "roles": members.roles(actor),
        "sites": greenhouse.site_choices(actor, request.GET.get("find", "")),
        "days": invitations.DAYS,
    }


@page(
    "o/<slug:organisation>/members",
    name="members",
    need=Permission.MEMBER_READ,
    audience=Audience.GROWER,
    translated=True,
    asks=(Asked("find"),),
    menu="People",
    menu_order=50,
    menu_group=MenuGroup.ORGANISATION,
    icon="people",
)
def member_list(request: HttpRequest, organisation: str) -> HttpResponse:
    """Members, invitations, requests for access."""
    actor = inside(request).actor
    report = once.collect(actor, "invited", request.GET["report"]) if "report" in request.GET else None
    return render(request, "grower/members.html", _context(request) | {"report": report})


@page(
    "o/<slug:organisation>/members/invite",
    name="invite",
    form_on="members",
    need=Permission.MEMBER_INVITE,
    audience=Audience.GROWER,
    translated=True,
    methods=("POST",),
    reauth=True,
    form=FormRules(account_limits=True, long_fields=frozenset({"addresses"})),
    asks=(
        Asked("address", "access_invitation.address"),
        Asked("addresses", "access_invitation.address"),
        Asked("list", "access_invitation.address"),
        Asked("role", "access_invitation.role"),
        Asked("all_sites", "access_invitation.sites"),
        Asked("sites", "access_invitation.sites"),
        Asked("days", "access_invitation.expires_at"),
        Asked("message", "access_invitation.message"),
    ),
)
@shows_again("grower/members.html", _context)
def invite(request: HttpRequest, organisation: str) -> HttpResponse:
    """Invite one address, or many of a pasted list or a CSV file; many: with a report."""
    actor = inside(request).actor
    offer = Offer(
        request.POST.get("role", ""),
        chosen_sites(request),
        number_of(request.POST.get("days", "7"), "days"),
        request.POST.get("message", ""),
    )
    file = request.FILES.get("list")
    pasted = request.POST.get("addresses", "")
    if file is not None and file.size:
        pasted += "\n" + file.read(200_000).decode(errors="replace")
    if pasted.strip():
        report = invitations.invite_many(actor, pasted, offer)
        return redirect(f"{reverse('members', args=[organisation])}?report={once.hand_over(actor, 'invited', report)}")
    invitations.invite(actor, request.POST.get("address", ""), offer)
    return led("invited", "members", organisation)


@page(
    "o/<slug:organisation>/invitations/<id:invitation>/resend",
    name="resend_invitation",
    form_on="members",
    methods=("POST",),
    need=Permission.MEMBER_INVITE,
    audience=Audience.GROWER,
    translated=True,
    reauth=True,
)
@shows_again("grower/members.html", _context)
def resend_invitation(request: HttpRequest, organisation: str, invitation: str) -> HttpResponse:
    """Send an invitation again."""
    actor = inside(request).actor
    invitations.resend(actor, InvitationId(invitation))
    return led("invited", "members", organisation)


@page(
    "o/<slug:organisation>/invitations/<id:invitation>/revoke",
    name="revoke_invitation",
    form_on="members",
    methods=("POST",),
    need=Permission.MEMBER_INVITE,
    audience=Audience.GROWER,
    translated=True,
)
@shows_again("grower/members.html", _context)
def revoke_invitation(request: HttpRequest, organisation: str, invitation: str) -> HttpResponse:
    """Revoke an invitation."""
    actor = inside(request).actor
    invitations.revoke(actor, InvitationId(invitation))
    return led("uninvited", "members", organisation)


@page(
    "o/<slug:organisation>/requests/<id:number>/grant",
    name="grant_request",
    form_on="members",
    methods=("POST",),
    need=Permission.MEMBER_CHANGE,
    audience=Audience.GROWER,
    translated=True,
    reauth=True,
)
def grant_request(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """Grant a request for access."""
    members.decide(inside(request).actor, RequestId(number), grant=True)
    return led("access-granted", "members", organisation)


@page(
    "o/<slug:organisation>/requests/<id:number>/refuse",
    name="refuse_request",
    form_on="members",
    methods=("POST",),
    need=Permission.MEMBER_CHANGE,
    audience=Audience.GROWER,
    translated=True,
    reauth=True,
)
def refuse_request(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """Refuse a request for access."""
    members.decide(inside(request).actor, RequestId(number), grant=False)
    return led("access-refused", "members", organisation)
