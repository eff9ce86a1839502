"""Email links: secrets that are mailed and confirm an address. Each works once, for LIFE, and the newest of its kind only.

What a link waits for is kept sealed; no password and no hash of one is ever among it, for whoever asked for the link has not
shown yet that the address is theirs. Source: SEC-05; OWASP Forgot Password Cheat Sheet; Sudhodanan and Paverd, "Pre-hijacked
accounts", USENIX Security 2022.
"""

from datetime import timedelta

from django.db import connection

from glasshouse.accounts.models import EmailLink
from glasshouse.accounts.rules import SECRET_MOST
from glasshouse.accounts.sessions import digest
from glasshouse.kernel import clock
from glasshouse.kernel.errors import NotFoundError
from glasshouse.kernel.ids import KeyOwnerId, new_token

LIFE = timedelta(hours=24)
SIGN_UP, RESET, CHANGE = "sign-up", "reset", "change"
ENDED = "This link is used up or too old. Ask for a new one."


def new(purpose: str, key_owner: KeyOwnerId, claims: dict[str, str], *, address_hash: str = "") -> str:
    """The secret of a new link. Older ones of its purpose end: for the key owner, or (sign-up, reset) for the address.

    In the caller's transaction. address_hash: of the address that the link confirms, where it is not the key owner's yet.
    """
    if purpose in (SIGN_UP, RESET):  # Whoever asks is nobody yet: the key owner is the link's own.
        with connection.cursor() as cursor:  # Two requests for one address wait for each other.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"email-link:{address_hash}"])
        EmailLink.objects.filter(purpose=purpose, address_hash=address_hash).delete()
    else:
        EmailLink.objects.filter(purpose=purpose, key_owner=key_owner).delete()
    secret = new_token()
    EmailLink.objects.create(
        secret_hash=digest(secret),
        purpose=purpose,
        key_owner=key_owner,
        claims=claims,
        address_hash=address_hash or None,
        expires_at=clock.now() + LIFE,
    )
    return secret


def claims_of(purpose: str, secret: str, *, take: bool = False) -> dict[str, str]:
    """What a live link waits for. take: it is used up, in the caller's transaction. Raises NotFoundError."""
    if not 0 < len(secret) <= SECRET_MOST:
        raise NotFoundError(ENDED)
    live = EmailLink.objects.filter(secret_hash=digest(secret), purpose=purpose, expires_at__gt=clock.now())
    link = live.select_for_update().first() if take else live.first()
    if (
        link is None or "password" in link.claims
    ):  # Before 2026-11-25 a sign-up kept the hash of an unconfirmed password.
        raise NotFoundError(ENDED)
    claims: dict[str, str] = dict(link.claims)
    if take:
        link.delete()
    return claims


def end_for(person: str, *address_hashes: str) -> None:
    """End every link that was mailed to a person, and every other that would make one of the addresses somebody's."""
    EmailLink.objects.filter(key_owner=person).delete()
    EmailLink.objects.filter(address_hash__in=address_hashes).delete()
