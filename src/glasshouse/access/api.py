"""Who may do what: the acting organisation of a transaction, require(), organisations and memberships.

The database decides with us: `acting` tells PostgreSQL, for this transaction only, which organisation and account act,
and the row policies show nothing else. Nothing set means no rows. Source: SEC-03; DESIGN, "Who may do what".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connection, transaction

from glasshouse.access.models import Membership, Organisation
from glasshouse.access.permissions import GRANTED, Permission, Role
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import ForbiddenError, NotFoundError
from glasshouse.kernel.ids import OrganisationId

_acting: ContextVar[Actor | None] = ContextVar("acting", default=None)


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """A transaction in which only what belongs to the actor (and its organisation) can be seen.

    May be entered again by the same actor. Raises ForbiddenError when another one is acting already.
    """
    inside = _acting.get()
    if inside is not None:
        if inside != actor:
            raise ForbiddenError("Two customers cannot act in one transaction.")
        yield
        return
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('glasshouse.organisation', %s, true), set_config('glasshouse.account', %s, true)",
                [actor.organisation or "", actor.account or ""],
            )
        token = _acting.set(actor)
        try:
            yield
        finally:
            _acting.reset(token)


def role_of(actor: Actor) -> Role:
    """The actor's role in its organisation, read now. Raises NotFoundError when it is no member."""
    found = Membership.objects.filter(organisation_id=actor.organisation, account_id=actor.account).first()
    if found is None:
        raise NotFoundError
    return Role(found.role)


def require(actor: Actor, permission: Permission) -> None:
    """Nothing, if the actor has the permission now. Raises NotFoundError (no member) or ForbiddenError."""
    if permission not in GRANTED[role_of(actor)]:
        raise ForbiddenError("Your role does not allow this. An administrator of your organisation can change that.")


def create_organisation(actor: Actor, name: str) -> OrganisationId:
    """Make an organisation with the actor as its administrator."""
    organisation = Organisation(name=name, created_at=clock.now())
    owner = actor.within(OrganisationId(organisation.id))
    with acting(owner):
        organisation.save(force_insert=True)
        Membership.objects.create(
            organisation=organisation, account_id=str(actor.account), role=Role.ADMINISTRATOR, created_at=clock.now()
        )
        events.record(owner, Kind.ORGANISATION_CREATED, organisation.id)
    return OrganisationId(organisation.id)


def organisations_of(actor: Actor) -> list[Organisation]:
    """The organisations that the actor belongs to."""
    with acting(actor):
        mine = Membership.objects.filter(account_id=actor.account).values_list("organisation_id", flat=True)
        return list(Organisation.objects.filter(id__in=list(mine)).order_by("created_at"))


def organisation_of(actor: Actor) -> Organisation:
    """The organisation that the actor acts for. Raises NotFoundError."""
    found = Organisation.objects.filter(id=actor.organisation).first()
    if found is None:
        raise NotFoundError
    return found
