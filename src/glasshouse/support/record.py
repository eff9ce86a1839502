"""Verbs of the record of what support saw: the customer's, and each person's own. Source: SEC-04."""

from typing import NamedTuple

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts import api as accounts
from glasshouse.kernel.actor import JOB, Actor
from glasshouse.kernel.ids import AccountId, OrganisationId
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.support.models import RecordAccess

ENTRIES_A_PIECE = 500  # Many of them are one line of the page.


class NamedAccess(NamedTuple):
    """What support saw, and a name: of the staff member in an organisation's record, of the organisation in a person's."""

    access: RecordAccess
    name: str


def of_organisation(actor: Actor, after: str = "") -> Piece[NamedAccess]:
    """What support saw, newest first, with the name of who it was, a piece of it. Raises ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.ACCESS_RECORD_READ)
        of_customer = RecordAccess.objects.filter(organisation_id=actor.organisation)
        rows = piece_of(of_customer, after, by="-at", most=ENTRIES_A_PIECE)
        people = accounts.people([AccountId(row.staff) for row in rows])
        named = [
            NamedAccess(row, people[row.staff].name if row.staff in people else "somebody who has left") for row in rows
        ]
        return rows.of(named)


def of_person(actor: Actor) -> list[NamedAccess]:
    """When support saw the actor's person among the people of an organisation, newest first, with that organisation's name."""
    entries: list[NamedAccess] = []
    for organisation in access.organisations_of(actor):
        with access.organisation_transaction(JOB.for_organisation(OrganisationId(organisation.id))):
            rows = RecordAccess.objects.filter(
                organisation_id=organisation.id, what__in=("members", "requests")
            ).order_by("-at")[:500]
            entries += [NamedAccess(row, organisation.name) for row in rows if str(actor.account) in row.ids]
    return sorted(entries, key=lambda entry: entry.access.at, reverse=True)[:50]
