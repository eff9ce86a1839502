"""What an erasure does to the organisations of its person. Source: PRI-24."""

from typing import NamedTuple

from glasshouse.access import api as access
from glasshouse.access.models import Membership
from glasshouse.access.permissions import Role
from glasshouse.kernel.actor import JOB, Actor
from glasshouse.kernel.ids import AccountId, OrganisationId
from glasshouse.organisations import members
from glasshouse.subject.closing import close_organisation
from glasshouse.subject.inventory import rows_written_by


class MemberCounts(NamedTuple):
    """How many members an organisation has, and how many of them administer all of its sites."""

    members: int
    administrators: int


def member_counts(organisation: str) -> MemberCounts:
    """How many members an organisation has."""
    with access.organisation_transaction(JOB.for_organisation(OrganisationId(organisation))):
        memberships = list(Membership.objects.filter(organisation_id=organisation))
    return MemberCounts(len(memberships), sum(_administers_all(membership) for membership in memberships))


def _administers_all(membership: Membership) -> bool:
    return bool(membership.role == Role.ADMINISTRATOR and membership.sites is None)


def is_administrator(actor: Actor, organisation: str) -> bool:
    """Whether the actor administers all sites of an organisation."""
    member = actor.for_organisation(OrganisationId(organisation))
    with access.organisation_transaction(member):
        return _administers_all(access.membership_of(member))


def leave_organisations(actor: Actor) -> None:
    """Close the organisations of which the actor is the only member, leave the others, and delete what the actor wrote there.

    Safe to repeat.
    """
    written_in = {str(getattr(row, "organisation_id", "")) for row in rows_written_by(str(actor.account))}
    for organisation in access.organisation_ids_of(actor):
        if member_counts(organisation).members == 1:
            close_organisation(organisation)
        else:
            members.take_out(organisation, AccountId(str(actor.account)))
    for organisation in map(OrganisationId, sorted(written_in)):
        members.forget_words(organisation, AccountId(str(actor.account)))
