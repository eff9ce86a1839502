"""Counting tries in token buckets, kept in the database, so that all processes count together. Fails closed.

Rules:

1. A bucket holds `most` tokens. A try takes one; each comes back after `window / most`, so that an empty bucket is full
   after `window`. Whoever finds none left is told when the next one comes.
2. One statement looks and takes. However many tries come at once, no more get through than the bucket holds.
3. What turned out well is given back (`unless_good`): good sign-ins count against nobody, however many share an address.
4. A row says only when its bucket will be full (`until`): the generic cell rate algorithm, which needs no other state. A
   bucket that is full is as good as none, so its row goes within a minute (`forget_full`): no more rows than recent tries.
5. The clock may jump. What lies further ahead than an empty bucket counts as an empty one, and no bucket is ever more than
   full.
6. A try is counted before, and apart from, the transaction of what is tried, which a refusal would undo.

Source: ITU-T I.371, annex A (GCRA); OWASP ASVS 5.0, 6.3.1 and 2.4.1. Decision record 32.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

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
        "agent",
        "confirm",
        "finish-reset",
        "finish-reset-link",
        "finish-sign-up",
        "invitation-address",
        "invite",
        "mail",
        "mail-answer",
        "mail-answers",
        "mail-browser",
        "mail-bytes",
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
        "search-members",
        "search-sites",
        "sign-in",
        "sign-in-browser",
        "sign-in-command",
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
LONGEST = timedelta(days=1)  # No bucket takes longer to be full.
# LEAST: an `until` beyond an empty bucket's was written while the clock was ahead. No row: the bucket is empty.
TAKE = """
INSERT INTO accounts_tries AS tries (key, until) VALUES (%(key)s, %(now)s + %(step)s)
ON CONFLICT (key) DO UPDATE SET until = GREATEST(LEAST(tries.until, %(full)s), %(now)s) + %(step)s
  WHERE GREATEST(LEAST(tries.until, %(full)s), %(now)s) + %(step)s <= %(full)s
RETURNING until
"""
REFUSE = "UPDATE accounts_tries SET until = LEAST(until, %(full)s) WHERE key = %(key)s RETURNING until"
GIVE_BACK = "UPDATE accounts_tries SET until = LEAST(until, %(full)s) - %(step)s WHERE key = %(key)s"
NOTE = """
INSERT INTO accounts_tries (key, until) VALUES (%(key)s, %(until)s)
ON CONFLICT (key) DO UPDATE SET until = excluded.until
"""
FORGET_FULL = "DELETE FROM accounts_tries WHERE until < %(now)s"
AHEAD = "UPDATE accounts_tries SET until = %(longest)s WHERE until > %(longest)s"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Tries of one purpose that are counted together.

    counted: whose (an address, an id). most: how many tokens it holds; window: after how long an empty one is full.
    """

    purpose: str
    counted: str
    most: int
    window: timedelta

    @property
    def key(self) -> str:
        """The keyed hash that names the bucket's row. Raises ValueError."""
        if self.purpose not in PURPOSES or self.window > LONGEST:
            raise ValueError(f"Tries of {self.purpose} are not in PURPOSES, or counted for longer than {LONGEST}.")
        return _key(self.purpose, self.counted)

    @property
    def step(self) -> timedelta:
        """After how long one token comes back; rounded down, so that `most` of them fit into the window."""
        return timedelta(microseconds=self.window // timedelta(microseconds=1) // self.most)


def of_network(purpose: str, network: str, *, most: int, window: timedelta) -> Bucket:
    """The bucket of a network address, whatever its spelling; the addresses of one IPv6 household have one together."""
    return Bucket(purpose, network_key(network), most, window)


def take_network(purpose: str, network: str, *, most: int, window: timedelta) -> None:
    """As take, for a network address. Raises ThrottledError."""
    take_from(of_network(purpose, network, most=most, window=window))


def take(purpose: str, counted: str, *, most: int, window: timedelta, undone_with_act: bool = False) -> None:
    """Count one try. counted: whose (an address, an id). Raises ThrottledError where the bucket is empty.

    undone_with_act: the try is counted in the caller's transaction, and not at all if that is undone. Only for what costs
    nobody anything where it fails; elsewhere a transaction raises RuntimeError.
    """
    take_from(Bucket(purpose, counted, most, window), undone_with_act=undone_with_act)


def take_from(bucket: Bucket, *, undone_with_act: bool = False) -> None:
    """As take."""
    if connection.in_atomic_block and not undone_with_act:
        raise RuntimeError(f"A try of {bucket.purpose} would be uncounted if this transaction were undone.")
    if bucket.most < 1:  # A bucket that holds none, by a setting.
        raise ThrottledError(int(bucket.window.total_seconds()))
    now = clock.now()
    full = now + bucket.window
    values: dict[str, Any] = {"key": bucket.key, "now": now, "step": bucket.step, "full": full}
    with connection.cursor() as cursor:
        cursor.execute(TAKE, values)
        if cursor.fetchone():
            return
        cursor.execute(REFUSE, values)
        row = cursor.fetchone()
    until = row[0] if row else full
    raise ThrottledError(max(1, -(-(until + bucket.step - full) // timedelta(seconds=1))))


def give_back(buckets: Iterable[Bucket]) -> None:
    """Put the token back that was taken from each."""
    now = clock.now()
    with connection.cursor() as cursor:
        for bucket in buckets:
            values: dict[str, Any] = {"key": bucket.key, "step": bucket.step, "full": now + bucket.window}
            cursor.execute(GIVE_BACK, values)


@contextmanager
def unless_good(*buckets: Bucket) -> Iterator[None]:
    """Takes one token of each bucket; gives them back where the block raises nothing. Raises ThrottledError.

    They are given back, too, where another bucket was empty or there was no time to look: then nothing was tried.
    """
    taken: list[Bucket] = []
    try:
        for bucket in buckets:
            take_from(bucket)
            taken.append(bucket)
        yield
    except ThrottledError:  # OverloadedError is one.
        give_back(taken)
        raise
    give_back(taken)


def note(purpose: str, counted: str, window: timedelta) -> None:
    """Note that something happened, for the length of the window."""
    bucket = Bucket(purpose, counted, 1, window)
    with connection.cursor() as cursor:
        cursor.execute(NOTE, {"key": bucket.key, "until": clock.now() + window})


def noted(purpose: str, counted: str, window: timedelta) -> bool:
    """Whether that happened, and its window has not ended."""
    now = clock.now()
    key = Bucket(purpose, counted, 1, window).key
    return Tries.objects.filter(key=key, until__gt=now, until__lte=now + window).exists()


def forget(purpose: str, counted: str) -> None:
    """Forget what was noted."""
    Tries.objects.filter(key=Bucket(purpose, counted, 1, LONGEST).key).delete()


def forget_full() -> int:
    """Delete the rows of buckets that are full; returns how many. For the worker, once a minute.

    What the clock wrote while it was ahead counts as an empty bucket, and its row goes within a day.
    """
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(AHEAD, {"longest": now + LONGEST})
        cursor.execute(FORGET_FULL, {"now": now})
        return int(cursor.rowcount)


def _key(purpose: str, counted: str) -> str:
    # An address counts under one name, however it was written: only addresses have an @.
    return vault.lookup(f"tries:{purpose}", bucket_of(counted) if "@" in counted else counted)


def keys_of(counted: Iterable[str]) -> list[str]:
    """Under which keyed hashes tries of these (addresses, ids, network addresses) are counted, whatever was tried."""
    return [_key(purpose, each) for each in counted for purpose in sorted(PURPOSES)]
