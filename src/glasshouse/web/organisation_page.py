"""What a page of an organisation begins with: who acts in it, with which rights, and what every such page shows."""

from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from django.http import HttpRequest

from glasshouse.access import api as access
from glasshouse.access.pages import ORGANISATION, Page
from glasshouse.access.permissions import Permission
from glasshouse.kernel.actor import Actor, ActorKind
from glasshouse.kernel.errors import ForbiddenError
from glasshouse.kernel.ids import OrganisationId
from glasshouse.organisations import members
from glasshouse.support import api as support
from glasshouse.web.middleware import actor_of


class Inside(NamedTuple):
    """The actor within the organisation of the address, and what the page's template is given."""

    actor: Actor
    context: dict[str, object]


def transaction_of(request: HttpRequest, page: Page, arguments: dict[str, str]) -> AbstractContextManager[None]:
    """The one transaction in which a page of an organisation is read, from the look at the member's rights to its last line.

    Of GET only: the verb that a form calls has a transaction of its own, so that what it refuses is rolled back although the
    form is shown once more, and so that it may begin as another's act (`accounts.own`). Of members only: in a transaction of
    support's the database knows a role that may not read what stands around a page. A stream is made after it, and asks anew.
    """
    actor = actor_of(request)
    if page.of_organisation and request.method == "GET" and actor.kind is ActorKind.PERSON:
        return access.organisation_transaction(actor.for_organisation(OrganisationId(arguments[ORGANISATION])))
    return nullcontext()


def enter(request: HttpRequest, organisation: str, page: Page) -> None:
    """Let the actor into the organisation, before anything of the form is looked at. Raises NotFoundError, ForbiddenError."""
    actor = actor_of(request).for_organisation(OrganisationId(organisation))
    with access.organisation_transaction(actor):
        rights = access.require(actor, page.need) if isinstance(page.need, Permission) else access.rights_of(actor)
        if actor.kind is ActorKind.STAFF and not page.to_support:
            raise ForbiddenError("This page keeps no record of what it shows, so it is not open to support.")
        access.record_access(actor, "page", [page.name])
        context: dict[str, object] = {"organisation": access.organisation_of(actor), "rights": rights}
        context["may"] = {permission.name for permission in rights.permissions}
        context["support_live"] = support.live_grants(actor) if actor.kind is ActorKind.PERSON else []
        context["organisations"] = access.organisations_of(actor)
    request.inside = Inside(actor, context)  # type: ignore[attr-defined]


def inside(request: HttpRequest) -> Inside:
    """Who acts in the organisation of the page, and a copy of what every page of it shows."""
    entered: Inside = request.inside  # type: ignore[attr-defined]
    return Inside(entered.actor, dict(entered.context))


def inside_or_none(request: HttpRequest) -> Inside | None:
    """As `inside`; None on a page of no organisation, or where the actor was not let in."""
    return inside(request) if hasattr(request, "inside") else None


def chosen_sites(request: HttpRequest) -> list[str] | None:
    """The sites that a form's `scope.html` chose; None for all. Raises InvalidError."""
    return members.site_choice(request.POST.getlist("sites"), request.POST.get("all_sites") == "yes")
