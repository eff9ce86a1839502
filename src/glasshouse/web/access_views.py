"""Doors of access: members, invitations, roles, requests, tokens, rules of the organisation."""

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from glasshouse.access import api as access
from glasshouse.access.permissions import EXPLAINED, Permission
from glasshouse.accounts import api as accounts
from glasshouse.greenhouse import api as greenhouse
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import ForbiddenError, GlasshouseError, InvalidError, ThrottledError
from glasshouse.kernel.ids import AccountId, InvitationId, RequestId, RoleId, TokenId
from glasshouse.notices import api as notices
from glasshouse.notices.rules import language_of
from glasshouse.onboarding import api as onboarding
from glasshouse.organisations import invitations, members, tokens
from glasshouse.organisations import settings as rules_of
from glasshouse.organisations.invitations import Offer
from glasshouse.web import once
from glasshouse.web.greenhouse_views import within
from glasshouse.web.middleware import actor_of, visit_of
from glasshouse.web.views import act_of, again, claims_of, form_page, signed_in, with_session

NEEDED = {
    "change": Permission.MEMBER_CHANGE,
    "hand-over": Permission.MEMBER_CHANGE,
    "remove": Permission.MEMBER_REMOVE,
    "reset-step": Permission.SECOND_STEP_RESET,
}


def _sites(request: HttpRequest) -> list[str] | None:
    return members.site_choice(request.POST.getlist("sites"), request.POST.get("all_sites") == "yes")


def _number(text: str, field: str) -> int:
    if not text.isdecimal() or len(text) > 6:
        raise InvalidError("Write a whole number here.", field=field)
    return int(text)


def _shown(actor: Actor, shown: dict[str, object]) -> dict[str, object]:
    """What the members page shows of what the actor may see."""
    may = shown["may"]
    invited = isinstance(may, set) and "MEMBER_INVITE" in may
    changing = isinstance(may, set) and "MEMBER_CHANGE" in may
    return shown | {
        "members": members.members(actor),
        "invitations": invitations.invitations(actor) if invited else [],
        "requests": members.requests(actor) if changing else [],
        "roles": members.roles(actor),
        "sites": greenhouse.site_names(actor),
        "days": invitations.DAYS,
    }


@signed_in
@require_GET
def member_list(request: HttpRequest, organisation: str) -> HttpResponse:
    """Members, invitations, requests for access."""
    actor, shown = within(request, organisation)
    report = once.collect(actor, "invited", request.GET["report"]) if "report" in request.GET else None
    return render(request, "members.html", _shown(actor, shown) | {"report": report})


@signed_in
@require_POST
def invite(request: HttpRequest, organisation: str) -> HttpResponse:
    """Invite one address, or many of a pasted list or a CSV file; many: with a report."""
    actor, shown = within(request, organisation, Permission.MEMBER_INVITE)
    try:
        offer = Offer(
            request.POST.get("role", ""),
            _sites(request),
            _number(request.POST.get("days", "7"), "days"),
            request.POST.get("message", ""),
        )
        file = request.FILES.get("list")
        pasted = request.POST.get("addresses", "")
        if file is not None and file.size:
            pasted += "\n" + file.read(200_000).decode(errors="replace")
        if pasted.strip():
            report = invitations.invite_many(actor, pasted, offer)
            return redirect(
                f"{reverse('members', args=[organisation])}?report={once.hand_over(actor, 'invited', report)}"
            )
        invitations.invite(actor, request.POST.get("address", ""), offer)
    except (InvalidError, ThrottledError) as error:
        return again(request, "members.html", error, **_shown(actor, shown))
    return redirect("members", organisation)


@signed_in
@require_POST
def invitation(request: HttpRequest, organisation: str, invitation: str, act: str) -> HttpResponse:
    """Resend an invitation, or take it back."""
    actor, shown = within(request, organisation)
    try:
        if act == "resend":
            invitations.resend(actor, InvitationId(invitation))
        else:
            invitations.revoke(actor, InvitationId(invitation))
    except (InvalidError, ThrottledError) as error:
        return again(request, "members.html", error, **_shown(actor, shown))
    return redirect("members", organisation)


@form_page
def accept(request: HttpRequest, secret: str) -> HttpResponse:
    """An invitation's own page: what is offered, and the way in, for a known address or a new one."""
    actor = actor_of(request)
    offered = invitations.look(secret)
    mine = actor.account is not None and accounts.person_of(actor).address == offered.address
    wanted = notices.offer(language_of(request.headers.get("Accept-Language", "en")))
    shown = {"offer": offered, "mine": mine, "path": request.path, "documents": wanted}
    if request.method == "GET":
        return render(request, "invitation.html", shown)
    try:
        if actor.account is not None:
            return redirect("overview", invitations.accept(actor, secret))
        address, name, password = (request.POST.get(field, "") for field in ("address", "name", "password"))
        entry = onboarding.Entry(name, password, claims_of(request, wanted))
        done = onboarding.finish_invitation(secret, address, entry, visit_of(request))
    except (InvalidError, ForbiddenError, ThrottledError) as error:
        return again(request, "invitation.html", error, **shown)
    return with_session(redirect("overview", str(done.actor.organisation)), done.signed_in)


@signed_in
@require_GET
def member(request: HttpRequest, organisation: str, account: str) -> HttpResponse:
    """One member: what this person can see and do, and why; and the forms to change that."""
    actor, shown = within(request, organisation)
    return render(request, "member.html", _one(actor, shown, account))


def _one(actor: Actor, shown: dict[str, object], account: str) -> dict[str, object]:
    found = members.member(actor, AccountId(account))
    rights = [(EXPLAINED[one], one in found.rights.permissions) for one in EXPLAINED]
    names = dict(greenhouse.site_names(actor))
    sees = (
        None
        if found.rights.sites is None
        else sorted(names.get(site, "a site of others") for site in found.rights.sites)
    )
    return shown | {
        "one": found,
        "rights": rights,
        "sees": sees,
        "roles": members.roles(actor),
        "sites": greenhouse.site_names(actor),
        "self": found.account == actor.account,
    }


@signed_in
@require_POST
def change_member(request: HttpRequest, organisation: str, account: str, act: str) -> HttpResponse:
    """Change a member's role and sites, remove the member, reset a lost second step, hand the organisation over, leave."""
    whom = AccountId(account)
    leaving = act == "remove" and whom == actor_of(request).account
    actor, shown = within(request, organisation, None if leaving else NEEDED[act])
    try:
        if act == "change":
            members.change_member(actor, whom, request.POST.get("role", ""), _sites(request))
        elif act == "remove":
            members.remove_member(actor, whom)
        elif act == "reset-step":
            members.ask_reset(actor, whom)
        else:
            members.hand_over(actor, whom, request.POST.get("role", "grower"))
    except InvalidError as error:
        return again(request, "member.html", error, **_one(actor, shown, account))
    if act == "hand-over" or whom == actor.account:
        return redirect("home")
    return redirect("members", organisation)


# -- roles, requests, tokens, rules --------------------------------------------------------------------------------


@signed_in
@form_page
def role_list(request: HttpRequest, organisation: str) -> HttpResponse:
    """Roles as a grid that explains each permission; making and changing roles of one's own."""
    actor, shown = within(request, organisation)

    def grid() -> dict[str, object]:
        found = members.roles(actor)
        rows = [(one, text, [one in permissions for _, _, permissions in found]) for one, text in EXPLAINED.items()]
        chosen = set(request.GET.getlist("permissions"))
        editing = next((one for one in found if one[0] == request.GET.get("role") and len(one[0]) == 16), None)
        ticked = {str(one) for one in editing[2]} if editing else chosen
        return shown | {
            "roles": found,
            "rows": rows,
            "permissions": EXPLAINED.items(),
            "editing": editing,
            "ticked": ticked,
        }

    if request.method == "GET":
        return render(request, "roles.html", grid())
    try:
        members.save_role(
            actor, request.POST.get("name", ""), request.POST.getlist("permissions"), request.POST.get("role", "")
        )
    except InvalidError as error:
        return again(request, "roles.html", error, **grid() | {"ticked": set(request.POST.getlist("permissions"))})
    return redirect("roles", organisation)


@signed_in
@require_POST
def remove_role(request: HttpRequest, organisation: str, role: str) -> HttpResponse:
    """Remove a role of one's own."""
    actor, _ = within(request, organisation)
    members.remove_role(actor, RoleId(role))
    return redirect("roles", organisation)


@signed_in
@form_page
def my_access(request: HttpRequest, organisation: str) -> HttpResponse:
    """What I may do here, and why; asking for more; leaving."""
    actor, shown = within(request, organisation)
    with access.acting(actor):
        rights = access.rights_of(actor)
        access.saw(actor, "own rights", [])
    shown |= {"rights": [(EXPLAINED[one], one in rights.permissions) for one in EXPLAINED], "why": rights.why}
    shown |= {"roles": members.roles(actor), "sites": greenhouse.site_names(actor), "sees": rights.sites}
    if request.method == "GET":
        asked = once.collect(actor, "asked", request.GET["asked"]) if "asked" in request.GET else None
        return render(request, "my_access.html", shown | {"asked": asked})
    try:
        members.ask_access(actor, request.POST.get("role", ""), None, request.POST.get("reason", ""))
    except InvalidError as error:
        return again(request, "my_access.html", error, **shown)
    return redirect(f"{request.path}?asked={once.hand_over(actor, 'asked', True)}")


@signed_in
@require_POST
def decide_request(request: HttpRequest, organisation: str, number: str, act: str) -> HttpResponse:
    """Grant or refuse a request for access."""
    actor, _ = within(request, organisation)
    members.decide(actor, RequestId(number), grant=act == "grant")
    return redirect("members", organisation)


@signed_in
@form_page
def token_list(request: HttpRequest, organisation: str) -> HttpResponse:
    """One's API tokens; a new one is shown this once."""
    actor, shown = within(request, organisation, Permission.TOKEN_CREATE)
    scopes = [(one, EXPLAINED[one]) for one in tokens.SCOPES if one.name in shown["may"]]  # type: ignore[operator]
    shown |= {"scopes": scopes, "tokens": tokens.tokens(actor), "sites": greenhouse.site_names(actor)}
    if request.method == "GET":
        if "new" in request.GET:
            shown["made"] = once.collect(actor, "token", request.GET["new"])
            shown["gone"] = shown["made"] is None
        return render(request, "tokens.html", shown)
    try:
        days = _number(request.POST.get("days", ""), "days")
        made = tokens.create_token(
            actor, request.POST.get("name", ""), request.POST.getlist("scopes"), days, _sites(request)
        )
    except InvalidError as error:
        return again(request, "tokens.html", error, **shown)
    return redirect(f"{request.path}?new={once.hand_over(actor, 'token', made)}")


@signed_in
@require_POST
def revoke_token(request: HttpRequest, organisation: str, token: str) -> HttpResponse:
    """End a token now."""
    actor, _ = within(request, organisation)
    tokens.revoke_token(actor, TokenId(token))
    return redirect("tokens", organisation)


@signed_in
@form_page
def settings(request: HttpRequest, organisation: str) -> HttpResponse:
    """Who must have a second step, from when on."""
    actor, shown = within(request, organisation)
    shown |= {"rules": rules_of.settings_of(actor), "roles": members.roles(actor)}
    if request.method == "GET":
        return render(request, "settings.html", shown)
    try:
        whom = act_of(request, "nobody", "all", "some", name="whom")
        roles = {"nobody": None, "all": []}.get(whom, request.POST.getlist("roles"))
        if whom == "some" and not roles:  # No role at all would mean everybody.
            raise InvalidError("Tick at least one role.", field="roles")
        rules_of.set_step_rule(actor, roles, _moment(request.POST.get("from", "")))
    except GlasshouseError as error:
        if not isinstance(error, InvalidError):
            raise
        return again(request, "settings.html", error, **shown)
    return redirect("settings", organisation)


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise InvalidError("Write the day as 2026-12-31.", field="from") from None
