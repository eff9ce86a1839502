"""Verbs of the first hour: what the person behind a mailed link chooses, made into an account in one transaction.

Rules: nothing is chosen before the address is confirmed; the address is the link's, never the form's. Cheap checks come first:
throttle, the link, the fields, and the password's hash last. All or nothing: account, acceptance, organisation or membership, and
session stand together, and the link is used up with them. Source: SEC-02, SEC-05; docs/adr/0017.
"""

from dataclasses import dataclass
from datetime import timedelta

from glasshouse.access import api as access
from glasshouse.accounts import api as accounts
from glasshouse.accounts import passwords, sessions, throttle
from glasshouse.accounts.rules import Visit, plain_name
from glasshouse.accounts.sessions import SignedIn
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor, ActorKind
from glasshouse.kernel.ids import AccountId, OrganisationId, PersonId, new_id
from glasshouse.notices import api as notices
from glasshouse.organisations import invitations


@dataclass(frozen=True, slots=True)
class Entry:
    """What a newcomer chooses behind the link. accepted: `notices.offer().claims(...)`; organisation: "" by invitation."""

    name: str
    password: str
    accepted: str
    organisation: str = ""


@dataclass(frozen=True, slots=True)
class Welcome:
    """A newcomer, acting for the organisation, and the session of the browser that the form came from."""

    actor: Actor
    signed_in: SignedIn


def confirmed_address(secret: str) -> str:
    """The address that a sign-up's link confirms; changes nothing. Raises NotFoundError when the link has ended."""
    return accounts.sign_up_address(secret)


def finish_sign_up(secret: str, entry: Entry, visit: Visit) -> Welcome:
    """Make account and organisation from a sign-up's link, and sign that browser in.

    Raises NotFoundError, InvalidError, ThrottledError, OverloadedError.
    """
    with throttle.unless_good(_tries(visit)):
        welcome = _finish_sign_up(secret, entry, visit)
    accounts.sign_up_was_good(visit.network)
    return welcome


def _finish_sign_up(secret: str, entry: Entry, visit: Visit) -> Welcome:
    accounts.sign_up_address(secret)
    name, organisation = plain_name(entry.name, field="name"), plain_name(entry.organisation, field="organisation")
    password_hash = passwords.hashed(entry.password)
    actor = _newcomer(OrganisationId(new_id()))
    with access.organisation_transaction(actor):
        address = accounts.sign_up_address(secret, take=True)
        account = accounts.open_account(actor, name, address, password_hash)
        notices.record_acceptance(actor, entry.accepted)
        access.create_organisation(actor, organisation)
        return Welcome(actor, sessions.begin(account, visit, pending=False))


def finish_invitation(secret: str, address: str, entry: Entry, visit: Visit) -> Welcome:
    """Make the account of the invited address from an invitation's link, a member at once, and sign that browser in.

    address: as the newcomer wrote it; it must be the invited one. Raises as finish_sign_up, and ForbiddenError (another address).
    """
    with throttle.unless_good(_tries(visit)):
        return _finish_invitation(secret, address, entry, visit)


def _finish_invitation(secret: str, address: str, entry: Entry, visit: Visit) -> Welcome:
    invited = invitations.newcomers_address(secret, address)
    name = plain_name(entry.name, field="name")
    password_hash = passwords.hashed(entry.password)
    actor = _newcomer(invitations.organisation_of(secret))
    with access.organisation_transaction(actor, invitation=sessions.digest(secret)):
        invitation = invitations.held(actor, secret)
        account = accounts.open_account(actor, name, invited, password_hash)
        notices.record_acceptance(actor, entry.accepted)
        invitations.join(actor, invitation)
        return Welcome(actor, sessions.begin(account, visit, pending=False))


def _tries(visit: Visit) -> throttle.Bucket:
    return throttle.of_network("finish-sign-up", visit.network, most=60, window=timedelta(minutes=10))


def _newcomer(organisation: OrganisationId) -> Actor:
    person, account = PersonId(new_id()), AccountId(new_id())
    return Actor(ActorKind.PERSON, account, person, organisation, proved_at=clock.now())
