"""Verbs of sessions: begin, look up, list, end; known browsers; reauthentication.

Rules:

1. A secret is stored as hash only.
2. A session changes its secret whenever it gains rights: with the second factor, and with each reauthentication. So does the
   browser's cookie with each sign-in. A secret that somebody planted, or saw before, is worth nothing afterwards.
3. A pending session (the second factor is to come) is nobody.
4. A session that is not used ends by itself, of staff sooner: each has other people's data before them.

Source: SEC-05, SEC-06; OWASP Session Management Cheat Sheet; OWASP ASVS 5.0, 7.2.4, 7.3.1, 7.3.2.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction

from glasshouse.accounts import languages
from glasshouse.accounts.models import Account, Browser, Session
from glasshouse.accounts.rules import SECRET_MOST, Visit, device_of, place_of
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, Actor, ActorKind
from glasshouse.kernel.errors import NotFoundError, ReauthenticationError
from glasshouse.kernel.ids import AccountId, KeyOwnerId, PersonId, SessionId, new_token
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.mail import api as mail

LIFE, PENDING_LIFE = timedelta(days=14), timedelta(minutes=10)
UNUSED, UNUSED_OF_STAFF = timedelta(days=7), timedelta(hours=12)  # A session that is not used for so long has ended.
TRUST = timedelta(days=30)
FRESH = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a sign-in gave.

    secret: the session's. pending: whether a second factor is to come. browser: the cookie by which the browser is known
    again; "" while the second factor is to come.
    """

    secret: str
    pending: bool
    browser: str


def digest(secret: str) -> str:
    """SHA-256, hex, of a secret of 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def begin(account: Account, visit: Visit, *, pending: bool) -> SignedIn:
    """Begin a session in the caller's transaction; a browser that was never seen is told to the person by mail."""
    now, cookie = clock.now(), "" if pending else renewed_cookie(visit.browser)
    secret, label = new_token(), device_of(visit.agent)
    browser = None if pending else _known(account, digest(cookie), label)
    session = Session.objects.create(
        secret_hash=digest(secret),
        account=account,
        browser=browser,
        key_owner=account.person_id,
        label=label,
        network=place_of(visit.network),
        pending=pending,
        created_at=now,
        seen_at=now,
        proved_at=now,
        expires_at=now + (PENDING_LIFE if pending else LIFE),
    )
    if not pending:
        events.record(_actor(session), Kind.SESSION_STARTED, session.id)
    return SignedIn(secret, pending, cookie)


def renewed_cookie(cookie: str) -> str:
    """A new secret in the place of a browser's; whoever had the old one, or planted it, is known by it no more.

    Every account that was used from the browser knows it by the new one. In the caller's transaction.
    """
    renewed = new_token()
    if cookie:
        Browser.objects.filter(secret_hash=digest(cookie)).update(secret_hash=digest(renewed))
    return renewed


def _known(account: Account, secret_hash: str, label: str) -> Browser:
    now, browsers = clock.now(), Browser.objects.filter(account=account)
    browser = browsers.filter(secret_hash=secret_hash).first()
    if browser is None:
        if browsers.exists():
            mail.queue_template(
                KeyOwnerId(account.person_id),
                "new-browser",
                account.person.address,
                "accounts/mails/new_browser",
                {"browser": label},
                purpose="new-browser",
                language=languages.of_person(account.person),
            )
        return Browser.objects.create(
            account=account,
            key_owner=account.person_id,
            secret_hash=secret_hash,
            label=label,
            created_at=now,
            seen_at=now,
        )
    browser.seen_at = now
    browser.save(update_fields=["seen_at"])
    return browser


def known(person: str, browser: str) -> str:
    """The id of the browser, if this person has signed in from it before, second factor included; "" otherwise."""
    browsers = Browser.objects.filter(account__person_id=person, secret_hash=digest(browser[:SECRET_MOST]))
    number = browsers.values_list("id", flat=True).first()
    return str(number or "") if browser else ""


def account_of_browser(browser: str) -> str:
    """The account that has signed in from this browser before; "" for none. However many browsers one has, it is one account."""
    browsers = Browser.objects.filter(secret_hash=digest(browser[:SECRET_MOST]))
    return str(browsers.values_list("account_id", flat=True).order_by("account_id").first() or "") if browser else ""


def trusted(account: Account, browser: str) -> bool:
    """Whether this browser needs no second factor now."""
    browsers = Browser.objects.filter(account=account, secret_hash=digest(browser))
    return bool(browser) and browsers.filter(trusted_until__gt=clock.now()).exists()


def trust(actor: Actor, *, until_days: int = TRUST.days) -> None:
    """Remember the browser of the actor's session, so that it needs no second factor for a while."""
    session = Session.objects.filter(id=actor.session, account_id=actor.account).first()
    if session and session.browser_id:
        ends = clock.now() + timedelta(days=until_days)
        Browser.objects.filter(id=session.browser_id).update(trusted_until=ends)
        events.record(actor, Kind.BROWSER_TRUSTED, session.browser_id)


@transaction.atomic
def forget_browser(actor: Actor, browser: str) -> None:
    """Trust a browser no longer, and end what is signed in there. Raises NotFoundError."""
    row = Browser.objects.filter(id=browser, account_id=actor.account).first()
    if row is None:
        raise NotFoundError
    Session.objects.filter(browser=row).exclude(id=actor.session).delete()
    if Session.objects.filter(browser=row).exists():
        row.trusted_until = None
        row.save(update_fields=["trusted_until"])
    else:
        row.delete()
    events.record(actor, Kind.BROWSER_FORGOTTEN, browser)


def browsers(actor: Actor, after: str = "") -> Piece[Browser]:
    """The browsers that the account was used from, the latest first, a piece of them."""
    return piece_of(Browser.objects.filter(account_id=actor.account), after, by="-seen_at")


def _actor(session: Session) -> Actor:
    kind = ActorKind.STAFF if session.account.staff_role else ActorKind.PERSON
    person = PersonId(session.account.person_id)
    return Actor(
        kind, AccountId(session.account_id), person, None, session=SessionId(session.id), proved_at=session.proved_at
    )


def _live(secret: str, *, pending: bool) -> Session | None:
    if len(secret) > SECRET_MOST:
        return None
    sessions = Session.objects.select_related("account").filter(secret_hash=digest(secret), pending=pending)
    session = sessions.filter(expires_at__gt=clock.now()).first()
    return session if session and session.seen_at > _used_since(is_staff=bool(session.account.staff_role)) else None


def _used_since(*, is_staff: bool) -> datetime:
    """Since when a session must have been used."""
    return clock.now() - (UNUSED_OF_STAFF if is_staff else UNUSED)


def actor_of(secret: str) -> Actor:
    """Who signed in with this session's secret; ANONYMOUS if the session has ended, or the second factor is still to come."""
    session = _live(secret, pending=False)
    if session is None:
        return ANONYMOUS
    if clock.now() - session.seen_at > timedelta(minutes=5):
        Session.objects.filter(id=session.id).update(seen_at=clock.now())
    return _actor(session)


def pending_account(secret: str) -> Account:
    """The account whose second factor is to come. Raises NotFoundError when the time for it is over."""
    session = _live(secret, pending=True)
    if session is None:
        raise NotFoundError("That took too long, or was done already. Please sign in again.")
    account: Account = session.account
    return account


class FinishedSignIn(NamedTuple):
    """A sign-in after its second factor: what the browser is given, and who acts in the new session."""

    signed_in: SignedIn
    actor: Actor


def finish_pending(secret: str, visit: Visit) -> FinishedSignIn:
    """Turn a pending session into a full one with a secret of its own, in the caller's transaction. Raises NotFoundError."""
    account = pending_account(secret)
    if not Session.objects.filter(secret_hash=digest(secret), pending=True).delete()[0]:
        raise NotFoundError("That took too long, or was done already. Please sign in again.")
    signed_in = begin(account, visit, pending=False)
    return FinishedSignIn(signed_in, actor_of(signed_in.secret))


@transaction.atomic
def end(actor: Actor, secret: str) -> None:
    """End the session of this secret now."""
    Session.objects.filter(secret_hash=digest(secret), account_id=actor.account).delete()
    events.record(actor, Kind.SESSION_ENDED, actor.id)


@transaction.atomic
def end_one(actor: Actor, session: SessionId) -> None:
    """End one of the account's sessions. Raises NotFoundError."""
    if not Session.objects.filter(id=session, account_id=actor.account).delete()[0]:
        raise NotFoundError
    events.record(actor, Kind.SESSION_ENDED, session)


def end_every(account: AccountId) -> None:
    """End every session of an account that is about to go."""
    Session.objects.filter(account_id=account).delete()


def forget_all(account: AccountId) -> None:
    """End every session of an account and forget its browsers, as if nobody had signed in yet; for accounts of the probe."""
    Session.objects.filter(account_id=account).delete()
    Browser.objects.filter(account_id=account).delete()


def end_all(account: Account, *, keep: SessionId | None = None) -> None:
    """End every session of the account but `keep`, and trust none of its browsers any longer; in the caller's transaction."""
    Session.objects.filter(account=account).exclude(id=keep or "").delete()
    Browser.objects.filter(account=account).update(trusted_until=None)


def sessions_of(actor: Actor, after: str = "") -> Piece[Session]:
    """The account's sessions, the latest first, a piece of them."""
    sessions = Session.objects.filter(account_id=actor.account, pending=False, expires_at__gt=clock.now())
    used_since = _used_since(is_staff=actor.kind is ActorKind.STAFF)
    return piece_of(sessions.filter(seen_at__gt=used_since), after, by="-seen_at")


def reauthenticated(actor: Actor) -> str:
    """Note a reauthentication of the actor's session now; returns its new secret. The old one opens nothing any more."""
    secret = new_token()
    own_session = Session.objects.filter(id=actor.session, account_id=actor.account)
    own_session.update(proved_at=clock.now(), secret_hash=digest(secret))
    return secret


def require_reauthentication(actor: Actor) -> None:
    """Nothing, if the person reauthenticated within FRESH (15 minutes). Raises ReauthenticationError."""
    if actor.proved_at is None or clock.now() - actor.proved_at > FRESH:
        raise ReauthenticationError
