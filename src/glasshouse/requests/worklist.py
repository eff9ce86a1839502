"""Verbs of the privacy officer's work list: open requests by deadline; which officer answers for which region. Source: PRI-28."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import holidays
from django.conf import settings
from django.db import transaction
from django.db.models import Case, When

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts.own import known_hashes
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.probes import api as probes
from glasshouse.requests import api as requests
from glasshouse.requests import files, legal_deadlines
from glasshouse.requests.api import PassedTo
from glasshouse.requests.models import Agent, OfficerRegion, Request, RequestFile, RequestKind, RequestMessage
from glasshouse.retention import legal_holds, waiting
from glasshouse.vault.fields import readable


@dataclass(frozen=True, slots=True)
class WorklistItem:
    """A request in the officer's work list.

    answer_by: the last working day before the deadline. is_own_region: the officer answers for its region. known: the address
    has an account. earlier: the closed request that it follows. may_erase: it asks for the erasure of an address without an
    account, and who asks is checked. held_until: when the last legal hold on the address ends. waits: its erasure waits for that.
    """

    request: Request
    law: legal_deadlines.Law
    urgency: str
    answer_by: date
    may_extend: bool
    known: bool
    is_own_region: bool
    messages: list[RequestMessage]
    files: list[RequestFile]
    passed_to: list[PassedTo]
    earlier: Request | None
    agent: str
    may_erase: bool
    held_until: datetime | None
    waits: bool


def _closed_days(year: int) -> holidays.HolidayBase:
    return holidays.country_holidays(settings.OPERATOR_COUNTRY, years=(year - 1, year, year + 1))


def asks_for_erasure(request: Request) -> bool:
    """Whether an open request asks to erase its address, and its person is confirmed. Accounts are not looked at."""
    is_confirmed = request.closed_at is None and request.proved_at is not None
    return is_confirmed and request.kind == RequestKind.ERASE and bool(request.address)


def worklist(actor: Actor) -> list[WorklistItem]:
    """Open requests, those of the officer's regions first, by deadline.

    Raises NotFoundError for anybody but a privacy officer.
    """
    access.require_staff(actor, Permission.REQUEST_READ)
    now, answers_for = clock.now(), covers(str(actor.account))
    holidays_around = _closed_days(now.year)
    of_checks = probes.hidden_from(str(actor.account), Request)
    # What a mail asks and nobody confirmed comes last: forged ones must not push a person's request off the desk.
    is_unconfirmed = Case(When(channel="mail", proved_at=None, then=1), default=0)
    rows = Request.objects.filter(closed_at=None).exclude(id__in=of_checks).order_by(is_unconfirmed, "due_at")
    open_requests = readable(rows[:500])
    messages, files_of = requests.messages_of(open_requests), files.of_requests(open_requests)
    passed = requests.passed_to([request.id for request in open_requests if request.referrals])
    agents = readable(Agent.objects.filter(id__in={request.agent for request in open_requests}))
    agent_names = {agent.id: agent.name for agent in agents}
    with_account = known_hashes([request.address_hash for request in open_requests])
    earlier_ids = [request.follows for request in open_requests if request.follows]
    earlier = {request.id: request for request in readable(Request.objects.filter(id__in=earlier_ids))}
    erasable = {
        request.id
        for request in open_requests
        if asks_for_erasure(request) and request.address_hash not in with_account
    }
    held_until = legal_holds.ends_at([request.address_hash for request in open_requests if request.id in erasable])
    waiting_ids = waiting.among([*erasable])
    items = [
        WorklistItem(
            request,
            law := legal_deadlines.LAWS[request.law],
            legal_deadlines.urgency(now, request.due_at),
            legal_deadlines.working_day(request.due_at, holidays_around),
            legal_deadlines.may_extend(law) and request.extended_at is None,
            request.proved_at is not None and bool(request.address) and request.address_hash in with_account,
            answers_for(request.region),
            messages[request.id],
            files_of[request.id],
            passed.get(request.id, []),
            earlier.get(request.follows),
            agent_names.get(request.agent, ""),
            request.id in erasable,
            held_until.get(request.address_hash),
            request.id in waiting_ids,
        )
        for request in open_requests
    ]
    return sorted(items, key=lambda item: not item.is_own_region)


def of_officer(actor: Actor, number: str) -> Request | None:
    """Any request, open or closed, for the page that says what was done; None where there is none. Raises NotFoundError."""
    access.require_staff(actor, Permission.REQUEST_READ)
    return Request.objects.filter(id=number).first()


def waits(number: str) -> bool:
    """Whether the erasure that a request asks for waits for the end of a legal hold."""
    return bool(waiting.among([number]))


def covers(account: str) -> Callable[[str], bool]:
    """A function that tells whether an officer answers for a region: it is theirs, or nobody's. account: the officer's id."""
    regions = {row.account_id: set(row.regions) for row in OfficerRegion.objects.all()}
    assigned = set().union(*regions.values()) if regions else set()
    return lambda region: region in regions.get(account, set()) or (region not in assigned and account not in regions)


@transaction.atomic
def set_regions(account: str, regions: list[str]) -> None:
    """Have an officer answer for regions only. For the command line. Raises InvalidError."""
    if not set(regions) <= set(legal_deadlines.REGIONS):
        raise InvalidError(f"Regions are: {', '.join(legal_deadlines.REGIONS)}.", field="regions")
    OfficerRegion.objects.filter(account_id=account).delete()
    if regions:
        OfficerRegion.objects.create(account_id=account, regions=regions)
