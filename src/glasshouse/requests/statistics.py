"""Verbs of the figures of privacy requests: how many, how long, how many in time; groups of fewer than K are hidden.

What asks under an address that nobody confirmed, and what was spam, is in no figure of answers. Source: PRI-28; for the yearly
table of the CCPA: 11 CCR 7102(a)(1), by which a business publishes for each kind of request how many it received, complied with
and denied, and in how many days it answered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast

from django.db.models import Aggregate, Avg, Count, DurationField, ExpressionWrapper, F, FloatField, Q, QuerySet
from django.db.models.functions import Extract, TruncMonth

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.requests import legal_deadlines
from glasshouse.requests.models import Request, RequestKind
from glasshouse.requests.worklist import shown_to
from glasshouse.vault.datamap import K

ANSWERED = Q(outcome__in=("answered", "refused"))
REST = ""  # The groups that are too small by themselves.
OLDEST_YEAR = 2018
# The kinds of request of 11 CCR 7102(a)(1), and ours that come nearest to them.
CCPA_KINDS = {
    "know": (RequestKind.ACCESS, RequestKind.COPY),
    "delete": (RequestKind.ERASE,),
    "correct": (RequestKind.CORRECT,),
    "opt_out": (RequestKind.OBJECT,),
    "limit": (RequestKind.RESTRICT,),
}


class Percentile(Aggregate):
    """A percentile of a number, between its neighbours where none stands there. fraction: 0 to 1."""

    function = "percentile_cont"
    template = "%(function)s(%(fraction)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()

    def __init__(self, expression: Any, fraction: float, **extra: Any) -> None:
        super().__init__(expression, fraction=fraction, **extra)


@dataclass(frozen=True, slots=True)
class Line:
    """Figures of a group of K requests or more. group: of the column; REST: groups that are too small by themselves.

    median_days, ninety_days: until the answer, at most, of half and of nine tenths of the answered; None where fewer than K are
    answered. in_time_percent: of the answered. overdue: open past their deadline; None where that is 1 to K - 1.
    """

    group: object
    count: int
    median_days: float | None
    ninety_days: float | None
    in_time_percent: float | None
    overdue: int | None


@dataclass(frozen=True, slots=True)
class CcpaLine:
    """One kind of request in a year; each number None where it is 1 to K - 1, and the days where fewer than K were answered."""

    kind: str
    received: int | None
    complied: int | None
    denied: int | None
    median_days: float | None
    mean_days: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a year. by: a name of the column -> its lines; years: those with a request in them, the newest first."""

    year: int
    years: list[int]
    by: dict[str, list[Line]]
    ccpa: list[CcpaLine]


def year_of(written: str) -> int:
    """The year that an address asks for, "" for this one. Raises InvalidError."""
    this_year = clock.now().year
    if not written:
        return this_year
    if not (
        written.isascii() and written.isdecimal() and len(written) == 4 and OLDEST_YEAR <= int(written) <= this_year
    ):
        raise InvalidError("Choose a year from the list.", field="year")
    return int(written)


def figures(actor: Actor, year: int) -> Figures:
    """The figures of the requests that came in a year. Raises NotFoundError for anybody but a privacy officer."""
    access.require_staff(actor, Permission.REQUEST_READ)
    everything = shown_to(actor)
    years = everything.order_by().values_list("asked_at__year", flat=True).distinct()
    rows = _with_days(everything.filter(asked_at__year=year))
    months = rows.annotate(month=TruncMonth("asked_at"))
    return Figures(
        year,
        sorted({*years, year}, reverse=True),
        {
            "kind": _lines(rows, "kind"),
            "law": _lines(rows, "law", lambda law: legal_deadlines.LAWS[str(law)].short),
            "region": _lines(rows, "region", lambda region: legal_deadlines.REGIONS[str(region)][0]),
            "month": _lines(months, "month", _month),
        },
        [_ccpa(rows.filter(law="ccpa", kind__in=kinds), kind) for kind, kinds in CCPA_KINDS.items()],
    )


def _month(moment: object) -> date:
    return cast(datetime, moment).date()


def _with_days(rows: "QuerySet[Request]") -> "QuerySet[Request]":
    """The rows that a person stands behind, with the days that their answer took."""
    took = ExpressionWrapper(F("closed_at") - F("asked_at"), output_field=DurationField())
    counted = rows.exclude(proved_at=None, outcome__in=("unproved", "spam"))
    return counted.annotate(days=Extract(took, "epoch") / timedelta(days=1).total_seconds())


SUMS: dict[str, Aggregate] = {
    "count": Count("pk"),
    "answered": Count("pk", filter=ANSWERED),
    "in_time": Count("pk", filter=ANSWERED & Q(closed_at__lte=F("due_at"))),
    "median": Percentile("days", 0.5, filter=ANSWERED),
    "ninety": Percentile("days", 0.9, filter=ANSWERED),
}


def _lines(
    rows: "QuerySet[Request]", column: str, named: Callable[[object], object] = lambda group: group
) -> list[Line]:
    """Lines of a column's groups, and one of those that are too small, if together they are not."""
    overdue = Count("pk", filter=Q(closed_at=None, due_at__lt=clock.now()))
    groups = list(rows.order_by(column).values(column).annotate(**SUMS, overdue=overdue))
    small = [group[column] for group in groups if group["count"] < K]
    lines = [_line(named(group[column]), group) for group in groups if group["count"] >= K]
    if small:
        rest = rows.filter(**{f"{column}__in": small}).aggregate(**SUMS, overdue=overdue)
        if rest["count"] >= K:
            lines.append(_line(REST, rest))
    return lines


def _line(group: object, sums: dict[str, Any]) -> Line:
    is_enough = sums["answered"] >= K
    return Line(
        group,
        sums["count"],
        sums["median"] if is_enough else None,
        sums["ninety"] if is_enough else None,
        100 * sums["in_time"] / sums["answered"] if is_enough else None,
        _hidden(sums["overdue"]),
    )


def _hidden(count: int) -> int | None:
    """A count, None where it is so small that it may speak of somebody."""
    return None if 0 < count < K else count


def _ccpa(rows: "QuerySet[Request]", kind: str) -> CcpaLine:
    sums = rows.aggregate(
        received=Count("pk"),
        complied=Count("pk", filter=Q(outcome="answered")),
        denied=Count("pk", filter=Q(outcome="refused")),
        median=Percentile("days", 0.5, filter=ANSWERED),
        mean=Avg("days", filter=ANSWERED),
    )
    is_enough = sums["complied"] + sums["denied"] >= K
    return CcpaLine(
        kind,
        _hidden(sums["received"]),
        _hidden(sums["complied"]),
        _hidden(sums["denied"]),
        sums["median"] if is_enough else None,
        sums["mean"] if is_enough else None,
    )
