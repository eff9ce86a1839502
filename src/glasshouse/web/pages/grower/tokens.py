"""One's API tokens."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Audience, Need, page
from glasshouse.access.permissions import EXPLAINED, Permission
from glasshouse.greenhouse import api as greenhouse
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import TokenId
from glasshouse.organisations import tokens
from glasshouse.web import once
from glasshouse.web.forms import again, number_of
from glasshouse.web.organisation_page import chosen_sites, inside


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
        return render(request, "grower/tokens.html", shown)
    try:
        days = number_of(request.POST.get("days", ""), "days")
        made = tokens.create_token(
            actor, request.POST.get("name", ""), request.POST.getlist("scopes"), days, chosen_sites(request)
        )
    except InvalidError as error:
        return again(request, "grower/tokens.html", error, **shown)
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
