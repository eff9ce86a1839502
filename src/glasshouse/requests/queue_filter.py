"""What the officer's queue may be narrowed to, and how that stands in the address of a page.

No address of ours holds an email address or a name: whom a search found stands there as keyed hashes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from django.db.models import Case, DateTimeField, ExpressionWrapper, F, Q, QuerySet, Value, When

from glasshouse.kernel.errors import InvalidError
from glasshouse.requests import legal_deadlines
from glasshouse.requests.api import PAPER
from glasshouse.requests.models import Request, RequestKind
from glasshouse.retention import waiting

MOST_PEOPLE, MOST_LETTERS = 20, 1_900
HASHES = re.compile(r"[0-9a-f]{64}(\.[0-9a-f]{64})*")
CENTURY = timedelta(days=36_525)
# "" is everything that is open. asked: we asked the person something, and wait for the answer.
STATES = ("", "answer", "unconfirmed", "asked", "passed", "held", "closed")
DUE = ("", "overdue", "soon", "later")
ASSIGNED = ("", "me", "nobody")
LISTS = ("", "assigned=me", "due=overdue", "state=closed")
CHANNELS = ("", "page", "mail", "account", "agent", *PAPER)
CONFIRMED = Q(proved_at__isnull=False) | Q(channel__in=PAPER)


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which requests are listed. Each field is one of the values below it in `KNOWN`; "": not narrowed.

    people: keyed hashes of addresses, MOST_PEOPLE at most, with dots between them.
    """

    state: str = ""
    kind: str = ""
    law: str = ""
    region: str = ""
    channel: str = ""
    due: str = ""
    assigned: str = ""
    people: str = ""

    @property
    def items(self) -> list[tuple[str, str]]:
        """Name and value of each field that narrows the list."""
        return [(field.name, value) for field in fields(self) if (value := getattr(self, field.name))]

    @property
    def query(self) -> str:
        """As it stands in an address, "" where nothing is narrowed."""
        return urlencode(self.items)

    @property
    def is_narrow(self) -> bool:
        """Whether the list is narrowed by more than one of the lists that each page links to."""
        return self.query not in LISTS

    @property
    def is_all(self) -> bool:
        """Whether everything that is open is listed."""
        return not self.query

    @property
    def is_mine(self) -> bool:
        """Whether the list is that of the officer's own requests."""
        return self.query == "assigned=me"

    @property
    def is_overdue(self) -> bool:
        """Whether the list is that of the overdue requests."""
        return self.query == "due=overdue"

    @property
    def is_closed_list(self) -> bool:
        """Whether the list is that of all closed requests."""
        return self.query == "state=closed"

    @property
    def is_closed(self) -> bool:
        """Whether closed requests are listed."""
        return self.state == "closed"

    def of(self, **changes: str) -> "QueueFilter":
        """The same, with some fields changed."""
        return replace(self, **changes)


KNOWN: dict[str, tuple[str, ...]] = {
    "state": STATES,
    "kind": ("", *RequestKind.values),
    "law": ("", *legal_deadlines.LAWS),
    "region": ("", *legal_deadlines.REGIONS),
    "channel": CHANNELS,
    "due": DUE,
    "assigned": ASSIGNED,
}


def of_address(given: Mapping[str, str]) -> QueueFilter:
    """The filter in an address's parameters. Raises InvalidError for an unknown value: nothing is the default."""
    values = {name: given.get(name, "") for name in (*KNOWN, "people")}
    wrong = next((name for name, known in KNOWN.items() if values[name] not in known), "")
    people = values["people"]
    if wrong or (people and not (HASHES.fullmatch(people) and people.count(".") < MOST_PEOPLE)):
        raise InvalidError("The list cannot be narrowed like that. Choose from its fields.", field=wrong or "people")
    return QueueFilter(**values)


def of_query(query: str) -> QueueFilter:
    """The filter that a form carries on, as `query` wrote it. Raises InvalidError."""
    if len(query) > MOST_LETTERS:
        raise InvalidError("The list cannot be narrowed like that. Choose from its fields.", field="filter")
    return of_address(dict(parse_qsl(query)))


def narrowed(rows: "QuerySet[Request]", wanted: QueueFilter, account: str, now: datetime) -> "QuerySet[Request]":
    """The rows that a filter lets through. account: the officer's id."""
    rows = rows.exclude(closed_at=None) if wanted.is_closed else rows.filter(closed_at=None)
    rows = _of_state(rows, wanted.state)
    for name in ("kind", "law", "region", "channel"):
        if value := getattr(wanted, name):
            rows = rows.filter(**{name: value})
    if wanted.due:
        soon = now + legal_deadlines.WARN
        days = {"overdue": Q(due_at__lt=now), "soon": Q(due_at__gte=now, due_at__lt=soon), "later": Q(due_at__gte=soon)}
        rows = rows.filter(days[wanted.due])
    if wanted.assigned:
        rows = rows.filter(assigned_to=account if wanted.assigned == "me" else "")
    return rows.filter(address_hash__in=wanted.people.split(".")) if wanted.people else rows


def _of_state(rows: "QuerySet[Request]", state: str) -> "QuerySet[Request]":
    """Each open request is in one state, as `worklist.state_of` tells it."""
    if state in ("", "closed"):
        return rows
    if state == "unconfirmed":
        return rows.exclude(CONFIRMED)
    rows = rows.filter(CONFIRMED)
    if state == "held":
        return rows.filter(id__in=waiting.subjects())
    rows = rows.exclude(id__in=waiting.subjects())
    if state == "asked":
        return rows.exclude(asked_back_at=None)
    rows = rows.filter(asked_back_at=None)
    return rows.filter(referrals__gt=0) if state == "passed" else rows.filter(referrals=0)


def in_order(rows: "QuerySet[Request]", own_regions: list[str]) -> "QuerySet[Request]":
    """The rows with their `place` in the queue: by deadline; those of other officers' regions after the officer's own.

    Among them comes last what a mail asks and nobody confirmed: forged ones must not push a person's request out of sight.
    """
    later = Case(When(region__in=own_regions, then=Value(timedelta())), default=Value(2 * CENTURY))
    last = Case(When(channel="mail", proved_at=None, then=Value(CENTURY)), default=Value(timedelta()))
    return rows.annotate(place=ExpressionWrapper(F("due_at") + later + last, output_field=DateTimeField()))
