"""Verbs of invitations: invite, resend, revoke, look, accept.

Rules: an invitation is for one address and works once. An existing account accepts it signed in with that address. A newcomer
who opens the link has the mailbox, so the link confirms the address; the newcomer also writes the address, and the account gets
that one and no other, so that a forwarded link makes nobody else a member. It counts only while the inviter may still give what
it gives. Source: SEC-02.
"""

import csv
import io
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from glasshouse.access.api import organisation_transaction, require, rights_of_membership, roles_by_id
from glasshouse.access.models import Membership, Organisation
from glasshouse.access.permissions import Permission
from glasshouse.access.rules import invitation_state
from glasshouse.accounts import api as accounts
from glasshouse.accounts import throttle
from glasshouse.accounts.rules import SECRET_MOST, normal_address
from glasshouse.accounts.sessions import digest
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, JOB, Actor, ActorKind
from glasshouse.kernel.errors import ForbiddenError, GlasshouseError, InvalidError, NotFoundError
from glasshouse.kernel.ids import AccountId, InvitationId, KeyOwnerId, OrganisationId, new_id, new_token
from glasshouse.mail import api as mail
from glasshouse.organisations.members import GONE as ROLE_GONE
from glasshouse.organisations.members import check_gift, lock
from glasshouse.organisations.models import Invitation
from glasshouse.vault import api as vault

DAYS, MOST_DAYS = 7, 30
MOST_AT_ONCE, MOST_MESSAGE, MOST_PASTED = 200, 1000, 200_000
OTHER_ADDRESS = (
    "This invitation is for another address. Use the address that it was sent to, or ask for one of your own."
)
GONE = "This invitation is used up, taken back or too old. Ask whoever invited you for a new one."


@dataclass(frozen=True, slots=True)
class Offer:
    """What is offered: a role, at some sites (None: all), for so many days, with the inviter's own words."""

    role: str
    sites: list[str] | None = None
    days: int = DAYS
    message: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """An invitation as its page shows it to whoever holds the link."""

    organisation: str
    role: str
    message: str
    masked: str
    address: str
    known: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """An invitation in the administrators' list."""

    id: str
    address: str
    role: str
    sites: list[str] | None
    state: str
    sent: int
    expires_at: object


def invite(actor: Actor, address: str, offer: Offer) -> InvitationId:
    """Invite one address. Raises InvalidError, ForbiddenError, ThrottledError, FreshProofError."""
    normal = normal_address(address)
    if not 1 <= offer.days <= MOST_DAYS:
        raise InvalidError(f"An invitation lives 1 to {MOST_DAYS} days.", field="days")
    if len(offer.message) > MOST_MESSAGE:
        raise InvalidError(f"The message has at most {MOST_MESSAGE} characters.", field="message")
    with organisation_transaction(actor):
        mine = require(actor, Permission.MEMBER_INVITE)
        accounts.require_reauthentication(actor)
        check_gift(mine, str(actor.organisation), offer.role, offer.sites)
        throttle.take("invite", str(actor.organisation), most=500, window=timedelta(days=1))
        hashed = vault.lookup("address", normal)
        account = accounts.account_at(normal)
        if account and Membership.objects.filter(organisation_id=actor.organisation, account_id=account).exists():
            raise InvalidError(
                "This person is a member already. Change the role in the list of people.", field="address"
            )
        open_ones = Invitation.objects.filter(
            organisation_id=actor.organisation, address_hash=hashed, accepted_at=None, revoked_at=None
        )
        if open_ones.filter(expires_at__gt=clock.now()).exists():
            raise InvalidError(
                "This address is invited already. Resend that invitation, or take it back.", field="address"
            )
        secret, now = new_token(), clock.now()
        made = Invitation.objects.create(
            organisation_id=str(actor.organisation),
            inviter=str(actor.account),
            key_owner=new_id(),
            address=normal,
            address_hash=hashed,
            message=offer.message.strip(),
            role=offer.role,
            sites=offer.sites,
            secret_hash=digest(secret),
            created_at=now,
            expires_at=now + timedelta(days=offer.days),
        )
        _send(actor, made, secret)
        events.record(actor, Kind.INVITED, made.id, role=offer.role)
    return InvitationId(made.id)


def _send(actor: Actor, invitation: Invitation, secret: str) -> None:
    organisation = Organisation.objects.get(id=actor.organisation)
    inviter = accounts.people([AccountId(str(actor.account))])[str(actor.account)]
    words = f"\n{inviter.name} writes:\n\n{invitation.message}\n" if invitation.message else ""
    text = (
        f"{inviter.name} invites you to {organisation.name} on Glasshouse.\n{words}\n"
        f"{settings.ORIGIN}/invitation/{secret}\n\n"
        f"The invitation is for this address only and ends on {invitation.expires_at:%Y-%m-%d}.\n"
    )
    subject = f"You are invited to {organisation.name}"
    mail.queue(KeyOwnerId(invitation.key_owner), "invitation", invitation.address, subject=subject, body=text)


def invite_many(actor: Actor, pasted: str, offer: Offer) -> list[tuple[str, str]]:
    """Invite every address of a pasted list or CSV (first column); returns (address, "" or what was wrong), row by row."""
    if len(pasted) > MOST_PASTED:
        raise InvalidError(f"The list has at most {MOST_PASTED} characters.", field="addresses")
    rows = [row[0].strip() for row in csv.reader(io.StringIO(pasted.replace(";", ","))) if row and row[0].strip()]
    wanted = [row for number, row in enumerate(rows) if "@" in row or number]
    if not wanted:
        raise InvalidError("Write one address a line.", field="addresses")
    if len(wanted) > MOST_AT_ONCE:
        raise InvalidError(f"At most {MOST_AT_ONCE} addresses at once; these are {len(wanted)}.", field="addresses")
    report = []
    for address in wanted:
        try:
            invite(actor, address, offer)
        except ForbiddenError:
            raise
        except GlasshouseError as error:
            report.append((address, str(error)))
        else:
            report.append((address, ""))
    return report


def _mine(actor: Actor, invitation: InvitationId) -> Invitation:
    found = Invitation.objects.select_for_update().filter(id=invitation, organisation_id=actor.organisation).first()
    if found is None:
        raise NotFoundError
    return found


def _state(invitation: Invitation) -> str:
    return invitation_state(
        now=clock.now(),
        expires_at=invitation.expires_at,
        accepted_at=invitation.accepted_at,
        revoked_at=invitation.revoked_at,
    )


def resend(actor: Actor, invitation: InvitationId) -> None:
    """Send it again with a new link and its full time; the old link ends. Raises InvalidError, NotFoundError, ForbiddenError."""
    with organisation_transaction(actor):
        mine = require(actor, Permission.MEMBER_INVITE)
        accounts.require_reauthentication(actor)
        found = _mine(actor, invitation)
        if _state(found) not in ("open", "expired"):
            raise InvalidError("This invitation is accepted or taken back.", field="invitation")
        check_gift(mine, str(actor.organisation), found.role, found.sites)
        throttle.take("resend", found.id, most=5, window=timedelta(days=1))
        secret = new_token()
        life = found.expires_at - found.created_at
        found.secret_hash, found.expires_at, found.inviter = digest(secret), clock.now() + life, str(actor.account)
        found.sent += 1
        found.save(update_fields=["secret_hash", "expires_at", "sent", "inviter"])
        _send(actor, found, secret)
        events.record(actor, Kind.INVITED, found.id, again=True)


def revoke(actor: Actor, invitation: InvitationId) -> None:
    """Take an invitation back. Raises NotFoundError, ForbiddenError."""
    with organisation_transaction(actor):
        require(actor, Permission.MEMBER_INVITE)
        found = _mine(actor, invitation)
        if found.accepted_at is None and found.revoked_at is None:
            found.revoked_at = clock.now()
            found.save(update_fields=["revoked_at"])
            events.record(actor, Kind.INVITATION_REVOKED, found.id)


def invitations(actor: Actor) -> list[Listed]:
    """The organisation's invitations with their state, newest first. Raises ForbiddenError."""
    with organisation_transaction(actor):
        require(actor, Permission.MEMBER_INVITE)
        rows = list(Invitation.objects.filter(organisation_id=actor.organisation).order_by("-created_at")[:200])
        vault.open_keys({KeyOwnerId(row.key_owner) for row in rows})
        known = roles_by_id(str(actor.organisation), {row.role for row in rows})
        return [
            Listed(
                row.id,
                row.address,
                known.get(row.role, ROLE_GONE)[0],
                row.sites,
                _state(row),
                row.sent,
                row.expires_at,
            )
            for row in rows
        ]


# -- the invited person's side -------------------------------------------------------------------------------------


def _open(secret_hash: str) -> Invitation:
    """The open invitation with that secret. To be called with the invitation told to the database. Raises NotFoundError."""
    found = Invitation.objects.filter(secret_hash=secret_hash).first()
    if found is None or _state(found) != "open":
        raise NotFoundError(GONE)
    return found


def look(secret: str) -> Shown:
    """An invitation as whoever holds its link may see it. Raises NotFoundError."""
    hashed = _hash(secret)
    with organisation_transaction(ANONYMOUS, invitation=hashed):
        found = _open(hashed)
        name = Organisation.objects.get(id=found.organisation_id).name
        local, _, domain = found.address.partition("@")
        masked = f"{local[:1]}•••@{domain}"
    role = _title_in(found)
    return Shown(name, role, found.message, masked, found.address, accounts.address_known(found.address))


def _hash(secret: str) -> str:
    if len(secret) > SECRET_MOST:
        raise NotFoundError(GONE)
    return digest(secret)


def _title_in(invitation: Invitation) -> str:
    with organisation_transaction(JOB.for_organisation(OrganisationId(invitation.organisation_id))):
        known = roles_by_id(invitation.organisation_id, {invitation.role})
        return known.get(invitation.role, ROLE_GONE)[0]


def accept(actor: Actor, secret: str) -> OrganisationId:
    """Join, with the account of the invited address. Raises NotFoundError, ForbiddenError (another address)."""
    if actor.kind is not ActorKind.PERSON:
        raise ForbiddenError("Staff accounts belong to no customer.")
    joining = actor.for_organisation(organisation_of(secret))
    with organisation_transaction(joining, invitation=_hash(secret)):
        found = held(joining, secret)
        if found.address_hash != accounts.person_of(actor).address_hash:
            raise ForbiddenError(OTHER_ADDRESS)
        return join(joining, found)


def organisation_of(secret: str) -> OrganisationId:
    """The organisation that an open invitation is for. Raises NotFoundError."""
    with organisation_transaction(ANONYMOUS, invitation=_hash(secret)):
        return OrganisationId(_open(_hash(secret)).organisation_id)


def newcomers_address(secret: str, written: str) -> str:
    """The invited address, if that is what a newcomer wrote.

    Raises NotFoundError, InvalidError, ForbiddenError (another address), ThrottledError.
    """
    hashed, address = _hash(secret), normal_address(written)
    with organisation_transaction(ANONYMOUS, invitation=hashed):
        invited = str(_open(hashed).address)
    throttle.take("invitation-address", hashed, most=10, window=timedelta(hours=1))
    if address != invited:
        raise ForbiddenError(OTHER_ADDRESS)
    if accounts.address_known(invited):
        raise InvalidError(
            "This address has an account. Sign in with it first, then open the link again.", field="address"
        )
    return invited


def held(joining: Actor, secret: str) -> Invitation:
    """The open invitation, locked: nobody else takes it until the transaction ends. To be called in `acting`.

    Raises NotFoundError.
    """
    lock(joining)
    found = Invitation.objects.select_for_update().filter(secret_hash=_hash(secret)).first()
    if found is None or _state(found) != "open":
        raise NotFoundError(GONE)
    _still_given(found)
    return found


def join(joining: Actor, invitation: Invitation) -> OrganisationId:
    """Make the actor a member, as the invitation says; it is used up. That the address is the actor's is checked before."""
    organisation = OrganisationId(invitation.organisation_id)
    if not Membership.objects.filter(organisation_id=organisation, account_id=joining.account).exists():
        Membership.objects.create(
            organisation_id=organisation,
            account_id=str(joining.account),
            role=invitation.role,
            sites=invitation.sites,
            created_at=clock.now(),
        )
    invitation.accepted_at = clock.now()
    invitation.save(update_fields=["accepted_at"])
    events.record(joining, Kind.INVITATION_ACCEPTED, invitation.id)
    return organisation


def _still_given(invitation: Invitation) -> None:
    """Raises NotFoundError unless the inviter may still invite, for that role, at those sites."""
    inviter = Membership.objects.filter(
        organisation_id=invitation.organisation_id, account_id=invitation.inviter
    ).first()
    if inviter is None:
        raise NotFoundError(GONE)
    mine = rights_of_membership(inviter)
    try:
        check_gift(mine, invitation.organisation_id, invitation.role, invitation.sites)
    except GlasshouseError:
        raise NotFoundError(GONE) from None
    if Permission.MEMBER_INVITE not in mine.permissions:
        raise NotFoundError(GONE)
