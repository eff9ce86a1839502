"""The gate on answers: a cookie that is not in the register, or that the reader has not agreed to, does not leave.

What it stops is a fault of ours. So it goes on record, once a day for each reason, and fails where tests run. Source: PRI-07.
"""

from datetime import date
from enum import StrEnum
from http.cookies import Morsel
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS
from glasshouse.kernel.errors import stack_of
from glasshouse.web import cookies
from glasshouse.web.middleware import Handler

log = structlog.stdlib.get_logger("glasshouse.web")
_recorded: dict[str, date] = {}  # reason -> the day on which it went on record last


class Reason(StrEnum):
    """Why a cookie may not leave. Stored in events, so that a value never changes."""

    UNREGISTERED = "unregistered"
    WITHOUT_CONSENT = "without-consent"
    TOO_LONG = "longer-than-registered"
    PAST_REGISTER = "past-the-register"


class CookieStoppedError(Exception):
    """A cookie that may not leave, where tests run."""


def only_registered(get_response: Handler) -> Handler:
    """Takes every cookie off an answer that may not be stored; takes back what was stored by a consent that is no more."""

    def handle(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        for name, morsel in list(response.cookies.items()):
            if reason := _reason(request, name, morsel):
                del response.cookies[name]
                _stopped(reason)
        if response.headers.pop("Set-Cookie", None) is not None:
            _stopped(Reason.PAST_REGISTER)
        for stored in cookies.OPTIONAL:
            is_stored = stored.name in request.COOKIES or stored.name in response.cookies
            if is_stored and not _agrees(request, response, stored):
                response.delete_cookie(stored.name)
        return response

    return handle


def _reason(request: HttpRequest, name: str, morsel: "Morsel[Any]") -> Reason | None:
    """Why a cookie may not leave; None where it may. To take one back is never refused."""
    if morsel["max-age"] == 0:
        return None
    stored = cookies.registered(name)
    if stored is None:
        return Reason.UNREGISTERED
    if not cookies.may_set(request, stored):
        return Reason.WITHOUT_CONSENT
    if not isinstance(morsel["max-age"], int) or morsel["max-age"] > stored.life.total_seconds():
        return Reason.TOO_LONG
    return None


def _agrees(request: HttpRequest, response: HttpResponse, stored: cookies.Stored) -> bool:
    """Whether the reader agrees, by the answer that this response keeps, or else by the one of before."""
    new = response.cookies.get(cookies.CHOICE_COOKIE)
    return new.value.startswith(f"{cookies.ACCEPTED}.") if new else cookies.may_set(request, stored)


def _stopped(reason: Reason) -> None:
    """Put it on record. Raises CookieStoppedError where tests run."""
    if settings.TESTING:
        raise CookieStoppedError(f"A cookie may not leave ({reason}): see the register in web/cookies.py.")
    today = clock.now().date()
    if _recorded.get(reason) == today:
        return
    _recorded[reason] = today
    log.error("a cookie was stopped", reason=reason.value)
    try:
        with transaction.atomic():
            events.record(ANONYMOUS, Kind.COOKIE_STOPPED, "unknown", reason=reason.value)
    except Exception as error:  # noqa: BLE001 - the page is the reader's, whatever becomes of our record
        log.error("a stopped cookie went on no record", stack=stack_of(error))
