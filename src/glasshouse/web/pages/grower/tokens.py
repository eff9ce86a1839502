"""One's API tokens."""

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, Need, page
from glasshouse.access.permissions import EXPLAINED, Permission
from glasshouse.greenhouse import api as greenhouse
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import TokenId
from glasshouse.organisations import tokens
from glasshouse.web import once
from glasshouse.web.done import led
from glasshouse.web.forms import again, number_of
from glasshouse.web.organisation_page import chosen_sites, inside


def _context(actor: Actor, context: dict[str, object], asked: QueryDict | None = None) -> dict[str, object]:
    asked = asked or QueryDict()
    may = getattr(context["rights"], "permissions", ())
    scopes = [(scope, EXPLAINED[scope]) for scope in tokens.SCOPES if scope in may]
    piece = tokens.tokens(actor, asked.get("tokens", ""))
    rows = [(token, ended, [EXPLAINED[may] for may in EXPLAINED if may in token.permissions]) for token, ended in piece]
    return context | {
        "scopes": scopes,
        "tokens": piece.of(rows),
        "sites": greenhouse.site_choices(actor, asked.get("find", "")),
    }


@page(
    "o/<slug:organisation>/tokens",
    name="tokens",
    need=Permission.TOKEN_CREATE,
    audience=Audience.GROWER,
    translated=True,
    asks=(Asked("find"),),
    under="my_access",
)
def token_list(request: HttpRequest, organisation: str) -> HttpResponse:
    """One's API tokens; a new one is shown this once."""
    actor, context = inside(request)
    if "new" in request.GET:
        context["new_token"] = once.collect(actor, "token", request.GET["new"])
        context["new_token_gone"] = context["new_token"] is None
    return render(request, "grower/tokens.html", _context(actor, context, request.GET))


@page(
    "o/<slug:organisation>/tokens",
    name="tokens",
    methods=("POST",),
    need=Permission.TOKEN_CREATE,
    audience=Audience.GROWER,
    translated=True,
    reauth=True,
    asks=(
        Asked("name", "access_token.name"),
        Asked("scopes", "access_token.permissions"),
        Asked("all_sites", "access_token.sites"),
        Asked("sites", "access_token.sites"),
        Asked("days", "access_token.expires_at"),
    ),
)
def create_token(request: HttpRequest, organisation: str) -> HttpResponse:
    """Make a token; the page that follows shows it once."""
    actor, context = inside(request)
    try:
        days, sites = number_of(request.POST.get("days", ""), "days"), chosen_sites(request)
        new_token = tokens.create_token(
            actor, request.POST.get("name", ""), request.POST.getlist("scopes"), days, sites
        )
    except InvalidError as error:
        return again(request, "grower/tokens.html", error, **_context(actor, context))
    return redirect(f"{request.path}?new={once.hand_over(actor, 'token', new_token)}")


@page(
    "o/<slug:organisation>/tokens/<slug:token>/revoke",
    name="revoke_token",
    form_on="tokens",
    need=Need.MEMBER,
    audience=Audience.GROWER,
    translated=True,
    methods=("POST",),
    to_support=False,
)
def revoke_token(request: HttpRequest, organisation: str, token: str) -> HttpResponse:
    """End a token now."""
    actor = inside(request).actor
    tokens.revoke_token(actor, TokenId(token))
    return led("token-revoked", "tokens", organisation)
