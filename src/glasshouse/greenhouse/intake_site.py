"""What both ways of recurring intake share: the site's row, and what is said where nothing may be taken."""

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse.models import Compartment, Site
from glasshouse.greenhouse.statements import Statement
from glasshouse.kernel.actor import Actor, ActorKind
from glasshouse.kernel.errors import ForbiddenError, NotFoundError
from glasshouse.kernel.ids import SiteId

LOST_RIGHT = Statement(
    "Whoever switched this on may not import files here any more. Somebody who may must switch it on again."
)


def site_to_change(actor: Actor, site: SiteId) -> Site:
    """The row of a site, locked. Call it in an organisation transaction. Raises NotFoundError, ForbiddenError."""
    access.require(actor, Permission.FILE_IMPORT)
    row = Site.objects.select_for_update(of=("self",)).filter(id=site, organisation_id=actor.organisation).first()
    if row is None:
        raise NotFoundError
    return row


def require_person(actor: Actor) -> None:
    """Raises ForbiddenError where the actor is no person, in whose name files could be imported."""
    if actor.kind is not ActorKind.PERSON:
        raise ForbiddenError("Only a person can switch this on: the files are imported in that person's name.")


def require_compartment(row: Site, compartment: str) -> None:
    """Raises NotFoundError where a site has no such compartment. compartment: id; "": the whole site."""
    if compartment and not Compartment.objects.filter(id=compartment, site=row).exists():
        raise NotFoundError
