"""Who may do what: organisation transactions, rights, require(), organisations.

The database decides with us: `organisation_transaction` tells PostgreSQL, for this transaction only, which organisation and
account act. The row policies look up, in the database, whether that account belongs there and which sites it sees. Nothing
set means no rows.
Rights are read anew for each request, so a change counts from the next one on. Source: SEC-03; DESIGN, "Who may do what".
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import NamedTuple

from django.db import connection, transaction

from glasshouse.access.models import ApiToken, CustomRole, Membership, Organisation
from glasshouse.access.permissions import CUSTOMER_PERMISSIONS, GRANTED, TITLES, Permission, Role, staff_roles_with
from glasshouse.access.rules import Rights, second_factor_required
from glasshouse.accounts import api as accounts
from glasshouse.accounts import second_factor
from glasshouse.accounts.models import Account
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB, Actor, ActorKind
from glasshouse.kernel.errors import ForbiddenError, NotFoundError, SecondFactorNeededError
from glasshouse.kernel.ids import OrganisationId
from glasshouse.probes import api as probes
from glasshouse.rowsecurity.connections import DatabaseRole, connected_as
from glasshouse.vault.fields import readable

_acting_now: ContextVar[Actor | None] = ContextVar("acting", default=None)


class NotedAccess(NamedTuple):
    """What an actor was shown. what: the kind of thing; ids: which of them."""

    actor: Actor
    what: str
    ids: tuple[str, ...]


class RoleDefinition(NamedTuple):
    """What a role is called, and what it allows."""

    title: str
    permissions: frozenset[Permission]


_gathered: ContextVar[list[NotedAccess] | None] = ContextVar("gathered", default=None)
ACTS = frozenset({"compartment made", "emergency", "target range set"})
Resolver = Callable[[Actor], Rights]
Recorder = Callable[[Actor, str, Sequence[str]], None]
# Kinds of actors that a higher area knows the rights of (support, by its grants), and how it records what they see.
_resolvers: dict[ActorKind, Resolver] = {}
_recorders: dict[ActorKind, Recorder] = {}
_recorded: ContextVar[bool] = ContextVar("recorded", default=False)
SET = (
    "SELECT set_config('glasshouse.organisation', %s, true), set_config('glasshouse.account', %s, true), "
    "set_config('glasshouse.invitation', %s, true), "
    "set_config('glasshouse.sites', %s, true), set_config('glasshouse.kind', %s, true)"
)


def register(kind: ActorKind, resolver: Resolver, recorder: Recorder) -> None:
    """Have a higher area say what actors of a kind may do, and keep the record of what they see."""
    _resolvers[kind], _recorders[kind] = resolver, recorder


def record_access(actor: Actor, what: str, ids: Sequence[str]) -> None:
    """Note what the actor is shown, on record for actors whose every access is recorded. Call it in an organisation transaction.

    While a page is rendered (`gathering`), what it reads is recorded just before the page is sent, because only then it is
    known to be shown. A change is recorded in the transaction that makes it.
    """
    if recorder := _recorders.get(actor.kind):
        _recorded.set(True)
        gathered = _gathered.get()
        if what in ("request", "countersignature"):  # These show nothing.
            return
        if gathered is None or what in ACTS:
            recorder(actor, what, ids)
        else:
            gathered.append(NotedAccess(actor, what, tuple(ids)))


def recorded_elsewhere(actor: Actor) -> None:
    """Note that what this organisation transaction reads goes on record in another one, before it is shown."""
    if actor.kind in _recorders:
        _recorded.set(True)


@contextmanager
def gathering() -> Iterator[list[NotedAccess]]:
    """Collect what `record_access` notes within the block, instead of recording it: the caller records what was really shown."""
    entries: list[NotedAccess] = []
    token = _gathered.set(entries)
    try:
        yield entries
    finally:
        _gathered.reset(token)


def write_record_access(entries: Sequence[NotedAccess]) -> None:
    """Put what is about to be shown on record, each entry once. Raises DatabaseError where that fails: show nothing then."""
    for actor in dict.fromkeys(entry.actor for entry in entries):
        with organisation_transaction(actor):
            _recorded.set(True)
            for entry in dict.fromkeys(entry for entry in entries if entry.actor == actor):
                _recorders[actor.kind](actor, entry.what, entry.ids)


@contextmanager
def organisation_transaction(actor: Actor, *, invitation: str = "") -> Iterator[None]:
    """A transaction in which only what belongs to the actor (and its organisation) can be seen.

    May be entered again by the same actor. invitation: hash of an invitation's secret, which shows that invitation.
    Raises ForbiddenError inside the transaction of another actor.
    """
    inside = _acting_now.get()
    if inside is not None:
        if inside != actor:
            raise ForbiddenError("Two customers cannot act in one transaction.")
        yield
        return
    with _connection_for(actor), transaction.atomic(durable=True):
        _tell_database(actor, invitation)
        token, recorded = _acting_now.set(actor), _recorded.set(False)
        try:
            yield
            if actor.organisation and actor.kind in _recorders and not _recorded.get():
                raise ForbiddenError("This page keeps no record of what it shows, so it is not open to support.")
        finally:
            _acting_now.reset(token)
            _recorded.reset(recorded)


def _connection_for(actor: Actor) -> AbstractContextManager[None]:
    return connected_as(DatabaseRole.JOB) if actor.kind is ActorKind.JOB else nullcontext()


def _tell_database(actor: Actor, invitation: str) -> None:
    values = [actor.organisation or "", actor.account or "", invitation, "", str(actor.kind)]
    with connection.cursor() as cursor:
        cursor.execute(SET, values)
        if actor.kind is ActorKind.STAFF:
            cursor.execute("SELECT glasshouse_administering()")
            if cursor.fetchone() != (True,):
                # From here to the end of the transaction the database knows us as support, which sees what a live grant shows.
                cursor.execute("SET LOCAL ROLE glasshouse_support")
    if actor.kind is ActorKind.TOKEN:
        token = ApiToken.objects.filter(id=actor.token, organisation_id=actor.organisation).first()
        if token is not None and token.sites is not None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('glasshouse.sites', %s, true)", [",".join(token.sites) or "-"])


# -- rights --------------------------------------------------------------------------------------------------------


def rights_of(actor: Actor) -> Rights:
    """What the actor may do in its organisation, read now. Raises NotFoundError (not a member), SecondFactorNeededError."""
    if resolver := _resolvers.get(actor.kind):
        return resolver(actor)
    if actor.kind is ActorKind.TOKEN:
        return _token_rights(actor)
    if actor.kind is not ActorKind.PERSON:
        raise NotFoundError
    membership = membership_of(actor)
    organisation = membership.organisation
    if second_factor_required(
        organisation.second_factor_roles, organisation.second_factor_from, membership.role, clock.now()
    ) and not second_factor.has_second_factor(actor.account):
        raise SecondFactorNeededError
    return rights_of_membership(membership)


def membership_of(actor: Actor) -> Membership:
    """The actor's membership in its organisation. Raises NotFoundError."""
    memberships = Membership.objects.select_related("organisation")
    membership = memberships.filter(organisation_id=actor.organisation, account_id=actor.account).first()
    if membership is None:
        raise NotFoundError
    return membership


def rights_of_membership(membership: Membership) -> Rights:
    """What a membership gives."""
    return _rights(membership, role_of(membership.organisation_id, membership.role))


def _rights(membership: Membership, role: RoleDefinition) -> Rights:
    sites = None if membership.sites is None else frozenset(membership.sites)
    return Rights(role.permissions, sites, role.title, f"by the role {role.title}")


def rights_of_memberships(memberships: list[Membership]) -> dict[str, Rights]:
    """What each membership of one organisation gives, by its id; with one query for all. Raises NotFoundError."""
    if not memberships:
        return {}
    roles = roles_by_id(memberships[0].organisation_id, {membership.role for membership in memberships})
    rights = {}
    for membership in memberships:
        if membership.role not in roles:
            raise NotFoundError("There is no such role.")
        rights[membership.id] = _rights(membership, roles[membership.role])
    return rights


def role_of(organisation: str, role: str) -> RoleDefinition:
    """Title and permissions of a built-in or custom role. Raises NotFoundError."""
    roles_found = roles_by_id(organisation, {role})
    if role not in roles_found:
        raise NotFoundError("There is no such role.")
    return roles_found[role]


def roles_by_id(organisation: str, roles: set[str]) -> dict[str, RoleDefinition]:
    """Title and permissions of each of the roles that exists, by its id; with one query at most."""
    built_in = {role: RoleDefinition(TITLES[Role(role)], GRANTED[Role(role)]) for role in roles if role in set(Role)}
    custom_ids = roles - built_in.keys()
    custom = CustomRole.objects.filter(id__in=custom_ids, organisation_id=organisation) if custom_ids else ()
    return built_in | {role.id: permissions_of(role) for role in custom}


def permissions_of(role: CustomRole) -> RoleDefinition:
    """Title and permissions of a custom role. What is no permission of a customer's (any more) gives nothing."""
    return RoleDefinition(
        role.name,
        frozenset(Permission(permission) for permission in role.permissions if permission in CUSTOMER_PERMISSIONS),
    )


def _token_rights(actor: Actor) -> Rights:
    now = clock.now()
    token = ApiToken.objects.filter(id=actor.token, organisation_id=actor.organisation, revoked_at=None).first()
    if token is None or token.expires_at <= now or token.account_id != actor.account:
        raise NotFoundError
    membership = membership_of(actor)
    organisation = membership.organisation
    if second_factor_required(
        organisation.second_factor_roles, organisation.second_factor_from, membership.role, now
    ) and not second_factor.has_second_factor(actor.account):
        raise SecondFactorNeededError
    permissions = frozenset(
        Permission(permission) for permission in token.permissions if permission in CUSTOMER_PERMISSIONS
    )
    sites = None if token.sites is None else frozenset(token.sites)
    member_rights = rights_of_membership(membership)
    return member_rights.narrowed(
        permissions, sites, f"by the token {token.name}, at most as the role {member_rights.role}"
    )


def require_at(rights: Rights, permission: Permission, site: str) -> None:
    """Nothing, if the rights give the permission at a site that the actor sees. Raises ForbiddenError."""
    if not rights.covers_site(permission, site):
        raise ForbiddenError("You may look at this site, and not change it.")


def require(actor: Actor, permission: Permission) -> Rights:
    """The actor's rights, if the permission is among them now. Raises NotFoundError (not a member), ForbiddenError."""
    rights = rights_of(actor)
    if permission not in rights.permissions:
        if actor.kind is ActorKind.TOKEN:
            raise ForbiddenError(
                "This token does not allow this. Make one that does, at API tokens: within what your role allows."
            )
        raise ForbiddenError("Your role does not allow this. An administrator of your organisation can change that.")
    return rights


def require_staff(actor: Actor, permission: Permission) -> None:
    """Nothing, if the actor is staff, in a role that the permission is granted to, with a second factor.

    Raises SecondFactorNeededError where only the factor is missing, NotFoundError for everybody else. Source: SEC-03, SEC-06.
    """
    accounts.require_staff_role(actor, staff_roles_with(permission))


def others_with(actor: Actor, permission: Permission) -> int:
    """How many other members of the staff have a permission: who could be the second of two."""
    of_checks = probes.hidden_from(str(actor.account), Account)
    staff = Account.objects.filter(staff_role__in=staff_roles_with(permission))
    return staff.exclude(id=actor.account).exclude(id__in=of_checks).count()


# -- organisations -------------------------------------------------------------------------------------------------


def create_organisation(actor: Actor, name: str) -> OrganisationId:
    """Create an organisation with the actor as its administrator. Raises ForbiddenError for the operator's staff.

    actor: of no organisation yet, or inside an organisation transaction for the id that the new one is to have.
    """
    if actor.kind is not ActorKind.PERSON:
        raise ForbiddenError("Staff accounts belong to no customer.")
    organisation = Organisation(name=name, created_at=clock.now())
    if actor.organisation and _acting_now.get() == actor:
        organisation.id = str(actor.organisation)
    owner = actor.for_organisation(OrganisationId(organisation.id))
    with organisation_transaction(owner):
        organisation.save(force_insert=True)
        Membership.objects.create(
            organisation=organisation, account_id=str(actor.account), role=Role.ADMINISTRATOR, created_at=clock.now()
        )
        events.record(owner, Kind.ORGANISATION_CREATED, organisation.id)
    return OrganisationId(organisation.id)


def organisations_of(actor: Actor) -> list[Organisation]:
    """The organisations that the actor belongs to; without those that are closed, their keys destroyed."""
    if actor.kind is not ActorKind.PERSON:
        return []
    with organisation_transaction(actor):
        return readable(Organisation.objects.filter(id__in=organisation_ids_of(actor)).order_by("created_at"))


def organisation_ids_of(actor: Actor) -> list[OrganisationId]:
    """Ids of all organisations that name the actor as a member."""
    with organisation_transaction(actor):
        rows = Membership.objects.filter(account_id=actor.account)
        return [OrganisationId(row) for row in rows.values_list("organisation_id", flat=True)]


def organisation_or_none(actor: Actor) -> Organisation | None:
    """The organisation that the actor acts for, if it is there (still)."""
    return Organisation.objects.filter(id=actor.organisation).first()


def organisation_of(actor: Actor) -> Organisation:
    """The organisation that the actor acts for. Raises NotFoundError."""
    organisation = organisation_or_none(actor)
    if organisation is None:
        raise NotFoundError
    return organisation


def all_organisations() -> list[OrganisationId]:
    """The id of every organisation, for jobs that go from one to the next, each in a transaction of its own."""
    with organisation_transaction(JOB), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM glasshouse_organisations()")
        return [OrganisationId(row[0]) for row in cursor.fetchall()]
