"""Verbs of what agents say about selling and sharing a person's data: nothing is sold here, and what is said is on record.

Rules: an opt-out restricts us only, so it counts at once, whoever confirms it or not; the person is told. An opt-in lets us do
more, so it counts when the person has confirmed it by our link. Both hold for the address, with an account or without.
Source: CCPA § 1798.120, § 1798.135; 11 CCR § 7026, § 7028; Data Rights Protocol 1.0, 3.01.
"""

from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from django.db import transaction
from django.template.loader import render_to_string

from glasshouse.accounts.own import at, own, person_at
from glasshouse.consent import api as consent
from glasshouse.consent.rules import State
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel.actor import ANONYMOUS
from glasshouse.requests import api as requests
from glasshouse.requests.drp_rules import OPT_IN
from glasshouse.requests.models import Request
from glasshouse.vault import api as vault

PURPOSE = "sale"
BUSINESS_DAYS = 15
SATURDAY = 5


def due(asked: datetime) -> datetime:
    """By when it is done: so many business days later. Holidays are not counted out, which is never too late.

    asked: aware; so is the result. Source: 11 CCR § 7026(f).
    """
    moment, left = asked, BUSINESS_DAYS
    while left:
        moment += timedelta(days=1)
        left -= moment.weekday() < SATURDAY
    return moment


def acting_for(address: str) -> AbstractContextManager[None]:
    """The length of the block is an act for the person of an address, also where its use is restricted; "": for nobody.

    Begun before any transaction. address: normal.
    """
    if not address:
        return own(None)
    address_hash = vault.lookup("address", address)
    return own(person_at(address_hash) or at(address_hash))


def opt_out(request: Request, agent: str) -> None:
    """Record an opt-out and close its request; the person is told by mail. In the caller's transaction, within `acting_for`."""
    _record(request, State.WITHDRAWN)
    requests.write(request, "requests/mails/agent_opted_out", {"agent": agent})


def settle(request: Request) -> None:
    """Record an opt-in that its person has just confirmed, and close it; nothing where it is no open opt-in."""
    if request.exercise != OPT_IN:
        return
    with acting_for(request.address), transaction.atomic():
        confirmed = Request.objects.select_for_update().filter(id=request.id, closed_at=None).exclude(proved_at=None)
        if opted_in := confirmed.first():
            _record(opted_in, State.GIVEN)
            requests.write(opted_in, "requests/mails/agent_opted_in", {})


def _record(request: Request, state: State) -> None:
    person = person_at(request.address_hash)
    consent.note_at(request.address_hash, person, PURPOSE, state, request.text, request=request.id)
    text = render_to_string("requests/sale_recorded.txt", {"opted_out": state is State.WITHDRAWN}).strip()
    requests.close(request, text, "answered")
    events.record(ANONYMOUS, Kind.REQUEST_CLOSED, request.id, refused=False)
