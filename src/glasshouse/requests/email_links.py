"""Verbs of the mailed link that confirms a request's address, and of the guest's page that the confirmation opens.

Rules: opening a link changes nothing, for mail scanners open links; a click confirms. A link works once, for 24 hours; a new one
ends the one before, and goes to the request's own address only, whoever asks for it. The page that the confirmation opens has a
secret of its own: whoever reads the mail later finds no way in. Source: PRI-26; GDPR Art. 12(6).
"""

from datetime import timedelta
from typing import NamedTuple

from django.db import transaction

from glasshouse.accounts import api as accounts
from glasshouse.accounts import throttle
from glasshouse.accounts.sessions import digest
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS
from glasshouse.kernel.errors import GlasshouseError, NotFoundError
from glasshouse.kernel.ids import new_token
from glasshouse.requests import api as requests
from glasshouse.requests.models import Request

PAGE_OPEN = timedelta(hours=24)


class LinkEndedError(GlasshouseError):
    """The confirmation link has been used, or its day is over. renewable: whether a new one can be mailed."""

    status = 410

    def __init__(self, message: str, *, renewable: bool, used: bool = False) -> None:
        super().__init__(message)
        self.renewable, self.used = renewable, used


class Proved(NamedTuple):
    """A request whose address was just confirmed. page_secret: opens the guest's page for a day."""

    request: Request
    has_account: bool
    page_secret: str


def _of_link(secret: str) -> Request:
    """The request of a mailed link, locked until the transaction ends. Raises NotFoundError."""
    found = Request.objects.select_for_update().filter(proof_hash=digest(secret)).first()
    if found is None:
        raise NotFoundError("This link belongs to no request.")
    return found


def _live(secret: str) -> Request:
    found = _of_link(secret)
    renewable = found.closed_at is None or found.proved_at is not None
    if found.proof_used_at is not None:
        raise LinkEndedError("Your address is already confirmed.", renewable=renewable, used=True)
    if found.proof_ends_at is None or clock.now() >= found.proof_ends_at:
        raise LinkEndedError("This link has expired. Each link works for 24 hours.", renewable=renewable)
    return found


@transaction.atomic
def check_link(secret: str) -> None:
    """Nothing, if a mailed link can confirm its address now; changes nothing. Raises LinkEndedError, NotFoundError."""
    _live(secret)


@transaction.atomic
def prove(secret: str) -> Proved:
    """Confirm a request's address by its mailed link, once. Raises LinkEndedError, NotFoundError."""
    found, page_secret, now = _live(secret), new_token(), clock.now()
    if found.proved_at is None:
        events.record(ANONYMOUS, Kind.REQUEST_PROVED, found.id)
    found.proved_at = found.proof_used_at = now
    found.page_hash = digest(page_secret)
    found.save(update_fields=["proved_at", "proof_used_at", "page_hash"])
    return Proved(found, accounts.address_known(found.address), page_secret)


def renew(secret: str, network: str) -> None:
    """Mail a new link in place of one that has ended, to the request's own address.

    Raises LinkEndedError, NotFoundError, ThrottledError.
    """
    throttle.take_network("request", network, most=20, window=timedelta(hours=1))
    with transaction.atomic():
        address = _of_link(secret).address
    throttle.take("request-address", address, most=5, window=timedelta(hours=1))
    with transaction.atomic():
        found = _of_link(secret)
        if found.closed_at is not None and found.proved_at is None:
            raise LinkEndedError("This request is closed.", renewable=False)
        requests.mail_again(found)


def confirmed(secret: str) -> Proved:
    """The confirmed request of a guest's page, for a day; of somebody who has an account too. Raises NotFoundError."""
    found = _of_page(secret)
    return Proved(found, accounts.address_known(found.address), secret)


def of_page(secret: str) -> Request:
    """The confirmed request whose guest's page a secret opens, for a day. Raises NotFoundError."""
    found = _of_page(secret)
    if accounts.address_known(found.address):
        raise NotFoundError("This address has an account: sign in, and you find everything on your own page.")
    return found


def _of_page(secret: str) -> Request:
    found = Request.objects.filter(page_hash=digest(secret)).exclude(proved_at=None).first()
    if found is None or found.proved_at is None or clock.now() - found.proved_at > PAGE_OPEN:
        raise NotFoundError(
            "This page is open for 24 hours after you confirmed your address. Ask once more for a new link."
        )
    return found
