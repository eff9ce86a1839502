"""Counting tries in the database, so that every process counts together. Fails closed."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import connection

from glasshouse.accounts.models import Tries
from glasshouse.kernel import clock
from glasshouse.kernel.errors import ThrottledError
from glasshouse.kernel.networks import network_key
from glasshouse.mail.addresses import bucket_of
from glasshouse.vault import api as vault

# What is counted. A row holds a keyed hash only, so that whose it is can be told by trying all of these.
PURPOSES = frozenset(
    {
        "account-form",
        "confirm",
        "finish-reset",
        "finish-reset-link",
        "finish-sign-up",
        "invitation-address",
        "invite",
        "mail",
        "mail-answer",
        "mail-answers",
        "mail-unanswered",
        "mails",
        "passkey-make",
        "passkey-network",
        "request",
        "request-address",
        "resend",
        "reset",
        "reset-browser",
        "reset-link",
        "sign-in",
        "sign-in-browser",
        "sign-in-network",
        "sign-up",
        "step",
        "step-day",
        "subscribe",
        "text-account",
        "text-country",
        "text-number",
    }
)
TAKE = """
INSERT INTO accounts_tries (key, count, until) VALUES (%(key)s, 1, %(until)s)
ON CONFLICT (key) DO UPDATE SET
  count = CASE WHEN accounts_tries.until <= %(now)s THEN 1 ELSE accounts_tries.count + 1 END,
  until = CASE WHEN accounts_tries.until <= %(now)s THEN %(until)s ELSE accounts_tries.until END
RETURNING count, until
"""


def take_network(purpose: str, network: str, *, most: int, window: timedelta) -> None:
    """As take, for a network address; the addresses of one IPv6 household count together. Raises ThrottledError."""
    take(purpose, network_key(network), most=most, window=window)


def _key(purpose: str, counted: str) -> str:
    # An address counts under one name, however it was written: only addresses have an @.
    return vault.lookup(f"tries:{purpose}", bucket_of(counted) if "@" in counted else counted)


def counting(purpose: str, counted: str) -> bool:
    """Whether a try of `counted` was counted within a window that has not ended."""
    return Tries.objects.filter(key=_key(purpose, counted), until__gt=clock.now()).exists()


def take(purpose: str, counted: str, *, most: int, window: timedelta) -> None:
    """Count one try. counted: whose (an address, a network address). Raises ThrottledError above `most` in the window."""
    if purpose not in PURPOSES:
        raise ValueError(f"Tries of {purpose} are not in PURPOSES.")
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(TAKE, {"key": _key(purpose, counted), "now": now, "until": now + window})
        count, until = cursor.fetchone()
    if count > most:
        raise ThrottledError(max(1, int((until - now).total_seconds())))


def keys_of(counted: Iterable[str]) -> list[str]:
    """Under which keyed hashes tries of these (addresses, ids, network addresses) are counted, whatever was tried."""
    return [_key(purpose, each) for each in counted for purpose in sorted(PURPOSES)]
