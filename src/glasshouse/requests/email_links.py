"""Verbs of the mailed link that confirms a request's address, and of the guest's page that the confirmation opens.

Rules: opening a link changes nothing, for mail scanners open links; a click confirms. A link works once, for 24 hours; a new one
ends the one before, and goes to the request's own address only, whoever asks for it. The page that the confirmation opens has a
secret of its own: whoever reads the mail later cannot open it. Source: PRI-26; GDPR Art. 12(6).
"""

from datetime import timedelta
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext

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
from glasshouse.requests import sale
from glasshouse.requests.models import Request

PAGE_OPEN = timedelta(hours=24)


class LinkEndedError(GlasshouseError):
    """The confirmation link has been used, or its day is over. renewable: a new one can be mailed; used: it confirmed before."""

    status = 410

    def __init__(self, message: str, *, renewable: bool, used: bool = False) -> None:
        super().__init__(message)
        self.renewable, self.used = renewable, used


class Confirmed(NamedTuple):
    """A request whose address is confirmed. page_secret: opens the guest's page for a day."""

    request: Request
    has_account: bool
    page_secret: str


def _of_link(secret: str) -> Request:
    """The request of a mailed link, locked until the transaction ends. Raises NotFoundError."""
    request = Request.objects.select_for_update().filter(proof_hash=digest(secret)).first()
    if request is None:
        raise NotFoundError(gettext("This link belongs to no request."))
    return request


def _live(secret: str) -> Request:
    request = _of_link(secret)
    renewable = request.closed_at is None or request.proved_at is not None
    if request.proof_used_at is not None:
        raise LinkEndedError(gettext("Your address is already confirmed."), renewable=renewable, used=True)
    if request.proof_ends_at is None or clock.now() >= request.proof_ends_at:
        raise LinkEndedError(gettext("This link has expired. Each link works for 24 hours."), renewable=renewable)
    return request


@transaction.atomic
def check_link(secret: str) -> Request:
    """The request whose address a mailed link can confirm now; change nothing. Raises LinkEndedError, NotFoundError."""
    return _live(secret)


def confirm(secret: str) -> Confirmed:
    """Confirm a request's address by its mailed link, once. Raises LinkEndedError, NotFoundError."""
    confirmation = _confirm(secret)
    sale.settle(confirmation.request)
    return confirmation


@transaction.atomic
def _confirm(secret: str) -> Confirmed:
    request, page_secret, now = _live(secret), new_token(), clock.now()
    if request.proved_at is None:
        events.record(ANONYMOUS, Kind.REQUEST_PROVED, request.id)
    request.proved_at = request.proof_used_at = now
    request.page_hash = digest(page_secret)
    request.save(update_fields=["proved_at", "proof_used_at", "page_hash"])
    return Confirmed(request, accounts.address_known(request.address), page_secret)


def renew(secret: str, network: str) -> None:
    """Mail a new link in place of one that has ended, to the request's own address.

    Raises LinkEndedError, NotFoundError, ThrottledError.
    """
    throttle.take_network("request", network, most=20, window=timedelta(hours=1))
    with transaction.atomic():
        address = _of_link(secret).address
    throttle.take("request-address", address, most=5, window=timedelta(hours=1))
    with transaction.atomic():
        request = _of_link(secret)
        if request.closed_at is not None and request.proved_at is None:
            raise LinkEndedError(gettext("This request is closed."), renewable=False)
        requests.mail_again(request)


def confirmed(secret: str) -> Confirmed:
    """The confirmed request of a guest's page, for a day; also where the address has an account. Raises NotFoundError."""
    request = _of_page(secret)
    return Confirmed(request, accounts.address_known(request.address), secret)


def of_page(secret: str) -> Request:
    """The confirmed request whose guest's page a secret opens, for a day. Raises NotFoundError."""
    request = _of_page(secret)
    if accounts.address_known(request.address):
        raise NotFoundError(gettext("This address has an account: sign in, and you find everything on your own page."))
    return request


def _of_page(secret: str) -> Request:
    request = Request.objects.filter(page_hash=digest(secret)).exclude(proved_at=None).first()
    if request is None or request.proved_at is None or clock.now() - request.proved_at > PAGE_OPEN:
        raise NotFoundError(
            gettext("This page is open for 24 hours after you confirmed your address. Ask once more for a new link.")
        )
    return request
