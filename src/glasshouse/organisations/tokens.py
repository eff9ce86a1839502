"""Verbs of API tokens: programs that act in a member's name, never with more than the member has at that moment.

Whatever shuts a thief out of an account (a new password or address, signing out everywhere) ends all its tokens, for the
thief may have made one: see `accounts/credentials.py`.
"""

from datetime import timedelta
from typing import NamedTuple

from django.utils.translation import gettext

from glasshouse.access.api import organisation_transaction, require, rights_of
from glasshouse.access.models import ApiToken
from glasshouse.access.permissions import Permission
from glasshouse.access.rules import covers
from glasshouse.accounts import api as accounts
from glasshouse.accounts.rules import plain_name
from glasshouse.accounts.sessions import digest
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, Actor, ActorKind
from glasshouse.kernel.errors import ForbiddenError, InvalidError, NotFoundError
from glasshouse.kernel.ids import AccountId, OrganisationId, TokenId, new_id, new_token
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.organisations.members import MORE_THAN_MINE

MOST_DAYS = 366
PREFIX = "ght"
# What a program may be given: nothing that changes who may do what.
SCOPES = (
    Permission.SITE_READ,
    Permission.READINGS_READ,
    Permission.TARGET_RANGES_SET,
    Permission.EVENTS_READ,
    Permission.COMPARTMENT_CREATE,
    Permission.FILE_IMPORT,
)


def create_token(actor: Actor, name: str, scopes: list[str], days: int, sites: list[str] | None = None) -> str:
    """Make a token; returns its text, shown this once. Raises InvalidError, ForbiddenError, ReauthenticationError."""
    if not 1 <= days <= MOST_DAYS:
        raise InvalidError(gettext("Choose 1 to %(days)s days.") % {"days": MOST_DAYS}, field="days")
    if not scopes or not set(scopes) <= set(SCOPES):
        raise InvalidError("Choose at least one thing that the program may do.", field="scopes")
    with organisation_transaction(actor):
        member_rights = require(actor, Permission.TOKEN_CREATE)
        accounts.require_reauthentication(actor)
        permissions = frozenset(map(Permission, scopes))
        if not covers(member_rights, permissions, member_rights.sites if sites is None else frozenset(sites)):
            raise ForbiddenError(MORE_THAN_MINE)
        secret, now, token_id = new_token(), clock.now(), new_id()
        owner = accounts.token_owner(AccountId(str(actor.account)))
        if owner is None:
            raise NotFoundError
        ApiToken.objects.create(
            id=token_id,
            organisation_id=str(actor.organisation),
            account_id=str(actor.account),
            name=plain_name(name, field="name"),
            secret_hash=digest(secret),
            permissions=sorted(permissions),
            sites=sites,
            generation=owner.generation,
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        events.record(actor, Kind.TOKEN_CREATED, token_id)
    # The organisation stands in the token, so that it is looked up among that organisation's rows only.
    return f"{PREFIX}_{actor.organisation}_{secret}"


class OwnToken(NamedTuple):
    """A token as its maker sees it. has_ended: revoked, or ended with the credentials that it was made under."""

    token: ApiToken
    has_ended: bool


def tokens(actor: Actor, after: str = "") -> Piece[OwnToken]:
    """The actor's own tokens, newest first, a piece of them. Raises NotFoundError."""
    with organisation_transaction(actor):
        rights_of(actor)
        own_tokens = ApiToken.objects.filter(organisation_id=actor.organisation, account_id=actor.account)
        owner = accounts.token_owner(AccountId(str(actor.account)))
        piece = piece_of(own_tokens, after, by="-created_at")
        return piece.of(
            [
                OwnToken(token, token.revoked_at is not None or owner is None or token.generation != owner.generation)
                for token in piece
            ]
        )


def revoke_token(actor: Actor, token: TokenId) -> None:
    """End a token now. Raises NotFoundError."""
    with organisation_transaction(actor):
        rights_of(actor)
        own_tokens = ApiToken.objects.filter(id=token, organisation_id=actor.organisation, account_id=actor.account)
        if not own_tokens.filter(revoked_at=None).update(revoked_at=clock.now()):
            raise NotFoundError
        events.record(actor, Kind.TOKEN_REVOKED, token)


def actor_of_token(text: str) -> Actor:
    """Who a token acts as; ANONYMOUS when it is unknown, revoked or too old. Notes when it was last used."""
    prefix, _, id_and_secret = text.partition("_")
    organisation, _, secret = id_and_secret.partition("_")
    if prefix != PREFIX or not secret:
        return ANONYMOUS
    seeker = Actor(ActorKind.JOB, organisation=OrganisationId(organisation))
    with organisation_transaction(seeker):
        now = clock.now()
        token = ApiToken.objects.filter(organisation_id=organisation, secret_hash=digest(secret)).first()
        if token is None or token.revoked_at is not None or token.expires_at <= now:
            return ANONYMOUS
        account = AccountId(token.account_id)
        owner = accounts.token_owner(account)
        if owner is None or owner.generation != token.generation:
            return ANONYMOUS
        if token.used_at is None or now - token.used_at > timedelta(minutes=1):
            ApiToken.objects.filter(id=token.id).update(used_at=now)
        number = TokenId(token.id)
        return Actor(ActorKind.TOKEN, account, owner.person, organisation=OrganisationId(organisation), token=number)
