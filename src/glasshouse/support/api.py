"""Verbs of invited support: ask, give, approve, refuse, countersign, revoke; emergency; handed-over administration; the record.

Rules: without a live grant the staff see a customer's opaque id and nothing else, which the database decides (SEC-04).
While a grant lives, each access is recorded in the transaction that read; a read without a record is undone. The administrators
get a mail about every grant. Only the customer gives and revokes; a revoked grant ends with the next request.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection
from django.utils.translation import gettext

from glasshouse.access import api as access
from glasshouse.access.models import Membership, Organisation
from glasshouse.access.permissions import Permission, Role
from glasshouse.access.rules import Rights
from glasshouse.accounts import api as accounts
from glasshouse.accounts import languages
from glasshouse.accounts.rules import plain_name
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB, Actor, ActorKind
from glasshouse.kernel.errors import ForbiddenError, InvalidError, NotFoundError, SecondFactorNeededError
from glasshouse.kernel.ids import AccountId, GrantId, KeyOwnerId, OrganisationId
from glasshouse.kernel.pieces import CHOICES, PIECE, Piece, piece_of
from glasshouse.mail import api as mail
from glasshouse.probes import api as probes
from glasshouse.support import rules
from glasshouse.support.models import Grant, RecordAccess
from glasshouse.support.sql import CUSTOMERS, LET_IN, STAFF_GRANTS

TEAM, SUPPORT = "", "support"
BANNERS = 10


@dataclass(frozen=True, slots=True)
class Wish:
    """What a grant is to cover. sites: None for all; staff: one account, or TEAM."""

    areas: tuple[str, ...]
    hours: int
    reason: str
    sites: tuple[str, ...] | None = None
    change: bool = False
    staff: str = TEAM


@dataclass(frozen=True, slots=True)
class Listed:
    """A grant as pages show it."""

    grant: Grant
    state: str
    who: str
    areas: str


def _checked(wish: Wish) -> Wish:
    if not wish.areas or not set(wish.areas) <= set(rules.AREA_TITLES):
        raise InvalidError("Choose at least one area from the list.", field="areas")
    if not 1 <= wish.hours <= rules.MOST_HOURS:
        raise InvalidError(
            gettext("Choose 1 to %(hours)s hours (7 days at most).") % {"hours": rules.MOST_HOURS}, field="hours"
        )
    reason = plain_name(wish.reason, field="reason", most=400)
    return Wish(tuple(sorted(set(wish.areas))), wish.hours, reason, wish.sites, wish.change, wish.staff)


def _grant(wish: Wish, actor: Actor, now: datetime) -> Grant:
    return Grant(
        organisation_id=str(actor.organisation),
        staff=wish.staff,
        areas=list(wish.areas),
        sites=None if wish.sites is None else list(wish.sites),
        change=wish.change,
        reason=wish.reason,
        asked_by=str(actor.account),
        created_at=now,
        starts_at=now,
        ends_at=now + timedelta(hours=wish.hours),
    )


# -- what support may do -------------------------------------------------------------------------------------------


def rights_of_staff(actor: Actor) -> Rights:
    """What the live grants give to a member of the support staff, read now, as the database sees them.

    Raises NotFoundError, SecondFactorNeededError.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT glasshouse_support_role(), glasshouse_staff(), glasshouse_administering(), glasshouse_granted('')"
        )
        support, factor, administered, live = cursor.fetchone()
    if actor.kind is not ActorKind.STAFF or not support:
        raise NotFoundError
    if not factor:
        raise SecondFactorNeededError
    if administered:
        return Rights(
            rules.ADMINISTERED, None, "Operator", "the customer has handed its administration to the operator"
        )
    if not live:
        raise NotFoundError
    now = clock.now()
    running_grants = Grant.objects.filter(
        organisation_id=actor.organisation, revoked_at=None, starts_at__lte=now, ends_at__gt=now
    )
    grants = [grant for grant in running_grants.exclude(approved_at=None) if grant.staff in (TEAM, actor.account)]
    # Each grant counts at its own sites only; the row policies say the same.
    terms = [
        rules.Terms(grant.areas, grant.sites, grant.change and grant.countersigned_by not in ("", actor.account))
        for grant in grants
    ]
    at = {permission: rules.sites_of(permission, terms) for permission in rules.GRANTABLE}
    permissions = frozenset(permission for permission, sites in at.items() if sites is None or sites)
    ends = max((grant.ends_at for grant in grants), default=now)
    why = f"invited by the customer until {ends:%Y-%m-%d %H:%M} UTC"
    return Rights(permissions, at[Permission.SITE_READ], "Support", why, at)


def record_seen(actor: Actor, page_kind: str, ids: Sequence[str]) -> None:
    """Record, in the transaction that reads, what support is shown. page_kind: the kind of thing; ids: which of them."""
    RecordAccess.objects.create(
        organisation_id=str(actor.organisation),
        staff=str(actor.account),
        what=page_kind,
        ids=list(ids)[:200],
        at=clock.now(),
    )


# -- the staff's side ----------------------------------------------------------------------------------------------


def customers(actor: Actor, after: str = "") -> Piece[str]:
    """A piece of the customers' opaque ids, for the staff, newest first. Raises NotFoundError, SecondFactorNeededError."""
    access.require_staff(actor, Permission.CUSTOMER_LIST)
    of_checks = probes.hidden_from(str(actor.account), Organisation)
    with access.organisation_transaction(actor), connection.cursor() as cursor:
        cursor.execute(CUSTOMERS, {"hidden": list(of_checks), "after": after, "most": PIECE + 1})
        customer_ids = [str(row[0]) for row in cursor.fetchall()]
    shown = customer_ids[:PIECE]
    return Piece(shown, shown[-1] if len(customer_ids) > PIECE else "", after)


def let_in(actor: Actor, customers: Sequence[str]) -> set[str]:
    """Those of some customers that let the staff in now. Raises NotFoundError, SecondFactorNeededError."""
    access.require_staff(actor, Permission.CUSTOMER_LIST)
    with access.organisation_transaction(actor), connection.cursor() as cursor:
        cursor.execute(LET_IN, {"customers": list(customers), "now": clock.now()})
        return {str(row[0]) for row in cursor.fetchall()}


def staff_grants(actor: Actor, after: str = "") -> Piece[Listed]:
    """A piece of the grants that the staff has, asked for or may countersign. Raises NotFoundError, SecondFactorNeededError."""
    access.require_staff(actor, Permission.CUSTOMER_LIST)
    with access.organisation_transaction(actor):
        rows = list(Grant.objects.raw(STAFF_GRANTS, {"after": after, "most": PIECE + 1}))
        shown = [_listed(grant, {}) for grant in rows[:PIECE]]
    return Piece(shown, shown[-1].grant.id if len(rows) > PIECE else "", after)


def ask(actor: Actor, wish: Wish) -> GrantId:
    """Ask a customer for a grant; its administrators hear of it by mail. Raises InvalidError, NotFoundError."""
    access.require_staff(actor, Permission.GRANT_ASK)
    wish = _checked(wish)
    with access.organisation_transaction(actor):
        _exists(actor)
        access.record_access(actor, "request", [])
        grant = _grant(wish, actor, clock.now())
        grant.save(force_insert=True)
        events.record(actor, Kind.GRANT_ASKED, grant.id)
    _tell_administrators(actor, mail.Templated("support/mails/asked", _terms(actor, wish) | {"reason": wish.reason}))
    return GrantId(grant.id)


def break_glass(actor: Actor, reason: str) -> GrantId:
    """Read everything for an hour in an emergency, where the customer allowed that beforehand; loudly announced.

    Raises InvalidError, ForbiddenError, NotFoundError.
    """
    access.require_staff(actor, Permission.EMERGENCY_OPEN)
    accounts.require_reauthentication(actor)
    wish = _checked(Wish(tuple(rules.AREA_TITLES), 1, reason, staff=str(actor.account)))
    with access.organisation_transaction(actor):
        _exists(actor)
        with connection.cursor() as cursor:
            cursor.execute("SELECT glasshouse_emergency_allowed()")
            if cursor.fetchone() != (True,):
                raise ForbiddenError("This customer has not allowed emergency access.")
        now = clock.now()
        grant = _grant(wish, actor, now)
        grant.emergency, grant.approved_at, grant.ends_at = True, now, now + rules.EMERGENCY - timedelta(seconds=1)
        grant.save(force_insert=True)
        access.record_access(actor, "emergency", [grant.id])
        events.record(actor, Kind.GLASS_BROKEN, grant.id)
    _tell_administrators(
        actor,
        mail.Templated("support/mails/emergency", {"reason": wish.reason, "organisation": str(actor.organisation)}),
    )
    return GrantId(grant.id)


def countersign(actor: Actor, grant: GrantId) -> None:
    """Be the second pair of eyes for a grant that allows changes. Raises NotFoundError, ForbiddenError."""
    access.require_staff(actor, Permission.GRANT_COUNTERSIGN)
    accounts.require_reauthentication(actor)
    with access.organisation_transaction(actor):
        access.record_access(actor, "countersignature", [grant])
        rows = Grant.objects.filter(id=grant, organisation_id=actor.organisation, change=True)
        if not rows.update(countersigned_by=str(actor.account)):
            raise ForbiddenError("Somebody else of the staff must countersign: not who asked, nor who will act.")
        events.record(actor, Kind.GRANT_COUNTERSIGNED, grant)


def _exists(actor: Actor) -> None:
    """Raises InvalidError: the id is written by hand in a form."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM glasshouse_customers() customer WHERE customer = %s", [actor.organisation])
        if cursor.fetchone() is None:
            raise InvalidError("No customer has this id. Copy it from the list.", field="customer")


# -- the customer's side -------------------------------------------------------------------------------------------


def give(actor: Actor, wish: Wish) -> GrantId:
    """Let support in. Raises InvalidError, ForbiddenError, ReauthenticationError."""
    wish = _checked(wish)
    with access.organisation_transaction(actor):
        _may_give(actor, wish.sites)
        if wish.staff != TEAM and accounts.staff_role(AccountId(wish.staff[:16])) != SUPPORT:
            raise InvalidError("This is no account of the support staff.", field="staff")
        grant = _grant(wish, actor, clock.now())
        grant.approved_at, grant.approved_by = grant.created_at, str(actor.account)
        grant.save(force_insert=True)
        events.record(actor, Kind.GRANT_GIVEN, grant.id)
    _tell_administrators(actor, mail.Templated("support/mails/let_in", _terms(actor, wish)))
    return GrantId(grant.id)


def _may_give(actor: Actor, sites: tuple[str, ...] | None) -> None:
    giver_rights = access.require(actor, Permission.GRANT_GIVE)
    accounts.require_reauthentication(actor)
    if giver_rights.sites is not None and (sites is None or not set(sites) <= giver_rights.sites):
        raise ForbiddenError("You cannot let support see more than you see yourself.")


def _theirs(actor: Actor, grant: GrantId) -> Grant:
    row = Grant.objects.select_for_update().filter(id=grant, organisation_id=actor.organisation).first()
    if row is None:
        raise NotFoundError
    return row


def decide(actor: Actor, grant: GrantId, *, approve: bool) -> None:
    """Approve or refuse what support asked for. Approved, its time begins now. Raises as give."""
    with access.organisation_transaction(actor):
        row = _theirs(actor, grant)
        _may_give(actor, None if row.sites is None else tuple(row.sites))
        now = clock.now()
        if row.approved_at is not None or _state(row) not in ("asked", "over"):
            raise InvalidError("This request is decided already.", field="grant")
        if approve:
            row.starts_at, row.ends_at = now, now + (row.ends_at - row.starts_at)
            row.approved_at, row.approved_by = now, str(actor.account)
        else:
            row.revoked_at, row.revoked_by = now, str(actor.account)
        row.save()
        events.record(actor, Kind.GRANT_GIVEN if approve else Kind.GRANT_REFUSED, row.id)


def revoke(actor: Actor, grant: GrantId) -> None:
    """End a grant now. Raises NotFoundError, ForbiddenError. Source: SEC-04."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.GRANT_GIVE)
        row = _theirs(actor, grant)
        if row.revoked_at is None:
            row.revoked_at, row.revoked_by = clock.now(), str(actor.account)
            row.save(update_fields=["revoked_at", "revoked_by"])
            events.record(actor, Kind.GRANT_REVOKED, row.id)


def grants(actor: Actor, after: str = "") -> Piece[Listed]:
    """A piece of the organisation's grants, newest first. Raises ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.GRANT_GIVE)
        rows = piece_of(Grant.objects.filter(organisation_id=actor.organisation), after, by="-created_at")
        people = accounts.people([AccountId(grant.staff) for grant in rows if grant.staff])
        return rows.of([_listed(grant, {key: person.name for key, person in people.items()}) for grant in rows])


def live_grants(actor: Actor) -> list[Listed]:
    """The grants under which support may look right now, for the banner that every member sees: the newest BANNERS of them."""
    now = clock.now()
    running_grants = Grant.objects.filter(
        organisation_id=actor.organisation, revoked_at=None, starts_at__lte=now, ends_at__gt=now
    )
    return [_listed(grant, {}) for grant in running_grants.exclude(approved_at=None).order_by("-created_at")[:BANNERS]]


class StaffName(NamedTuple):
    """A member of the support staff."""

    account: str
    name: str


def staff_names() -> list[StaffName]:
    """The support staff, whom a customer may name in a grant."""
    from glasshouse.accounts.models import Account

    of_support = Account.objects.filter(staff_role=SUPPORT).order_by("created_at").values_list("id", flat=True)
    accounts_found = [AccountId(account) for account in of_support[:CHOICES]]
    return [StaffName(account, person.name) for account, person in accounts.people(accounts_found).items()]


def _state(grant: Grant) -> str:
    return rules.state_of(
        now=clock.now(),
        approved_at=grant.approved_at,
        revoked_at=grant.revoked_at,
        starts_at=grant.starts_at,
        ends_at=grant.ends_at,
    )


def _listed(grant: Grant, names: dict[str, str]) -> Listed:
    staff_name = (
        names.get(grant.staff, gettext("one of the support staff")) if grant.staff else gettext("the support team")
    )
    areas = ", ".join(gettext(rules.AREA_WORDS[area]) for area in grant.areas if area in rules.AREA_WORDS)
    return Listed(grant, _state(grant), staff_name, areas)


def _in_mails(areas: Sequence[str]) -> list[str]:
    """Areas, as texts that a mail translates."""
    return [rules.AREA_WORDS[area] for area in areas if area in rules.AREA_WORDS]


def settings_of(actor: Actor) -> Organisation:
    """The organisation with what it decided about support. Raises ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.GRANT_GIVE)
        return access.organisation_of(actor)


def set_emergency(actor: Actor, *, allowed: bool) -> None:
    """Allow emergency access, or allow it no longer. Raises ForbiddenError, ReauthenticationError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.SETTINGS_CHANGE)
        accounts.require_reauthentication(actor)
        Organisation.objects.filter(id=actor.organisation).update(emergency_allowed=allowed)
        events.record(actor, Kind.EMERGENCY_ALLOWED, str(actor.organisation), allowed=allowed)


def hand_administration(actor: Actor, *, to_operator: bool) -> None:
    """Hand the administration to the operator, or take it back at once. Raises ForbiddenError, ReauthenticationError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.SETTINGS_CHANGE)
        if to_operator:
            accounts.require_reauthentication(actor)
        since = clock.now() if to_operator else None
        Organisation.objects.filter(id=actor.organisation).update(administered_since=since)
        events.record(actor, Kind.ADMINISTRATION_HANDED, str(actor.organisation), operator=to_operator)
    _tell_administrators(
        actor,
        mail.Templated("support/mails/administration_handed", {})
        if to_operator
        else mail.Templated("support/mails/administration_taken_back", {}),
    )


def _terms(actor: Actor, wish: Wish) -> dict[str, mail.Value]:
    """The terms of a grant, for a mail about it."""
    return {
        "areas": _in_mails(wish.areas),
        "change": wish.change,
        "hours": wish.hours,
        "organisation": str(actor.organisation),
    }


def _tell_administrators(actor: Actor, news: mail.Templated) -> None:
    """Mail to every administrator of the organisation that the actor speaks to."""
    with access.organisation_transaction(JOB.for_organisation(OrganisationId(str(actor.organisation)))):
        rows = Membership.objects.filter(organisation_id=actor.organisation, role=Role.ADMINISTRATOR)
        for person in accounts.people([AccountId(row.account_id) for row in rows]).values():
            draft = mail.draft(news.template, news.values, language=languages.of_person(person))
            mail.queue_draft(KeyOwnerId(person.id), "support-access", person.address, draft)
