"""Rules of the organisation, and closing it."""

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.kernel.errors import GlasshouseError, InvalidError
from glasshouse.organisations import members
from glasshouse.organisations import settings as rules_of
from glasshouse.organisations.settings import settings_of
from glasshouse.subject import erasure as rights
from glasshouse.web.forms import again, one_of
from glasshouse.web.organisation_page import inside


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
        return render(request, "grower/settings.html", shown)
    try:
        whom = one_of(request, "whom", "nobody", "all", "some")
        roles = {"nobody": None, "all": []}.get(whom, request.POST.getlist("roles"))
        if whom == "some" and not roles:  # No role at all would mean everybody.
            raise InvalidError("Tick at least one role.", field="roles")
        rules_of.set_step_rule(actor, roles, _moment(request.POST.get("from", "")))
    except GlasshouseError as error:
        if not isinstance(error, InvalidError):
            raise
        return again(request, "grower/settings.html", error, **shown)
    return redirect("settings", organisation)


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise InvalidError("Write the day as 2026-12-31.", field="from") from None


@page(
    "o/<slug:organisation>/close",
    name="close",
    need=Permission.ORGANISATION_CLOSE,
    audience=Audience.GROWER,
    methods=("POST",),
    reauth=True,
)
def close(request: HttpRequest, organisation: str) -> HttpResponse:
    """Close an organisation, with all that is its own."""
    actor, shown = inside(request)
    try:
        rights.close(actor, request.POST.get("name", ""))
    except InvalidError as error:
        shown |= {"rules": settings_of(actor), "roles": members.roles(actor)}
        return again(request, "grower/settings.html", error, **shown)
    return redirect("home")
