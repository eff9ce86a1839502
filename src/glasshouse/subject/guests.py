"""The own page of somebody without an account: seeing, copying, restricting, erasing what is held of an address.

Rules: the confirmation of a request's link opens the page for a day; what cannot be undone wants a proof of the last minutes, by
a new link. Whoever has an account signs in instead, which proves more. What a customer entered (an invitation) is shown: it was
sent to that address, and is the customer's to delete: the request is passed on if the person agrees.
Source: PRI-21, PRI-22, PRI-24; GDPR Art. 11, 12(6).
"""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db import models, transaction

from glasshouse.accounts import throttle
from glasshouse.accounts.own import at, own
from glasshouse.accounts.sessions import FRESH
from glasshouse.consent import api as consent
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.queues import api as queues
from glasshouse.requests import api as requests
from glasshouse.requests.email_links import of_page
from glasshouse.requests.models import Request
from glasshouse.rowsecurity.connections import DatabaseRole, connected_as
from glasshouse.sources import api as sources
from glasshouse.subject import erasure, exports
from glasshouse.subject.erasure import unused_keys
from glasshouse.subject.inventory import Item, addressed_to, held_at, key_owner_of
from glasshouse.vault import api as vault
from glasshouse.vault.declarations import ErasedBy, by_address


def held(secret: str) -> list[Item]:
    """Everything held of the address that a link proves. Raises NotFoundError."""
    found = of_page(secret)
    with own(at(found.address_hash)):
        return list(held_at(found.address_hash))


def is_restricted(secret: str) -> bool:
    """Whether the use of it is restricted. Raises NotFoundError."""
    return consent.restriction_at(of_page(secret).address_hash) is not None


def restrict(secret: str, *, wanted: bool) -> None:
    """Have it stored only, or in use again. Raises NotFoundError, InvalidError."""
    found = of_page(secret)
    if wanted:
        consent.restrict_at(found.address, found.address_hash, f"asked with the request {found.id}")
    else:
        consent.lift_at(found.address_hash)


def object_to(secret: str) -> None:
    """Have what third parties told deleted, and nothing taken in any more. Raises NotFoundError."""
    found = of_page(secret)
    with own(at(found.address_hash)), transaction.atomic():
        sources.forget_address(found.address_hash)
        events.record(ANONYMOUS, Kind.SOURCE_OBJECTED, found.id)


def copy(secret: str) -> tuple[str, Iterator[bytes]]:
    """(name, bytes in pieces) of a copy of it. Raises NotFoundError."""
    found = of_page(secret)
    name = f"data-of-your-address-{clock.now():%Y-%m-%d}.zip"
    return name, _as_own(found, exports.zipped(lambda: held_at(found.address_hash), lambda done: None))


def _as_own(found: Request, pieces: Iterator[bytes]) -> Iterator[bytes]:
    with own(at(found.address_hash)):
        yield from pieces


def is_fresh(secret: str) -> bool:
    """Whether the proof is of the last minutes. Raises NotFoundError."""
    found = of_page(secret)
    return found.proved_at is not None and clock.now() - found.proved_at <= FRESH


@transaction.atomic
def reauthenticate(secret: str) -> None:
    """Mail a new link in place of this one. Raises NotFoundError, ThrottledError."""
    found = of_page(secret)
    throttle.take("request-address", found.address, most=5, window=timedelta(hours=1))
    fresh = requests.fresh_link(found)
    text = (
        f"Confirm once more that this address is yours, to go on:\n\n{settings.ORIGIN}/privacy/prove/{fresh}\n\n"
        "The link works once, for 24 hours.\n"
    )
    requests.write(found, "Your privacy request", text)


def erase(secret: str) -> int:
    """Delete what we hold of the address, keys and all; returns how many rows. Requests stay for their three years.

    Raises NotFoundError, InvalidError where the proof is not fresh.
    """
    found = of_page(secret)
    if not is_fresh(secret):
        raise InvalidError("For this, confirm your address once more: have a new link mailed to you.", field="word")
    with queues.claimed("rights.erase-guest", found.id) as mine:  # A second click finds the first one at work.
        return _erase(found) if mine else 0


def _erase(found: Request) -> int:
    # As a job: whether a key is needed still is asked of everybody's rows, in the transaction that deletes.
    with connected_as(DatabaseRole.JOB), own(at(found.address_hash)):
        everything = addressed_to(found.address_hash)
        # What a customer entered is the customer's to delete; the key that seals it stays with it.
        of_customers = {key_owner_of(row) for row in everything if hasattr(row, "organisation_id")}
        rows = [row for row in everything if _erased_by(row) is ErasedBy.ANYBODY]
        key_owners, count = {key_owner_of(row) for row in rows}, len(rows)
        with transaction.atomic():
            for row in rows:
                row.delete()
            sources.forget_address(found.address_hash)
            # What a customer entered is still there: the request stays open for that customer, or for the officer.
            if found.closed_at is None and found.kind == "erase" and not found.referrals and not of_customers:
                requests.close(found, "erased by the person's own hand", "answered")
            ended = unused_keys(key_owners) - of_customers
            erasure.write_down(ended, count)
            events.record(ANONYMOUS, Kind.GUEST_ERASED, found.id, rows=count)
    for key_owner in ended:
        vault.destroy(KeyOwnerId(key_owner))
    return count


def _erased_by(row: models.Model) -> ErasedBy:
    """Whose erasure deletes a row that was found by the address."""
    declared = by_address(type(row))
    return declared.erased_by if declared else ErasedBy.NOBODY
