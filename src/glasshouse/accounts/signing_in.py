"""Signing in with a password, and confirming with it who one is. Rules: `api.py`, whose verbs these are."""

from django.db import transaction

from glasshouse.accounts import buckets, passwords, second_factor, sessions, throttle
from glasshouse.accounts.models import Account
from glasshouse.accounts.own import own, stored_address
from glasshouse.accounts.rules import Visit
from glasshouse.accounts.sessions import SignedIn
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel.actor import ANONYMOUS, Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import AccountId


def sign_in(address: str, password: str, visit: Visit) -> SignedIn:
    """Begin a session, pending where the second factor is to come.

    Raises InvalidError (one text for every reason), ThrottledError, OverloadedError.
    """
    refused = InvalidError("Address and password do not match.", field="password")
    try:
        normal, person = stored_address(address)
    except InvalidError:
        throttle.take_from(buckets.sign_in_network(visit.network))
        raise refused from None
    with throttle.unless_good(*buckets.of_sign_in(normal, person, visit)):
        account = Account.objects.filter(person_id=person).first()
        is_correct = passwords.matches(password, account.password if account else "")
        with (
            own(person if is_correct else None),
            transaction.atomic(),
        ):  # A wrong password costs the same, whoever has the address.
            if account is None or not is_correct:
                events.record(ANONYMOUS, Kind.SESSION_REFUSED, account.id if account else "unknown")
            else:
                pending = second_factor.has_second_factor(AccountId(account.id)) and not sessions.trusted(
                    account, visit.browser
                )
                if visit.browser and not pending:
                    buckets.forget_reset(person, visit.browser)
                return sessions.begin(account, visit, pending=pending)
        raise refused


def reauthenticate(actor: Actor, password: str, code: str = "") -> str:
    """Reauthenticate: the password, and a code where there is a second factor. Returns the session's new secret.

    Raises InvalidError, ThrottledError, OverloadedError.
    """
    account = confirmed(actor, password)
    if second_factor.has_second_factor(actor.account):
        second_factor.check_own_code(actor, account, code)
    return sessions.reauthenticated(actor)


def confirmed(actor: Actor, password: str) -> Account:
    """The actor's account, if this is its password. Raises InvalidError, ThrottledError, OverloadedError."""
    with throttle.unless_good(buckets.of_confirming(actor)):
        account = Account.objects.get(id=actor.account)
        if not passwords.matches(password, account.password):
            raise InvalidError("That is not your current password.", field="present")
        return account
