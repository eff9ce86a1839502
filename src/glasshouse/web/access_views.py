"""Doors of access: members, invitations, roles, requests, tokens, rules of the organisation."""

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from glasshouse.access import api as access
from glasshouse.access.pages import Audience, FormRules, Need, page
from glasshouse.access.permissions import EXPLAINED, Permission
from glasshouse.accounts import api as accounts
from glasshouse.greenhouse import api as greenhouse
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import ForbiddenError, GlasshouseError, InvalidError, NotFoundError, ThrottledError
from glasshouse.kernel.ids import AccountId, InvitationId, RequestId, RoleId, TokenId
from glasshouse.notices import api as notices
from glasshouse.notices.rules import language_of
from glasshouse.onboarding import api as onboarding
from glasshouse.organisations import invitations, members, tokens
from glasshouse.organisations import settings as rules_of
from glasshouse.organisations.invitations import Offer
from glasshouse.web import once
from glasshouse.web.middleware import actor_of, visit_of
from glasshouse.web.organisation_page import inside
from glasshouse.web.views import act_of, again, claims_of, with_session


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


@page(
    "o/<slug:organisation>/members",
    name="members",
    need=Permission.MEMBER_READ,
    audience=Audience.GROWER,
    menu="People",
    menu_order=50,
)
def member_list(request: HttpRequest, organisation: str) -> HttpResponse:
    """Members, invitations, requests for access."""
    actor, shown = inside(request)
    report = once.collect(actor, "invited", request.GET["report"]) if "report" in request.GET else None
    return render(request, "members.html", _shown(actor, shown) | {"report": report})


@page(
    "o/<slug:organisation>/members/invite",
    name="invite",
    need=Permission.MEMBER_INVITE,
    audience=Audience.GROWER,
    methods=("POST",),
    reauth=True,
    form=FormRules(account_limits=True, long_fields=frozenset({"addresses"})),
)
def invite(request: HttpRequest, organisation: str) -> HttpResponse:
    """Invite one address, or many of a pasted list or a CSV file; many: with a report."""
    actor, shown = inside(request)
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


@page(
    "o/<slug:organisation>/invitations/<id:invitation>/resend",
    name="resend_invitation",
    methods=("POST",),
    need=Permission.MEMBER_INVITE,
    audience=Audience.GROWER,
    reauth=True,
)
def resend_invitation(request: HttpRequest, organisation: str, invitation: str) -> HttpResponse:
    """Send an invitation again."""
    actor, shown = inside(request)
    try:
        invitations.resend(actor, InvitationId(invitation))
    except (InvalidError, ThrottledError) as error:
        return again(request, "members.html", error, **_shown(actor, shown))
    return redirect("members", organisation)


@page(
    "o/<slug:organisation>/invitations/<id:invitation>/revoke",
    name="revoke_invitation",
    methods=("POST",),
    need=Permission.MEMBER_INVITE,
    audience=Audience.GROWER,
)
def revoke_invitation(request: HttpRequest, organisation: str, invitation: str) -> HttpResponse:
    """Take an invitation back."""
    actor, shown = inside(request)
    try:
        invitations.revoke(actor, InvitationId(invitation))
    except InvalidError as error:
        return again(request, "members.html", error, **_shown(actor, shown))
    return redirect("members", organisation)


@page(
    "invitation/<slug:secret>", name="invitation", need=Need.ANYBODY, audience=Audience.PUBLIC, methods=("GET", "POST")
)
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


@page(
    "o/<slug:organisation>/members/<slug:account>", name="member", need=Permission.MEMBER_READ, audience=Audience.GROWER
)
def member(request: HttpRequest, organisation: str, account: str) -> HttpResponse:
    """One member: what this person can see and do, and why; and the forms to change that."""
    actor, shown = inside(request)
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


@page(
    "o/<slug:organisation>/members/<id:account>/change",
    name="change_member",
    methods=("POST",),
    need=Permission.MEMBER_CHANGE,
    audience=Audience.GROWER,
    reauth=True,
)
def change_member(request: HttpRequest, organisation: str, account: str) -> HttpResponse:
    """Give a member another role and other sites."""
    actor, shown = inside(request)
    try:
        members.change_member(actor, AccountId(account), request.POST.get("role", ""), _sites(request))
    except InvalidError as error:
        return again(request, "member.html", error, **_one(actor, shown, account))
    return redirect("home") if account == actor.account else redirect("members", organisation)


@page(
    "o/<slug:organisation>/members/<id:account>/remove",
    name="remove_member",
    methods=("POST",),
    need=Permission.MEMBER_REMOVE,
    audience=Audience.GROWER,
    reauth=True,
)
def remove_member(request: HttpRequest, organisation: str, account: str) -> HttpResponse:
    """Remove a member."""
    actor, shown = inside(request)
    try:
        members.remove_member(actor, AccountId(account))
    except InvalidError as error:
        return again(request, "member.html", error, **_one(actor, shown, account))
    return redirect("home") if account == actor.account else redirect("members", organisation)


@page(
    "o/<slug:organisation>/members/<id:account>/reset-step",
    name="reset_member_step",
    methods=("POST",),
    need=Permission.SECOND_STEP_RESET,
    audience=Audience.GROWER,
    reauth=True,
)
def reset_member_step(request: HttpRequest, organisation: str, account: str) -> HttpResponse:
    """Reset a member's lost second step, after a delay."""
    actor, shown = inside(request)
    try:
        members.ask_reset(actor, AccountId(account))
    except InvalidError as error:
        return again(request, "member.html", error, **_one(actor, shown, account))
    return redirect("members", organisation)


@page(
    "o/<slug:organisation>/members/<id:account>/hand-over",
    name="hand_over",
    methods=("POST",),
    need=Permission.MEMBER_CHANGE,
    audience=Audience.GROWER,
    reauth=True,
)
def hand_over(request: HttpRequest, organisation: str, account: str) -> HttpResponse:
    """Make another member administrator in one's own place."""
    actor, shown = inside(request)
    try:
        members.hand_over(actor, AccountId(account), request.POST.get("role", "grower"))
    except InvalidError as error:
        return again(request, "member.html", error, **_one(actor, shown, account))
    return redirect("home")


@page(
    "o/<slug:organisation>/members/<id:account>/leave",
    name="leave",
    methods=("POST",),
    need=Need.MEMBER,
    audience=Audience.GROWER,
    to_support=False,
)
def leave(request: HttpRequest, organisation: str, account: str) -> HttpResponse:
    """Leave the organisation oneself. The address names who leaves, so that nobody leaves by a stray form."""
    actor, shown = inside(request)
    if account != actor.account:
        raise NotFoundError
    try:
        members.remove_member(actor, AccountId(account))
    except InvalidError as error:
        return again(request, "my_access.html", error, **_mine(actor, shown))
    return redirect("home")


# -- roles, requests, tokens, rules --------------------------------------------------------------------------------


def _grid(request: HttpRequest, shown: dict[str, object], actor: Actor) -> dict[str, object]:
    """Roles × permissions, with what the form below them begins with."""
    found = members.roles(actor)
    rows = [(one, text, [one in permissions for _, _, permissions in found]) for one, text in EXPLAINED.items()]
    chosen = set(request.GET.getlist("permissions"))
    editing = next((one for one in found if one[0] == request.GET.get("role") and len(one[0]) == 16), None)
    ticked = {str(one) for one in editing[2]} if editing else chosen
    shown |= {"roles": found, "rows": rows, "permissions": EXPLAINED.items(), "editing": editing, "ticked": ticked}
    return shown


@page("o/<slug:organisation>/roles", name="roles", need=Need.MEMBER, audience=Audience.GROWER)
def role_list(request: HttpRequest, organisation: str) -> HttpResponse:
    """Roles as a grid that explains each permission."""
    actor, shown = inside(request)
    return render(request, "roles.html", _grid(request, shown, actor))


@page(
    "o/<slug:organisation>/roles",
    name="roles",
    methods=("POST",),
    need=Permission.ROLE_CHANGE,
    audience=Audience.GROWER,
    reauth=True,
)
def save_role(request: HttpRequest, organisation: str) -> HttpResponse:
    """Make a role of one's own, or change one."""
    actor, shown = inside(request)
    name, permissions = request.POST.get("name", ""), request.POST.getlist("permissions")
    try:
        members.save_role(actor, name, permissions, request.POST.get("role", ""))
    except InvalidError as error:
        return again(request, "roles.html", error, **_grid(request, shown, actor) | {"ticked": set(permissions)})
    return redirect("roles", organisation)


@page(
    "o/<slug:organisation>/roles/<slug:role>/remove",
    name="remove_role",
    need=Permission.ROLE_CHANGE,
    audience=Audience.GROWER,
    methods=("POST",),
    reauth=True,
)
def remove_role(request: HttpRequest, organisation: str, role: str) -> HttpResponse:
    """Remove a role of one's own."""
    actor = inside(request).actor
    members.remove_role(actor, RoleId(role))
    return redirect("roles", organisation)


def _mine(actor: Actor, shown: dict[str, object]) -> dict[str, object]:
    with access.acting(actor):
        rights = access.rights_of(actor)
        access.saw(actor, "own rights", [])
    shown |= {"rights": [(EXPLAINED[one], one in rights.permissions) for one in EXPLAINED], "why": rights.why}
    return shown | {"roles": members.roles(actor), "sites": greenhouse.site_names(actor), "sees": rights.sites}


@page(
    "o/<slug:organisation>/my-access",
    name="my_access",
    need=Need.MEMBER,
    audience=Audience.GROWER,
    menu="My access",
    menu_order=90,
)
def my_access(request: HttpRequest, organisation: str) -> HttpResponse:
    """What I may do here, and why."""
    actor, shown = inside(request)
    asked = once.collect(actor, "asked", request.GET["asked"]) if "asked" in request.GET else None
    return render(request, "my_access.html", _mine(actor, shown) | {"asked": asked})


@page(
    "o/<slug:organisation>/my-access",
    name="my_access",
    methods=("POST",),
    need=Need.MEMBER,
    audience=Audience.GROWER,
    to_support=False,
)
def ask_access(request: HttpRequest, organisation: str) -> HttpResponse:
    """Ask the administrators for more."""
    actor, shown = inside(request)
    try:
        members.ask_access(actor, request.POST.get("role", ""), None, request.POST.get("reason", ""))
    except InvalidError as error:
        return again(request, "my_access.html", error, **_mine(actor, shown))
    return redirect(f"{request.path}?asked={once.hand_over(actor, 'asked', True)}")


@page(
    "o/<slug:organisation>/requests/<id:number>/grant",
    name="grant_request",
    methods=("POST",),
    need=Permission.MEMBER_CHANGE,
    audience=Audience.GROWER,
    reauth=True,
)
def grant_request(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """Grant a request for access."""
    members.decide(inside(request).actor, RequestId(number), grant=True)
    return redirect("members", organisation)


@page(
    "o/<slug:organisation>/requests/<id:number>/refuse",
    name="refuse_request",
    methods=("POST",),
    need=Permission.MEMBER_CHANGE,
    audience=Audience.GROWER,
    reauth=True,
)
def refuse_request(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """Refuse a request for access."""
    members.decide(inside(request).actor, RequestId(number), grant=False)
    return redirect("members", organisation)


@page(
    "o/<slug:organisation>/tokens",
    name="tokens",
    need=Permission.TOKEN_CREATE,
    audience=Audience.GROWER,
    methods=("GET", "POST"),
)
def token_list(request: HttpRequest, organisation: str) -> HttpResponse:
    """One's API tokens; a new one is shown this once."""
    actor, shown = inside(request)
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


@page(
    "o/<slug:organisation>/tokens/<slug:token>/revoke",
    name="revoke_token",
    need=Need.MEMBER,
    audience=Audience.GROWER,
    methods=("POST",),
    to_support=False,
)
def revoke_token(request: HttpRequest, organisation: str, token: str) -> HttpResponse:
    """End a token now."""
    actor = inside(request).actor
    tokens.revoke_token(actor, TokenId(token))
    return redirect("tokens", organisation)


@page(
    "o/<slug:organisation>/settings",
    name="settings",
    need=Permission.SETTINGS_CHANGE,
    audience=Audience.GROWER,
    methods=("GET", "POST"),
)
def settings(request: HttpRequest, organisation: str) -> HttpResponse:
    """Who must have a second step, from when on."""
    actor, shown = inside(request)
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
