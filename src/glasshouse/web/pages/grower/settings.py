"""Rules of the organisation, and closing it."""

from datetime import UTC, datetime, time

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from glasshouse.access.pages import Asked, Audience, MenuGroup, page
from glasshouse.access.permissions import Permission
from glasshouse.kernel.errors import InvalidError
from glasshouse.organisations import members
from glasshouse.organisations import settings as rules_of
from glasshouse.subject import closing, waiting
from glasshouse.web.done import led
from glasshouse.web.forms import one_of, shows_again
from glasshouse.web.organisation_page import inside
from glasshouse.web.written_days import day_of


def _context(request: HttpRequest, **_: str) -> dict[str, object]:
    actor, context = inside(request)
    organisation = str(actor.organisation)
    rules = rules_of.settings_of(actor)
    return context | {
        "rules": rules,
        "is_for_all": rules.second_factor_roles == [],
        "roles": members.roles(actor),
        "waiting": waiting.of_closing(organisation),
        "holds": waiting.holds_of_closing(organisation),
    }


@page(
    "o/<slug:organisation>/settings",
    name="settings",
    need=Permission.SETTINGS_CHANGE,
    audience=Audience.GROWER,
    translated=True,
    menu="Settings",
    menu_order=85,
    menu_group=MenuGroup.ORGANISATION,
    icon="settings",
)
def settings(request: HttpRequest, organisation: str) -> HttpResponse:
    """Who must have a second factor, from when on."""
    return render(request, "grower/settings.html", _context(request))


@page(
    "o/<slug:organisation>/settings",
    name="settings",
    methods=("POST",),
    need=Permission.SETTINGS_CHANGE,
    audience=Audience.GROWER,
    translated=True,
    reauth=True,
    asks=(
        Asked("whom", "access_organisation.second_factor_roles"),
        Asked("roles", "access_organisation.second_factor_roles"),
        Asked("from", "access_organisation.second_factor_from"),
    ),
)
@shows_again("grower/settings.html", _context)
def set_second_factor_rule(request: HttpRequest, organisation: str) -> HttpResponse:
    """Require a second factor of some, of all or of nobody."""
    actor = inside(request).actor
    whom = one_of(request, "whom", "nobody", "all", "some")
    roles = {"nobody": None, "all": []}.get(whom, request.POST.getlist("roles"))
    if whom == "some" and not roles:  # No role at all would mean everybody.
        raise InvalidError(gettext("Tick at least one role."), field="roles")
    rules_of.set_second_factor_rule(actor, roles, _moment(request.POST.get("from", "")))
    return led("settings-saved", "settings", organisation)


def _moment(text: str) -> datetime | None:
    day = day_of(text, "from")
    return datetime.combine(day, time(), UTC) if day else None


@page(
    "o/<slug:organisation>/close",
    name="close_organisation",
    form_on="settings",
    need=Permission.ORGANISATION_CLOSE,
    audience=Audience.GROWER,
    translated=True,
    methods=("POST",),
    reauth=True,
    asks=(Asked("name"),),
)
@shows_again("grower/settings.html", _context)
def close_organisation(request: HttpRequest, organisation: str) -> HttpResponse:
    """Close an organisation, with all that is its own; under a legal hold that waits."""
    actor = inside(request).actor
    is_closed = closing.close(actor, request.POST.get("name", ""))
    return redirect("home") if is_closed else redirect("settings", organisation)


@page(
    "o/<slug:organisation>/close/withdraw",
    name="withdraw_closing",
    form_on="settings",
    need=Permission.ORGANISATION_CLOSE,
    audience=Audience.GROWER,
    translated=True,
    methods=("POST",),
)
@shows_again("grower/settings.html", _context)
def withdraw_closing(request: HttpRequest, organisation: str) -> HttpResponse:
    """Have an organisation not be closed when a legal hold ends."""
    closing.withdraw(inside(request).actor)
    return redirect("settings", organisation)
