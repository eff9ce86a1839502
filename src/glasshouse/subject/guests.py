"""The own page of a guest: seeing, exporting, restricting and erasing what is held of a confirmed address.

Rules: the confirmation of a request's link opens the page for a day; what cannot be undone needs a confirmation of the last
minutes, by a new link. Whoever has an account signs in instead, which is a stronger proof. What a customer entered (an
invitation) is shown: it was sent to that address, and is the customer's to delete: the request is passed on if the person agrees.
Source: PRI-21, PRI-22, PRI-24; GDPR Art. 11, 12(6).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import TypeVar

from django.db import transaction
from django.utils.translation import get_language

from glasshouse.accounts import throttle
from glasshouse.accounts.own import at, own
from glasshouse.consent import api as consent
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS
from glasshouse.requests import api as requests
from glasshouse.requests.email_links import of_page
from glasshouse.requests.models import Request
from glasshouse.sources import api as sources
from glasshouse.subject import exports, restriction
from glasshouse.subject.erasure import Guest
from glasshouse.subject.exports import ExportFile
from glasshouse.subject.inventory import files_at, held_at
from glasshouse.subject.items import Item

T = TypeVar("T")


def guest_of(secret: str) -> Guest:
    """The guest whose page a secret opens, for `erasure.erase`. Raises NotFoundError."""
    return Guest(of_page(secret))


def held(secret: str) -> Iterator[Item]:
    """Everything held of the guest's address, read in pieces. Raises NotFoundError."""
    request = of_page(secret)
    return _as_own(request, held_at(request.address_hash))


def is_restricted(secret: str) -> bool:
    """Whether the use of it is restricted. Raises NotFoundError."""
    return consent.restriction_at(of_page(secret).address_hash) is not None


def restrict(secret: str, *, wanted: bool) -> None:
    """Have it stored only, or in use again. Raises NotFoundError, InvalidError."""
    request = of_page(secret)
    if wanted:
        restriction.restrict_at(request)
    else:
        restriction.lift_at(request)


def object_to(secret: str) -> None:
    """Have third-party data deleted, and nothing taken in any more. Raises NotFoundError."""
    request = of_page(secret)
    with own(at(request.address_hash)), transaction.atomic():
        sources.forget_address(request.address_hash)
        events.record(ANONYMOUS, Kind.SOURCE_OBJECTED, request.id)


def export(secret: str) -> ExportFile:
    """An export of everything held of the guest's address. Raises NotFoundError."""
    return export_of(of_page(secret))


def export_of(request: Request) -> ExportFile:
    """An export of everything held of the address of a confirmed request. The caller has checked who wants it."""
    name = f"data-of-your-address-{clock.now():%Y-%m-%d}.zip"
    address_hash = request.address_hash
    language = get_language() or "en"  # of the guest's page
    pieces = exports.zipped(
        lambda: held_at(address_hash), lambda count: None, files=lambda: files_at(address_hash), language=language
    )
    return ExportFile(name, _as_own(request, pieces))


def _as_own(request: Request, parts: Iterator[T]) -> Iterator[T]:
    with own(at(request.address_hash)):
        yield from parts


def is_fresh(secret: str) -> bool:
    """Whether the address was confirmed in the last minutes. Raises NotFoundError."""
    return guest_of(secret).is_fresh


def reauthenticate(secret: str) -> None:
    """Mail a new link in place of this one. Raises NotFoundError, ThrottledError."""
    request = of_page(secret)
    throttle.take("request-address", request.address, most=5, window=timedelta(hours=1))
    with transaction.atomic():
        link_secret = requests.fresh_link(request)
        requests.write(request, "subject/mails/confirm_again", {"secret": link_secret})
