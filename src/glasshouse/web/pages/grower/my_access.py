"""What I may do here, and why; asking for more; leaving."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access import api as access
from glasshouse.access.pages import Asked, Audience, MenuGroup, Need, page
from glasshouse.access.permissions import EXPLAINED
from glasshouse.kernel.errors import NotFoundError
from glasshouse.kernel.ids import AccountId
from glasshouse.organisations import members
from glasshouse.web import once
from glasshouse.web.forms import shows_again
from glasshouse.web.organisation_page import inside


def _context(request: HttpRequest, **_: str) -> dict[str, object]:
    actor, context = inside(request)
    with access.organisation_transaction(actor):
        rights = access.rights_of(actor)
        access.record_access(actor, "own rights", [])
    explained = [(text, permission in rights.permissions) for permission, text in EXPLAINED.items()]
    return context | {
        "permissions": explained,
        "roles": members.roles(actor),
        "sees": rights.sites,
    }


@page(
    "o/<slug:organisation>/my-access",
    name="my_access",
    need=Need.MEMBER,
    audience=Audience.GROWER,
    translated=True,
    menu="My access",
    menu_order=90,
    menu_group=MenuGroup.ORGANISATION,
    icon="key",
)
def my_access(request: HttpRequest, organisation: str) -> HttpResponse:
    """What I may do here, and why."""
    actor = inside(request).actor
    asked = once.collect(actor, "asked", request.GET["asked"]) if "asked" in request.GET else None
    return render(request, "grower/my_access.html", _context(request) | {"asked": asked})


@page(
    "o/<slug:organisation>/my-access",
    name="my_access",
    methods=("POST",),
    need=Need.MEMBER,
    audience=Audience.GROWER,
    translated=True,
    to_support=False,
    asks=(
        Asked("role", "access_request.role"),
        Asked("reason", "access_request.reason"),
    ),
)
@shows_again("grower/my_access.html", _context)
def ask_access(request: HttpRequest, organisation: str) -> HttpResponse:
    """Ask the administrators for more."""
    actor = inside(request).actor
    members.ask_access(actor, request.POST.get("role", ""), None, request.POST.get("reason", ""))
    return redirect(f"{request.path}?asked={once.hand_over(actor, 'asked', True)}")


@page(
    "o/<slug:organisation>/members/<id:account>/leave",
    name="leave_organisation",
    form_on="my_access",
    methods=("POST",),
    need=Need.MEMBER,
    audience=Audience.GROWER,
    translated=True,
    to_support=False,
)
@shows_again("grower/my_access.html", _context)
def leave_organisation(request: HttpRequest, organisation: str, account: str) -> HttpResponse:
    """Leave the organisation oneself. The address names who leaves, so that nobody leaves by a stray form."""
    actor = inside(request).actor
    if account != actor.account:
        raise NotFoundError
    members.remove_member(actor, AccountId(account))
    return redirect("home")
