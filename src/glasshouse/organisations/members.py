"""Verbs of members and roles: who is here, what each may do and why, changing and removing, custom roles, requests for access.

Rules: nobody gives a right that they lack, nor takes one that they could not give. The last administrator stays: each
change locks the organisation's row first, so that two of them cannot remove each other, and a trigger of the database refuses
what slips through. Source: SEC-03.
"""

from dataclasses import dataclass
from typing import NamedTuple

from django.utils.translation import gettext

from glasshouse.access.api import (
    RoleDefinition,
    membership_of,
    organisation_transaction,
    permissions_of,
    record_access,
    require,
    rights_of,
    rights_of_membership,
    rights_of_memberships,
    role_of,
    roles_by_id,
)
from glasshouse.access.models import ApiToken, CustomRole, Membership, Organisation
from glasshouse.access.permissions import CUSTOMER_PERMISSIONS, GRANTED, TITLES, Permission, Role
from glasshouse.access.rules import Rights, Sites, covers
from glasshouse.accounts import api as accounts
from glasshouse.accounts import resets, second_factor
from glasshouse.accounts.models import Person
from glasshouse.accounts.own import own
from glasshouse.accounts.rules import plain_name
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB, Actor, ActorKind
from glasshouse.kernel.errors import ForbiddenError, InvalidError, NotFoundError
from glasshouse.kernel.ids import AccountId, KeyOwnerId, OrganisationId, RequestId, RoleId
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.organisations.models import AccessRequest, Invitation
from glasshouse.vault import api as vault
from glasshouse.vault.fields import readable

RESTRICTED = "Somebody whose data is restricted"
GONE = RoleDefinition("a role that is gone", frozenset[Permission]())
MORE_THAN_MINE = "You cannot give (or take) what you do not have yourself."
MOST_ROLES = 200  # of an organisation's own: a form offers all of them


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the page shows one."""

    account: str
    name: str
    address: str
    role: str
    rights: Rights
    second_factor: bool
    since: object


def lock(actor: Actor) -> None:
    """Have changes of an organisation's members wait for each other."""
    Organisation.objects.select_for_update().filter(id=actor.organisation).first()


def site_choice(site_ids: list[str], all_sites: bool) -> list[str] | None:
    """Sites as a form says them: None for all. Raises InvalidError."""
    if all_sites:
        return None
    if not site_ids:
        raise InvalidError("Choose at least one site, or all sites.", field="sites")
    return sorted(set(site_ids))


def _as_set(sites: list[str] | None) -> Sites:
    return None if sites is None else frozenset(sites)


def check_gift(giver: Rights, organisation: str, role: str, sites: list[str] | None) -> None:
    """Nothing, if somebody with these rights may give that role at those sites. Raises ForbiddenError, InvalidError."""
    try:
        permissions = role_of(organisation, role).permissions
    except NotFoundError:
        raise InvalidError("Choose a role from the list.", field="role") from None
    if not covers(giver, permissions, _as_set(sites)):
        raise ForbiddenError(MORE_THAN_MINE)


def members(actor: Actor, after: str = "") -> Piece[Member]:
    """Who belongs to the organisation, a piece of them. Raises ForbiddenError."""
    with organisation_transaction(actor):
        require(actor, Permission.MEMBER_READ)
        rows = piece_of(Membership.objects.filter(organisation_id=actor.organisation), after)
        return rows.of(_shown(actor, rows))


def _shown(actor: Actor, rows: list[Membership]) -> list[Member]:
    people = people_of(actor, [AccountId(row.account_id) for row in rows])
    record_access(actor, "members", [row.account_id for row in rows])
    return _as_members(actor, rows, people)


def _as_members(actor: Actor, rows: list[Membership], people: dict[str, Person]) -> list[Member]:
    """The page's rows, with as many queries for many members as for one."""
    vault.open_keys({KeyOwnerId(person.id) for person in people.values()})
    steps = (
        set()
        if actor.kind is ActorKind.STAFF
        else second_factor.having_second_factor([AccountId(row.account_id) for row in rows])
    )
    rights = rights_of_memberships(rows)
    return [
        Member(
            row.account_id,
            people[row.account_id].name if row.account_id in people else RESTRICTED,
            people[row.account_id].address if row.account_id in people else "",
            row.role,
            rights[row.id],
            row.account_id in steps,
            row.created_at,
        )
        for row in rows
        if row.account_id in people or actor.kind is not ActorKind.STAFF
    ]


def people_of(actor: Actor, account_ids: list[AccountId]) -> dict[str, Person]:
    """The persons of some members, by account, in an organisation transaction; no permission is asked."""
    if actor.kind is not ActorKind.STAFF:
        return accounts.people(account_ids)
    # Support has no right to the table of persons; the database hands out these, where a grant names them.
    persons = readable(Person.objects.raw("SELECT * FROM glasshouse_member_people()"))
    return {str(getattr(person, "account_id", "")): person for person in persons}


def member(actor: Actor, account: AccountId) -> Member:
    """One member. Raises NotFoundError, ForbiddenError."""
    with organisation_transaction(actor):
        require(actor, Permission.MEMBER_READ)
        shown = _shown(actor, list(Membership.objects.filter(organisation_id=actor.organisation, account_id=account)))
    if not shown:
        raise NotFoundError
    return shown[0]


def _theirs(actor: Actor, account: AccountId) -> Membership:
    membership = Membership.objects.filter(organisation_id=actor.organisation, account_id=account).first()
    if membership is None:
        raise NotFoundError
    return membership


def _keep_an_administrator(actor: Actor, leaving: Membership) -> None:
    administrators = Membership.objects.filter(organisation_id=actor.organisation, role=Role.ADMINISTRATOR, sites=None)
    if leaving.role == Role.ADMINISTRATOR and not administrators.exclude(id=leaving.id).exists():
        raise InvalidError("The last administrator cannot go. Make somebody else an administrator first.", field="role")


def change_member(actor: Actor, account: AccountId, role: str, sites: list[str] | None) -> None:
    """Give a member another role and other sites, from the next request on.

    Raises InvalidError, NotFoundError, ForbiddenError, ReauthenticationError.
    """
    with organisation_transaction(actor):
        actor_rights = require(actor, Permission.MEMBER_CHANGE)
        accounts.require_reauthentication(actor)
        lock(actor)
        membership = _theirs(actor, account)
        before = rights_of_membership(membership)
        if not covers(actor_rights, before.permissions, before.sites):
            raise ForbiddenError(MORE_THAN_MINE)
        check_gift(actor_rights, str(actor.organisation), role, sites)
        if role != Role.ADMINISTRATOR or sites is not None:
            _keep_an_administrator(actor, membership)
        membership.role, membership.sites = role, sites
        membership.save(update_fields=["role", "sites"])
        events.record(actor, Kind.MEMBER_CHANGED, account, role=role, sites="all" if sites is None else len(sites))


def remove_member(actor: Actor, account: AccountId) -> None:
    """Remove a member, or leave oneself (which needs no permission). Raises InvalidError, NotFoundError, ForbiddenError."""
    with organisation_transaction(actor):
        leaving = account == actor.account
        actor_rights = (
            rights_of_membership(membership_of(actor)) if leaving else require(actor, Permission.MEMBER_REMOVE)
        )
        if not leaving:
            accounts.require_reauthentication(actor)
        lock(actor)
        membership = _theirs(actor, account)
        before = rights_of_membership(membership)
        if not leaving and not covers(actor_rights, before.permissions, before.sites):
            raise ForbiddenError(MORE_THAN_MINE)
        _keep_an_administrator(actor, membership)
        ApiToken.objects.filter(organisation_id=actor.organisation, account_id=account, revoked_at=None).update(
            revoked_at=clock.now()
        )
        AccessRequest.objects.filter(organisation_id=actor.organisation, account_id=account, decided_at=None).delete()
        events.record(actor, Kind.MEMBER_LEFT if leaving else Kind.MEMBER_REMOVED, account)
        membership.delete()


def take_out(organisation: OrganisationId, account: AccountId) -> None:
    """Take a member out who leaves the service, as a job: also one who may not enter the organisation any more."""
    job = JOB.for_organisation(organisation)
    with organisation_transaction(job):
        membership = _theirs(job, account)
        events.record(job, Kind.MEMBER_LEFT, account)
        membership.delete()


def forget_words(organisation: OrganisationId, account: AccountId) -> None:
    """Delete what somebody who leaves the service wrote in an organisation, also in one that they left before; as a job.

    The invitations that they sent stay the organisation's, without their message. Safe to repeat.
    """
    with organisation_transaction(JOB.for_organisation(organisation)):
        ApiToken.objects.filter(organisation_id=organisation, account_id=account).delete()
        AccessRequest.objects.filter(organisation_id=organisation, account_id=account).delete()
        for invitation in readable(Invitation.objects.filter(organisation_id=organisation, inviter=account)):
            invitation.message = ""
            invitation.save(update_fields=["message"])


def hand_over(actor: Actor, account: AccountId, role: str) -> None:
    """Make another member an administrator and take `role` oneself, both or neither. Raises as change_member."""
    with organisation_transaction(actor):
        change_member(actor, account, Role.ADMINISTRATOR, None)
        change_member(actor, AccountId(str(actor.account)), role, None)
        events.record(actor, Kind.OWNERSHIP_HANDED_OVER, account)


def ask_reset(actor: Actor, account: AccountId) -> None:
    """Reset a member's lost second factor, after a delay in which they may stop it. Raises ForbiddenError, NotFoundError."""
    with own(accounts.person_id(account)), organisation_transaction(actor):
        actor_rights = require(actor, Permission.SECOND_FACTOR_RESET)
        accounts.require_reauthentication(actor)
        before = rights_of_membership(_theirs(actor, account))
        if not covers(actor_rights, before.permissions, before.sites):
            raise ForbiddenError(MORE_THAN_MINE)
        resets.ask_reset(actor, account)


# -- roles ---------------------------------------------------------------------------------------------------------


class ListedRole(NamedTuple):
    """A role, built in or the organisation's own, as the page lists it."""

    id: str
    title: str
    permissions: frozenset[Permission]


def roles(actor: Actor) -> list[ListedRole]:
    """Every role there is, the built-in ones first. Raises NotFoundError, SecondFactorNeededError."""
    with organisation_transaction(actor):
        rights_of(actor)
        record_access(actor, "roles", [])
        custom_roles = CustomRole.objects.filter(organisation_id=actor.organisation).order_by("created_at")[:MOST_ROLES]
        built_in = [ListedRole(str(role), TITLES[role], GRANTED[role]) for role in TITLES]
        return built_in + [ListedRole(role.id, *permissions_of(role)) for role in custom_roles]


def _chosen(actor_rights: Rights, chosen: list[str]) -> list[str]:
    permission_ids = {str(permission) for permission in CUSTOMER_PERMISSIONS}
    if not chosen or not set(chosen) <= permission_ids:
        raise InvalidError("Choose at least one permission from the grid.", field="permissions")
    if not covers(actor_rights, frozenset(map(Permission, chosen)), actor_rights.sites):
        raise ForbiddenError(MORE_THAN_MINE)
    return sorted(set(chosen))


def save_role(actor: Actor, name: str, chosen: list[str], role: str = "") -> RoleId:
    """Make a role, or change one of one's own; whoever has it has the new rights at once.

    Raises InvalidError, NotFoundError, ForbiddenError, ReauthenticationError.
    """
    with organisation_transaction(actor):
        actor_rights = require(actor, Permission.ROLE_CHANGE)
        accounts.require_reauthentication(actor)
        permissions = _chosen(actor_rights, chosen)
        custom_role = CustomRole(organisation_id=str(actor.organisation), created_at=clock.now())
        own_roles = CustomRole.objects.filter(organisation_id=actor.organisation)
        if not role and own_roles.count() >= MOST_ROLES:
            raise InvalidError(
                gettext("There are %(count)s roles of your own. Remove one that nobody has.") % {"count": MOST_ROLES},
                field="name",
            )
        if role:
            stored_role = CustomRole.objects.filter(id=role, organisation_id=actor.organisation).first()
            if stored_role is None:
                raise NotFoundError
            custom_role = stored_role
            if not covers(actor_rights, role_of(custom_role.organisation_id, role).permissions, actor_rights.sites):
                raise ForbiddenError(MORE_THAN_MINE)
        custom_role.name, custom_role.permissions = _free_name(actor, name, custom_role.id), permissions
        custom_role.save()
        events.record(actor, Kind.ROLE_SAVED, custom_role.id, permissions=len(permissions))
    return RoleId(custom_role.id)


def _free_name(actor: Actor, written: str, role: str) -> str:
    """A name that no other role of the organisation has, built in or own: two alike cannot be told apart. Raises InvalidError."""
    name = plain_name(written, field="name")
    others = CustomRole.objects.filter(organisation_id=actor.organisation).exclude(id=role)
    if name.casefold() in {title.casefold() for title in (*TITLES.values(), *(str(other.name) for other in others))}:
        raise InvalidError("There is a role of this name already. Choose another name.", field="name")
    return name


def remove_role(actor: Actor, role: RoleId) -> None:
    """Remove a role that nobody has. Raises InvalidError, NotFoundError, ForbiddenError, ReauthenticationError."""
    with organisation_transaction(actor):
        require(actor, Permission.ROLE_CHANGE)
        accounts.require_reauthentication(actor)
        if Membership.objects.filter(organisation_id=actor.organisation, role=role).exists():
            raise InvalidError("Somebody has this role. Give them another one first.", field="role")
        if not CustomRole.objects.filter(id=role, organisation_id=actor.organisation).delete()[0]:
            raise NotFoundError
        events.record(actor, Kind.ROLE_REMOVED, role)


# -- requests ------------------------------------------------------------------------------------------------------


def ask_access(actor: Actor, role: str, sites: list[str] | None, reason: str) -> RequestId:
    """Ask the administrators for another role or other sites. Raises InvalidError, NotFoundError."""
    with organisation_transaction(actor):
        rights_of(actor)
        try:
            role_of(str(actor.organisation), role)
        except NotFoundError:
            raise InvalidError("Choose a role from the list.", field="role") from None
        own_requests = AccessRequest.objects.filter(organisation_id=actor.organisation, account_id=actor.account)
        own_requests.filter(decided_at=None).delete()
        access_request = AccessRequest.objects.create(
            organisation_id=str(actor.organisation),
            account_id=str(actor.account),
            role=role,
            sites=sites,
            reason=plain_name(reason, field="reason", most=400),
            created_at=clock.now(),
        )
        events.record(actor, Kind.ACCESS_ASKED, access_request.id)
    return RequestId(access_request.id)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that waits for a decision, as the page shows it."""

    id: str
    name: str
    role: str
    reason: str


def requests(actor: Actor, after: str = "") -> Piece[Asked]:
    """Requests that wait for a decision, a piece of them. Raises ForbiddenError."""
    with organisation_transaction(actor):
        require(actor, Permission.MEMBER_CHANGE)
        waiting = AccessRequest.objects.filter(organisation_id=actor.organisation, decided_at=None)
        access_requests = piece_of(waiting, after)
        record_access(actor, "requests", [access_request.account_id for access_request in access_requests])
        people = people_of(actor, [AccountId(access_request.account_id) for access_request in access_requests])
        vault.open_keys({KeyOwnerId(person.id) for person in people.values()})
        roles = roles_by_id(str(actor.organisation), {access_request.role for access_request in access_requests})
        asked = [
            Asked(
                access_request.id,
                people[access_request.account_id].name,
                roles.get(access_request.role, GONE).title,
                access_request.reason,
            )
            for access_request in access_requests
            if access_request.account_id in people
        ]
        return access_requests.of(asked)


def decide(actor: Actor, request: RequestId, *, grant: bool) -> None:
    """Grant or refuse a request. Raises as change_member."""
    with organisation_transaction(actor):
        require(actor, Permission.MEMBER_CHANGE)
        accounts.require_reauthentication(actor)
        open_requests = AccessRequest.objects.select_for_update().filter(
            organisation_id=actor.organisation, decided_at=None
        )
        access_request = open_requests.filter(id=request).first()
        if access_request is None:
            raise NotFoundError
        if grant:
            change_member(actor, AccountId(access_request.account_id), access_request.role, access_request.sites)
        access_request.decided_at, access_request.decided_by, access_request.granted = clock.now(), actor.id, grant
        access_request.save(update_fields=["decided_at", "decided_by", "granted"])
        events.record(actor, Kind.ACCESS_DECIDED, access_request.id, granted=grant)
