"""What an erasure would do: how many rows go, which organisations close, what stands in its way, what it waits for.

Source: PRI-18, PRI-24; GDPR Art. 17.
"""

from dataclasses import dataclass
from typing import NamedTuple

from django.utils.translation import gettext

from glasshouse.access import api as access
from glasshouse.access.models import Membership
from glasshouse.access.permissions import Role
from glasshouse.accounts import api as accounts
from glasshouse.kernel.actor import JOB, Actor, ActorKind
from glasshouse.kernel.ids import OrganisationId
from glasshouse.retention import legal_holds
from glasshouse.retention.models import LegalHold
from glasshouse.subject.inventory import addressed, held_models, purposes_of
from glasshouse.vault.fields import key_owner_column


@dataclass(frozen=True, slots=True)
class Plan:
    """What an erasure would do.

    rows: how many there are for each purpose. leaves, closes: names of organisations. obstacles: what stands in its way, in
    plain words. holds: the legal holds for whose end it would wait; shown_holds: those that the person may see. What the law
    lets stay is said by the pages.
    """

    rows: dict[str, int]
    leaves: list[str]
    closes: list[str]
    obstacles: list[str]
    holds: list[LegalHold]
    shown_holds: list[LegalHold]


class MemberCounts(NamedTuple):
    """How many members an organisation has, and how many of them administer all of its sites."""

    members: int
    administrators: int


def member_counts(organisation: str) -> MemberCounts:
    """How many members an organisation has, and how many administer all of it."""
    with access.organisation_transaction(JOB.for_organisation(OrganisationId(organisation))):
        memberships = list(Membership.objects.filter(organisation_id=organisation))
    return MemberCounts(len(memberships), sum(_administers_all(membership) for membership in memberships))


def _administers_all(membership: Membership) -> bool:
    return bool(membership.role == Role.ADMINISTRATOR and membership.sites is None)


def _is_administrator(actor: Actor, organisation: str) -> bool:
    member = actor.for_organisation(OrganisationId(organisation))
    with access.organisation_transaction(member):
        return _administers_all(access.membership_of(member))


def plan(actor: Actor) -> Plan:
    """What erasing the actor's person would do; changes nothing."""
    rows: dict[str, int] = {}
    for model in held_models():
        if count := model._default_manager.filter(**{key_owner_column(model): str(actor.person)}).count():
            rows[purposes_of(model)] = rows.get(purposes_of(model), 0) + count
    for row in addressed(accounts.person_of(actor), whole=True):
        rows[purposes_of(type(row))] = rows.get(purposes_of(type(row)), 0) + 1
    leaves, closes, obstacles = [], [], []
    own_holds = legal_holds.on_person(str(actor.person))
    holds = {legal_hold.id: legal_hold for legal_hold in own_holds}
    for organisation in access.organisations_of(actor):
        counts = member_counts(organisation.id)
        if counts.members == 1:
            closes.append(organisation.name)
            of_organisation = legal_holds.on_organisation(organisation.id)
            holds |= {legal_hold.id: legal_hold for legal_hold in of_organisation}
            # One that keeps it for the sake of somebody whom it invited is that person's matter.
            own_holds += [legal_hold for legal_hold in of_organisation if legal_hold.key_owner == organisation.id]
        elif _is_administrator(actor, organisation.id) and counts.administrators == 1:
            text = gettext(
                "You are the last administrator of %(organisation)s: make somebody else its administrator first."
            )
            obstacles.append(text % {"organisation": organisation.name})
        else:
            leaves.append(organisation.name)
    if actor.kind is ActorKind.STAFF and accounts.only_officer(actor):
        obstacles.append(gettext("You are the only privacy officer: somebody else has to be one first."))
    return Plan(rows, leaves, closes, obstacles, list(holds.values()), legal_holds.may_show(own_holds))
