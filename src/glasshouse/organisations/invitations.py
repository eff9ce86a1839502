"""Verbs of invitations: invite, resend, revoke, look, accept.

Rules: an invitation is for one address and works once. An existing account accepts it signed in with that address. A newcomer
who opens the link has the mailbox, so the link confirms the address; the newcomer also writes the address, and the account gets
that one and no other, so that a forwarded link makes nobody else a member. It counts only while the inviter may still give what
it gives. Source: SEC-02.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from django.utils.translation import gettext
from pydantic import TypeAdapter

from glasshouse.access.api import organisation_transaction, record_access, require, rights_of_membership, roles_by_id
from glasshouse.access.models import Membership, Organisation
from glasshouse.access.permissions import Permission
from glasshouse.access.rules import invitation_state
from glasshouse.accounts import api as accounts
from glasshouse.accounts import languages, throttle
from glasshouse.accounts.rules import SECRET_MOST, known_forms, normal_address
from glasshouse.accounts.sessions import digest
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, JOB, Actor, ActorKind
from glasshouse.kernel.errors import ForbiddenError, GlasshouseError, InvalidError, NotFoundError
from glasshouse.kernel.foreign_files import answer_of
from glasshouse.kernel.ids import AccountId, InvitationId, KeyOwnerId, OrganisationId, new_id, new_token
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.mail import api as mail
from glasshouse.organisations.members import GONE as ROLE_GONE
from glasshouse.organisations.members import check_gift, lock
from glasshouse.organisations.models import Invitation
from glasshouse.vault import api as vault
from glasshouse.vault.fields import readable

LIST_WORK, _ROWS = "glasshouse.organisations.list_work", TypeAdapter(list[str])
DAYS, MOST_DAYS = 7, 30
MOST_AT_ONCE, MOST_MESSAGE, MOST_PASTED = 200, 1000, 200_000
OTHER_ADDRESS = (
    "This invitation is for another address. Use the address that it was sent to, or ask for one of your own."
)
GONE = "This invitation is used up, taken back or too old. Ask whoever invited you for a new one."


@dataclass(frozen=True, slots=True)
class Offer:
    """What is offered: a role, at some sites (None: all), for so many days, with a message of the inviter."""

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


def _refuse_twice(actor: Actor, address: str, address_hash: str) -> None:
    """Raises InvalidError where the address is a member's, or has an invitation that is still open."""
    account = accounts.account_at(address)
    if account and Membership.objects.filter(organisation_id=actor.organisation, account_id=account).exists():
        raise InvalidError("This person is a member already. Change the role in the list of people.", field="address")
    open_invitations = Invitation.objects.filter(
        organisation_id=actor.organisation, address_hash=address_hash, accepted_at=None, revoked_at=None
    )
    if open_invitations.filter(expires_at__gt=clock.now()).exists():
        raise InvalidError("This address is invited already. Resend that invitation, or cancel it.", field="address")


def invite(actor: Actor, address: str, offer: Offer) -> InvitationId:
    """Invite one address. Raises InvalidError, ForbiddenError, ThrottledError, ReauthenticationError."""
    normal = normal_address(address)
    if not 1 <= offer.days <= MOST_DAYS:
        raise InvalidError(gettext("Choose 1 to %(days)s days.") % {"days": MOST_DAYS}, field="days")
    if len(offer.message) > MOST_MESSAGE:
        raise InvalidError(
            gettext("The text has at most %(most)s characters.") % {"most": MOST_MESSAGE}, field="message"
        )
    with organisation_transaction(actor):
        inviter_rights = require(actor, Permission.MEMBER_INVITE)
        accounts.require_reauthentication(actor)
        check_gift(inviter_rights, str(actor.organisation), offer.role, offer.sites)
        throttle.take("invite", str(actor.organisation), most=500, window=timedelta(days=1), undone_with_act=True)
        address_hash = vault.lookup("address", normal)
        _refuse_twice(actor, normal, address_hash)
        secret, now = new_token(), clock.now()
        invitation = Invitation.objects.create(
            organisation_id=str(actor.organisation),
            inviter=str(actor.account),
            key_owner=new_id(),
            address=normal,
            address_hash=address_hash,
            message=offer.message.strip(),
            role=offer.role,
            sites=offer.sites,
            secret_hash=digest(secret),
            created_at=now,
            expires_at=now + timedelta(days=offer.days),
        )
        _send(actor, invitation, secret)
        events.record(actor, Kind.INVITED, invitation.id, role=offer.role)
    return InvitationId(invitation.id)


def _send(actor: Actor, invitation: Invitation, secret: str) -> None:
    organisation = Organisation.objects.get(id=actor.organisation)
    inviter = accounts.people([AccountId(str(actor.account))])[str(actor.account)]
    mail.queue_template(
        KeyOwnerId(
            new_id()
        ),  # The invitation is the organisation's; its mail is erased with the address that it went to.
        "invitation",
        invitation.address,
        "organisations/mails/invitation",
        {
            "inviter": inviter.name,
            "organisation": organisation.name,
            "message": invitation.message,
            "secret": secret,
            "expires_at": invitation.expires_at,
        },
        language=languages.of_address(invitation.address_hash),
    )


class Outcome(NamedTuple):
    """What became of one address of a list. problem: what was wrong with it; "": it is invited."""

    address: str
    problem: str


def invite_many(actor: Actor, pasted: str, offer: Offer) -> list[Outcome]:
    """Invite every address of a pasted list or CSV (first column); returns what became of each, row by row.

    Raises InvalidError (the list as a whole), ForbiddenError, OverloadedError, UnavailableError.
    """
    if len(pasted) > MOST_PASTED:
        raise InvalidError(
            gettext("The text has at most %(most)s characters.") % {"most": MOST_PASTED}, field="addresses"
        )
    rows = answer_of(LIST_WORK, pasted, _ROWS, field="addresses", advice="Write one address a line.")
    addresses = [row for number, row in enumerate(rows) if "@" in row or number]
    if not addresses:
        raise InvalidError("Write one address a line.", field="addresses")
    if len(addresses) > MOST_AT_ONCE:
        many = {"most": MOST_AT_ONCE, "count": len(addresses)}
        raise InvalidError(
            gettext("At most %(most)s addresses at once; these are %(count)s.") % many, field="addresses"
        )
    report = []
    for address in addresses:
        try:
            invite(actor, address, offer)
        except ForbiddenError:
            raise
        except GlasshouseError as error:
            report.append(Outcome(address, str(error)))
        else:
            report.append(Outcome(address, ""))
    return report


def _invitation_of(actor: Actor, invitation: InvitationId) -> Invitation:
    row = Invitation.objects.select_for_update().filter(id=invitation, organisation_id=actor.organisation).first()
    if row is None:
        raise NotFoundError
    return row


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
        inviter_rights = require(actor, Permission.MEMBER_INVITE)
        accounts.require_reauthentication(actor)
        row = _invitation_of(actor, invitation)
        if _state(row) not in ("open", "expired"):
            raise InvalidError("This invitation is accepted or cancelled.", field="invitation")
        check_gift(inviter_rights, str(actor.organisation), row.role, row.sites)
        throttle.take("resend", row.id, most=5, window=timedelta(days=1), undone_with_act=True)
        secret = new_token()
        life = row.expires_at - row.created_at
        row.secret_hash, row.expires_at, row.inviter = digest(secret), clock.now() + life, str(actor.account)
        row.sent += 1
        row.save(update_fields=["secret_hash", "expires_at", "sent", "inviter"])
        _send(actor, row, secret)
        events.record(actor, Kind.INVITED, row.id, again=True)


def revoke(actor: Actor, invitation: InvitationId) -> None:
    """Take an invitation back. Raises NotFoundError, ForbiddenError."""
    with organisation_transaction(actor):
        require(actor, Permission.MEMBER_INVITE)
        row = _invitation_of(actor, invitation)
        if row.accepted_at is None and row.revoked_at is None:
            row.revoked_at = clock.now()
            row.save(update_fields=["revoked_at"])
            events.record(actor, Kind.INVITATION_REVOKED, row.id)


def invitations(actor: Actor, after: str = "") -> Piece[Listed]:
    """The organisation's invitations with their state, newest first, a piece of them. Raises ForbiddenError."""
    with organisation_transaction(actor):
        require(actor, Permission.MEMBER_INVITE)
        of_organisation = Invitation.objects.filter(organisation_id=actor.organisation)
        piece = piece_of(of_organisation.only("id"), after, by="-created_at")
        rows = readable(of_organisation.filter(id__in=[row.id for row in piece]).order_by("-created_at", "-pk"))
        record_access(actor, "invitations", [row.id for row in rows])
        roles = roles_by_id(str(actor.organisation), {row.role for row in rows})
        listed = [
            Listed(
                row.id,
                row.address,
                roles.get(row.role, ROLE_GONE).title,
                row.sites,
                _state(row),
                row.sent,
                row.expires_at,
            )
            for row in rows
        ]
        return piece.of(listed)


# -- the invited person's side -------------------------------------------------------------------------------------


def _open(secret_hash: str) -> Invitation:
    """The open invitation with that secret. Call it in a transaction that names the invitation. Raises NotFoundError."""
    invitation = Invitation.objects.filter(secret_hash=secret_hash).first()
    if invitation is None or _state(invitation) != "open":
        raise NotFoundError(GONE)
    return invitation


def look(secret: str) -> Shown:
    """An invitation as whoever holds its link may see it. Raises NotFoundError."""
    secret_hash = _hash(secret)
    with organisation_transaction(ANONYMOUS, invitation=secret_hash):
        invitation = _open(secret_hash)
        name = Organisation.objects.get(id=invitation.organisation_id).name
        local, _, domain = invitation.address.partition("@")
        masked = f"{local[:1]}•••@{domain}"
    role = _title_in(invitation)
    return Shown(name, role, invitation.message, masked, invitation.address, accounts.address_known(invitation.address))


def _hash(secret: str) -> str:
    if len(secret) > SECRET_MOST:
        raise NotFoundError(GONE)
    return digest(secret)


def _title_in(invitation: Invitation) -> str:
    with organisation_transaction(JOB.for_organisation(OrganisationId(invitation.organisation_id))):
        roles = roles_by_id(invitation.organisation_id, {invitation.role})
        return roles.get(invitation.role, ROLE_GONE).title


def accept(actor: Actor, secret: str) -> OrganisationId:
    """Join, with the account of the invited address. Raises NotFoundError, ForbiddenError (another address)."""
    if actor.kind is not ActorKind.PERSON:
        raise ForbiddenError("Staff accounts belong to no customer.")
    joining = actor.for_organisation(organisation_of(secret))
    with organisation_transaction(joining, invitation=_hash(secret)):
        invitation = held(joining, secret)
        if invitation.address_hash != accounts.person_of(actor).address_hash:
            raise ForbiddenError(OTHER_ADDRESS)
        return join(joining, invitation)


def organisation_of(secret: str) -> OrganisationId:
    """The organisation that an open invitation is for. Raises NotFoundError."""
    with organisation_transaction(ANONYMOUS, invitation=_hash(secret)):
        return OrganisationId(_open(_hash(secret)).organisation_id)


def newcomers_address(secret: str, address_input: str) -> str:
    """The invited address, if that is what a newcomer wrote.

    Raises NotFoundError, InvalidError, ForbiddenError (another address), ThrottledError.
    """
    secret_hash, forms = _hash(secret), known_forms(address_input)
    with organisation_transaction(ANONYMOUS, invitation=secret_hash):
        invited = str(_open(secret_hash).address)
    throttle.take("invitation-address", secret_hash, most=10, window=timedelta(hours=1))
    if invited not in forms:
        raise ForbiddenError(OTHER_ADDRESS)
    if accounts.address_known(invited):
        raise InvalidError(
            "This address has an account. Sign in with it first, then open the link again.", field="address"
        )
    return invited


def held(joining: Actor, secret: str) -> Invitation:
    """The open invitation, locked: nobody else accepts it until the transaction ends. Call it in an organisation transaction.

    Raises NotFoundError.
    """
    lock(joining)
    invitation = Invitation.objects.select_for_update().filter(secret_hash=_hash(secret)).first()
    if invitation is None or _state(invitation) != "open":
        raise NotFoundError(GONE)
    _still_given(invitation)
    return invitation


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
    inviter_rights = rights_of_membership(inviter)
    try:
        check_gift(inviter_rights, invitation.organisation_id, invitation.role, invitation.sites)
    except GlasshouseError:
        raise NotFoundError(GONE) from None
    if Permission.MEMBER_INVITE not in inviter_rights.permissions:
        raise NotFoundError(GONE)
