"""Pure rules of legal deadlines: which law applies in a region, by when it wants an answer, how far that may be extended.

A month ends on the day of the same number, or on the last day of the month that has none (Regulation 1182/71, Art. 3).
"""

import calendar
from collections.abc import Container
from dataclasses import dataclass
from datetime import date, datetime, timedelta

WARN = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Law:
    """A law's deadline: days or months until the answer; more_days or more_months by an extension with notice (0: none)."""

    id: str
    title: str
    authority: str
    source: str
    days: int = 0
    months: int = 0
    more_days: int = 0
    more_months: int = 0

    @property
    def short(self) -> str:
        """The title without its place."""
        return self.title.partition(" (")[0]


LAWS = {
    law.id: law
    for law in (
        Law(
            "gdpr",
            "GDPR (European Union)",
            "https://edpb.europa.eu/about-edpb/members",
            "GDPR Art. 12(3)",
            months=1,
            more_months=2,
        ),
        Law("uk", "UK GDPR", "https://ico.org.uk", "UK GDPR Art. 12(3)", months=1, more_months=2),
        Law("fadp", "FADP (Switzerland)", "https://www.edoeb.admin.ch", "DPO Art. 18", days=30, more_days=30),
        Law("ccpa", "CCPA (California)", "https://cppa.ca.gov", "11 CCR § 7021", days=45, more_days=45),
        Law("lgpd", "LGPD (Brazil)", "https://www.gov.br/anpd", "LGPD Art. 19", days=15),
        Law("pipeda", "PIPEDA (Canada)", "https://www.priv.gc.ca", "PIPEDA s. 8(3), 8(4)", days=30, more_days=30),
    )
}
REGIONS = {
    "eu": ("European Union, Norway, Iceland, Liechtenstein", "gdpr"),
    "uk": ("United Kingdom", "uk"),
    "ch": ("Switzerland", "fadp"),
    "us": ("United States", "ccpa"),
    "br": ("Brazil", "lgpd"),
    "ca": ("Canada", "pipeda"),
    "other": ("elsewhere", "gdpr"),
}


def _months_later(moment: datetime, months: int) -> datetime:
    number = moment.month - 1 + months
    year, month = moment.year + number // 12, number % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


def due(law: Law, asked: datetime, *, extended: bool = False) -> datetime:
    """Latest moment to answer. asked: aware; so is the result. Source: the law's own, named in LAWS."""
    days, months = law.days, law.months
    if extended:
        days, months = days + law.more_days, months + law.more_months
    return _months_later(asked, months) + timedelta(days=days)


def working_day(due_at: datetime, closed: Container[date]) -> date:
    """The last working day on or before a deadline: by then the answer is wanted. closed: days on which nobody works."""
    day = due_at.date()
    while day.weekday() >= 5 or day in closed:
        day -= timedelta(days=1)
    return day


def may_extend(law: Law) -> bool:
    """Whether the law knows an extension."""
    return bool(law.more_days or law.more_months)


def urgency(now: datetime, due_at: datetime) -> str:
    """overdue, soon (within WARN) or calm."""
    if now > due_at:
        return "overdue"
    return "soon" if due_at - now < WARN else "calm"
