"""Pure rules of legal deadlines: which law applies in a region, by when it wants an answer, how far that may be extended.

A month ends on the day of the same number, or on the last day of the month that has none (Regulation 1182/71, Art. 3). We promise
that day itself. Where a law lets a time that ends on a day without work run on to the next working day, `legal_end` tells
that day: the answer is late only after it. Business days are Monday to Friday: holidays are counted, so that no law has fewer.
"""

import calendar
from collections.abc import Container
from datetime import date, datetime, timedelta

from glasshouse.requests.laws import LAWS, OFFERED, REGIONS, STRICTEST, Law

__all__ = ["LAWS", "OFFERED", "REGIONS", "STRICTEST", "Law"]
WARN = timedelta(days=5)
# Kinds that take something from us at once: an opt-out of sale, a withdrawn consent, a limit of use.
OBJECTIONS = ("object", "restrict")


def _months_later(moment: datetime, months: int) -> datetime:
    number = moment.month - 1 + months
    year, month = moment.year + number // 12, number % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


def _business_days_later(moment: datetime, days: int) -> datetime:
    while days:
        moment += timedelta(days=1)
        days -= moment.weekday() < 5
    return moment


def due(law: Law, asked: datetime, kind: str = "", *, extended: bool = False) -> datetime:
    """Latest moment to answer a request of a kind. asked: aware; so is the result. Source: the law's own, named in LAWS."""
    if law.id == STRICTEST:
        return min(due(other, asked, kind) for other in LAWS.values() if other.id != STRICTEST)
    if kind in OBJECTIONS and law.objection_business_days:
        return _business_days_later(asked, law.objection_business_days)
    if kind in OBJECTIONS and law.objection_days:
        return asked + timedelta(days=law.objection_days)
    days, months = law.days, law.months
    if extended:
        days, months = days + law.more_days, months + law.more_months
    return _months_later(asked, months) + timedelta(days=days)


def may_extend(law: Law, kind: str = "") -> bool:
    """Whether the law knows an extension for requests of a kind."""
    if kind in OBJECTIONS and (law.objection_days or law.objection_business_days):
        return False
    return bool(law.more_days or law.more_months)


def acknowledge_by(law: Law, asked: datetime) -> datetime | None:
    """Latest moment to confirm that a request came; None where the law wants no receipt. Source: 11 CCR 7021(a)."""
    if law.id == STRICTEST:
        wanted = [acknowledge_by(other, asked) for other in LAWS.values() if other.id != STRICTEST]
        return min(moment for moment in wanted if moment is not None)
    if not law.acknowledge_business_days:
        return None
    return _business_days_later(asked, law.acknowledge_business_days)


def legal_end(law: Law, due_at: datetime, closed: Container[date]) -> date:
    """The day on which the law's time ends. closed: days on which nobody works. Source: Regulation 1182/71, Art. 3(4)."""
    day = due_at.date()
    while law.rolls and _is_closed(day, closed):
        day += timedelta(days=1)
    return day


def working_day(due_at: datetime, closed: Container[date]) -> date:
    """The last working day on or before a deadline: by then the answer is wanted. closed: days on which nobody works."""
    day = due_at.date()
    while _is_closed(day, closed):
        day -= timedelta(days=1)
    return day


def _is_closed(day: date, closed: Container[date]) -> bool:
    return day.weekday() >= 5 or day in closed


def urgency(now: datetime, due_at: datetime) -> str:
    """overdue, soon (within WARN) or calm."""
    if now > due_at:
        return "overdue"
    return "soon" if due_at - now < WARN else "calm"
