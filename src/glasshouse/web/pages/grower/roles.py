"""Roles as a grid that explains each permission."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from glasshouse.access.pages import Asked, Audience, Need, page
from glasshouse.access.permissions import EXPLAINED, Permission
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import RoleId
from glasshouse.organisations import members
from glasshouse.web.done import led
from glasshouse.web.forms import again
from glasshouse.web.organisation_page import inside

OWN_ID = 16  # characters of the id of a role of the organisation's own; the built-in ones have names


def _grid(request: HttpRequest, context: dict[str, object], actor: Actor) -> dict[str, object]:
    """Roles × permissions, with what the form below them begins with."""
    roles = members.roles(actor)
    rows = [(id, text, [(role.title, id in role.permissions) for role in roles]) for id, text in EXPLAINED.items()]
    chosen = set(request.GET.getlist("permissions"))
    chosen_role = request.POST.get("role") or request.GET.get("role")
    editing = next((role for role in roles if role.id == chosen_role and len(role.id) == OWN_ID), None)
    ticked = {str(permission) for permission in editing.permissions} if editing else chosen
    context |= {"roles": roles, "rows": rows, "permissions": EXPLAINED.items(), "editing": editing, "ticked": ticked}
    context["own_roles"] = [role for role in roles if len(role.id) == OWN_ID]
    return context


@page(
    "o/<slug:organisation>/roles",
    name="roles",
    need=Need.MEMBER,
    audience=Audience.GROWER,
    under="members",
    translated=True,
)
def role_list(request: HttpRequest, organisation: str) -> HttpResponse:
    """Roles as a grid that explains each permission."""
    actor, context = inside(request)
    return render(request, "grower/roles.html", _grid(request, context, actor))


@page(
    "o/<slug:organisation>/roles",
    name="roles",
    methods=("POST",),
    need=Permission.ROLE_CHANGE,
    audience=Audience.GROWER,
    translated=True,
    reauth=True,
    asks=(
        Asked("name", "access_role.name"),
        Asked("permissions", "access_role.permissions"),
    ),
)
def save_role(request: HttpRequest, organisation: str) -> HttpResponse:
    """Make a role of one's own, or change one."""
    actor, context = inside(request)
    name, permissions = request.POST.get("name", ""), request.POST.getlist("permissions")
    try:
        members.save_role(actor, name, permissions, request.POST.get("role", ""))
    except InvalidError as error:
        return again(
            request, "grower/roles.html", error, **_grid(request, context, actor) | {"ticked": set(permissions)}
        )
    return led("role-saved", "roles", organisation)


@page(
    "o/<slug:organisation>/roles/<slug:role>/remove",
    name="remove_role",
    form_on="roles",
    need=Permission.ROLE_CHANGE,
    audience=Audience.GROWER,
    translated=True,
    methods=("POST",),
    reauth=True,
)
def remove_role(request: HttpRequest, organisation: str, role: str) -> HttpResponse:
    """Remove a role of one's own."""
    actor = inside(request).actor
    members.remove_role(actor, RoleId(role))
    return led("role-removed", "roles", organisation)
