"""Verbs of the privacy officer's queue: requests in pieces, narrowed and found; which officer answers for which region.

Source: PRI-28.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

import holidays
from django.conf import settings
from django.db import transaction
from django.db.models import Count, Min, Q, QuerySet

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts import api as accounts
from glasshouse.accounts.own import known_hashes
from glasshouse.accounts.rules import known_forms
from glasshouse.events import api as events
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.probes import api as probes
from glasshouse.requests import assignment, legal_deadlines
from glasshouse.requests.api import PAPER
from glasshouse.requests.desk_rules import masked_address, number_in
from glasshouse.requests.models import OfficerRegion, Request, RequestKind
from glasshouse.requests.queue_filter import CONFIRMED, MOST_PEOPLE, QueueFilter, in_order, narrowed
from glasshouse.retention import waiting
from glasshouse.vault import api as vault
from glasshouse.vault.fields import readable

PIECE, MOST_LETTERS = 50, 200
MOST_SEARCHED = 2_000  # requests among whose people a name is looked for, the newest first
EVERYTHING = QueueFilter()


@dataclass(frozen=True, slots=True)
class ListedRequest:
    """A request in the officer's queue.

    address: masked while nobody confirmed it, "" where there is none. answer_by: the last working day before the deadline.
    days_left: whole days until the deadline, below 0 once it has passed. state: of `queue_filter.STATES`.
    is_own_region: the officer answers for its region. assigned_to: the name of the officer who sees to it, "" for nobody.
    known: the address is confirmed, and has an account.
    """

    request: Request
    address: str
    law: legal_deadlines.Law
    urgency: str
    answer_by: date
    days_left: int
    state: str
    is_own_region: bool
    assigned_to: str
    is_mine: bool
    known: bool

    @property
    def days_late(self) -> int:
        """Whole days since the deadline."""
        return -self.days_left - 1


class QueueCounts(NamedTuple):
    """How many requests are open. assigned: to the officer; next_due_at: the deadline that comes first, None for none."""

    open: int
    assigned: int
    overdue: int
    unconfirmed: int
    next_due_at: datetime | None


class Neighbours(NamedTuple):
    """The numbers of the requests before and after one in a list; "" at its ends."""

    before: str
    after: str


class Found(NamedTuple):
    """What a search found. number: the one request that was named; people: keyed hashes, for a filter. Both "": nothing."""

    number: str = ""
    people: str = ""


def closed_days(year: int) -> holidays.HolidayBase:
    """The days around a year on which the operator does not work."""
    return holidays.country_holidays(settings.OPERATOR_COUNTRY, years=(year - 1, year, year + 1))


def asks_for_erasure(request: Request) -> bool:
    """Whether an open request asks to erase its address, and its person is confirmed. Accounts are not looked at."""
    is_confirmed = request.closed_at is None and request.proved_at is not None
    return is_confirmed and request.kind == RequestKind.ERASE and bool(request.address)


def shown_to(actor: Actor) -> "QuerySet[Request]":
    """The requests that an officer sees: all but those of promise checks."""
    return Request.objects.exclude(id__in=probes.hidden_from(str(actor.account), Request))


def worklist(actor: Actor, wanted: QueueFilter = EVERYTHING, after: str = "") -> Piece[ListedRequest]:
    """A piece of the queue: those of the officer's regions first, by deadline; closed ones the newest first.

    after: the number of the last request of the piece before. Raises NotFoundError for anybody but a privacy officer.
    """
    access.require_staff(actor, Permission.REQUEST_READ)
    rows, by = _ordered(actor, wanted)
    piece = piece_of(rows, after, by=by, most=PIECE)
    return piece.of(_listed(actor, readable(piece)))


def _ordered(actor: Actor, wanted: QueueFilter) -> "tuple[QuerySet[Request], str]":
    """The requests that a filter lets through, and the column that they are ordered by."""
    rows = narrowed(shown_to(actor), wanted, str(actor.account), clock.now())
    if wanted.is_closed:
        return rows, "-closed_at"
    return in_order(rows, own_regions(str(actor.account))), "place"


def own_regions(account: str) -> list[str]:
    """The regions that an officer answers for. account: the officer's id."""
    answers_for = covers(account)
    return [region for region in legal_deadlines.REGIONS if answers_for(region)]


def _listed(actor: Actor, requests: list[Request]) -> list[ListedRequest]:
    now, answers_for = clock.now(), covers(str(actor.account))
    days_off = closed_days(now.year)
    with_account = known_hashes([request.address_hash for request in requests if request.proved_at])
    waits = waiting.among([request.id for request in requests])
    names = assignment.names([request.assigned_to for request in requests])
    return [
        ListedRequest(
            request,
            request.address if request.proved_at else masked_address(request.address),
            legal_deadlines.LAWS[request.law],
            legal_deadlines.urgency(now, request.due_at),
            legal_deadlines.working_day(request.due_at, days_off),
            (request.due_at - now).days,
            state_of(request, waits=request.id in waits),
            answers_for(request.region),
            names.get(request.assigned_to, ""),
            request.assigned_to == str(actor.account),
            request.proved_at is not None and bool(request.address) and request.address_hash in with_account,
        )
        for request in requests
    ]


def state_of(request: Request, *, waits: bool) -> str:
    """Where a request stands, of `queue_filter.STATES`. waits: its erasure waits for the end of a legal hold."""
    if request.closed_at is not None:
        return "closed"
    if request.proved_at is None and request.channel not in PAPER:
        return "unconfirmed"
    if waits:
        return "held"
    if request.asked_back_at is not None:
        return "asked"
    return "passed" if request.referrals else "answer"


def counts(actor: Actor) -> QueueCounts:
    """How much there is to do. Raises NotFoundError."""
    access.require_staff(actor, Permission.REQUEST_READ)
    totals = (
        shown_to(actor)
        .filter(closed_at=None)
        .aggregate(
            open=Count("pk"),
            assigned=Count("pk", filter=Q(assigned_to=str(actor.account))),
            overdue=Count("pk", filter=Q(due_at__lt=clock.now())),
            unconfirmed=Count("pk", filter=~CONFIRMED),
            next_due_at=Min("due_at", filter=Q(due_at__gte=clock.now())),
        )
    )
    return QueueCounts(**totals)


def neighbours(actor: Actor, wanted: QueueFilter, number: str) -> Neighbours:
    """Which requests stand before and after one in a list, whether or not it is in the list itself. Raises NotFoundError."""
    access.require_staff(actor, Permission.REQUEST_READ)
    rows, by = _ordered(actor, wanted)
    column, is_falling = by.removeprefix("-"), by.startswith("-")
    everything = shown_to(actor) if is_falling else in_order(shown_to(actor), own_regions(str(actor.account)))
    here = everything.filter(id=number).values_list(column, flat=True).first()
    if here is None:
        return Neighbours("", "")
    above = Q(**{f"{column}__gt": here}) | Q(**{column: here, "id__gt": number})
    below = Q(**{f"{column}__lt": here}) | Q(**{column: here, "id__lt": number})
    rising, falling = (column, "id"), (f"-{column}", "-id")
    numbers = [
        rows.filter(side).order_by(*order).values_list("id", flat=True).first() or ""
        for side, order in ((above, rising), (below, falling))
    ]
    return Neighbours(*(numbers if is_falling else numbers[::-1]))


def next_open(actor: Actor, wanted: QueueFilter, number: str) -> str:
    """The open request to go on with after one: the next of the list, else its first; "" where no other is left."""
    if wanted.is_closed:
        return ""
    after = neighbours(actor, wanted, number).after
    rows, by = _ordered(actor, wanted)
    first = rows.exclude(id=number).order_by(by, "id").values_list("id", flat=True).first
    return after or first() or ""


def search(actor: Actor, query: str) -> Found:
    """Find requests by number, by address, or by the name of a person with an account. Raises InvalidError, NotFoundError.

    An address is found exactly, by its keyed hash. Names have no index: they are looked for among the people of the newest
    MOST_SEARCHED confirmed requests, opened one by one.
    """
    access.require_staff(actor, Permission.REQUEST_READ)
    query = " ".join(query[:MOST_LETTERS].split())
    if not query:
        raise InvalidError("Write a number, an email address or a name.", field="query")
    number = number_in(query)
    if number and shown_to(actor).filter(id=number).exists():
        return Found(number=number)
    hashes = _of_address(query) if "@" in query else _of_name(actor, query.casefold())
    there = shown_to(actor).filter(address_hash__in=hashes).values_list("address_hash", flat=True).distinct()
    return Found(people=".".join(sorted(there)[:MOST_PEOPLE]))


def _of_address(address: str) -> list[str]:
    return [vault.lookup("address", form) for form in known_forms(address)]


def _of_name(actor: Actor, name: str) -> list[str]:
    newest = shown_to(actor).exclude(proved_at=None).order_by("-asked_at")
    hashes = list(dict.fromkeys(newest.values_list("address_hash", flat=True)[:MOST_SEARCHED]))
    return [person.address_hash for person in accounts.persons_at(hashes) if name in person.name.casefold()]


def of_officer(actor: Actor, number: str) -> Request | None:
    """Any request, open or closed, for the page that says what was done; None where there is none. Raises NotFoundError."""
    access.require_staff(actor, Permission.REQUEST_READ)
    return Request.objects.filter(id=number).first()


def last_act(actor: Actor, number: str) -> str:
    """The kind of the newest event of a request, "" where there is none. Raises NotFoundError."""
    access.require_staff(actor, Permission.REQUEST_READ)
    newest = events.of_request(number, 1)
    return str(newest[0].kind) if newest else ""


def waits(number: str) -> bool:
    """Whether the erasure that a request asks for waits for the end of a legal hold."""
    return bool(waiting.among([number]))


def covers(account: str) -> Callable[[str], bool]:
    """A function that tells whether an officer answers for a region: it is theirs, or nobody's. account: the officer's id."""
    regions = {row.account_id: set(row.regions) for row in OfficerRegion.objects.all()}
    assigned = set().union(*regions.values()) if regions else set()

    def answers_for(region: str) -> bool:
        country = region.partition("-")[0]  # Whoever answers for a country answers for its states.
        if {region, country} & regions.get(account, set()):
            return True
        return not {region, country} & assigned and account not in regions

    return answers_for


@transaction.atomic
def set_regions(account: str, regions: list[str]) -> None:
    """Have an officer answer for regions only. For the command line. Raises InvalidError."""
    if not set(regions) <= set(legal_deadlines.REGIONS):
        raise InvalidError(f"Regions are: {', '.join(legal_deadlines.REGIONS)}.", field="regions")
    OfficerRegion.objects.filter(account_id=account).delete()
    if regions:
        OfficerRegion.objects.create(account_id=account, regions=regions)
