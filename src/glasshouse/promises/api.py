"""Run the checks, keep their history, tell the newest state."""

import contextvars
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import NamedTuple

from django.db import connections, transaction

from glasshouse.kernel import clock
from glasshouse.promises import registry, runner, stage
from glasshouse.promises.findings import State
from glasshouse.promises.models import Result
from glasshouse.promises.register import REGISTER
from glasshouse.promises.registry import Explanation
from glasshouse.queues import api as queues

AT_ONCE = 4
MOST_EVIDENCE = 8000
LATE = timedelta(minutes=30)  # so much later than its turn a check may come


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a promise stands now."""

    id: str
    text: str
    state: State
    figure: str
    checked_at: datetime | None
    evidence: tuple[str, ...] = ()

    def as_json(self) -> dict[str, str | None]:
        """id, text, state, figure, checked_at (ISO 8601)."""
        when = self.checked_at.isoformat() if self.checked_at else None
        return {"id": self.id, "text": self.text, "state": self.state, "figure": self.figure, "checked_at": when}


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which a promise stood in one state; figure: that of its last check."""

    state: State
    since: datetime
    until: datetime
    figure: str


Report = Callable[[Standing], None]


def check_all(ids: Sequence[str] = (), report: Report = lambda standing: None) -> list[Standing]:
    """Run every check now, or those of these promises, and store what they found.

    Every promise is in the answer, also when its result was not stored. report: told each standing as it is known.
    """
    wanted = {promise: text for promise, text in REGISTER.items() if promise in (ids or REGISTER)}
    rows: dict[str, Standing] = {}

    def look(promise: str) -> None:
        try:
            rows[promise] = _guarded(promise)
            report(rows[promise])
        finally:
            connections.close_all()

    # They mostly wait, for mail and for answers.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(contextvars.copy_context().run, look, promise) for promise in wanted]:
            done.result()
    return [rows[promise] for promise in wanted]


def check_due() -> Standing | None:
    """Run the check that is due and has waited longest, if any, so that checks are spread over their time. For the worker."""
    stage.remove_abandoned()
    now, newest = clock.now(), _newest()
    due = []
    for promise, explanation in registry.EXPLANATIONS.items():
        row = newest.get(promise)
        waited_s = (now - row.checked_at).total_seconds() if row else float("inf")
        # A clock that was put back must not keep a check from running.
        if waited_s >= explanation.every_s or waited_s < 0:
            due.append((-waited_s, promise))
    return _guarded(min(due)[1]) if due else None


def _guarded(promise: str) -> Standing:
    """Run one check. What breaks it, or the storing of its result, keeps no other promise from being looked at."""
    rows: list[Standing] = []
    if not queues.guarded("promises.check", promise, partial(_look, promise, rows)):
        return Standing(promise, REGISTER[promise], State.CANNOT_TELL, "the result could not be stored", None)
    return rows[0]


def _look(promise: str, rows: list[Standing]) -> None:
    finding, now = runner.run(promise), clock.now()
    figure = finding.figure.replace("\x00", "")[:300]
    evidence = "\n".join(finding.evidence).replace("\x00", "")[:MOST_EVIDENCE]
    if finding.state is State.NOT_CHECKED:
        rows.append(Standing(promise, REGISTER[promise], finding.state, finding.figure, None))
        return
    with transaction.atomic():
        newest = Result.objects.select_for_update().filter(promise=promise).order_by("-checked_at").first()
        if newest is not None and newest.state == finding.state and newest.checked_at <= now:
            newest.since, newest.checked_at = newest.since or newest.checked_at, now
            newest.figure, newest.evidence = figure, evidence
            newest.save(update_fields=["since", "checked_at", "figure", "evidence"])
        else:
            Result.objects.create(
                promise=promise, state=finding.state, figure=figure, evidence=evidence, since=now, checked_at=now
            )
    rows.append(Standing(promise, REGISTER[promise], finding.state, figure, now, tuple(evidence.splitlines())))


def _newest() -> dict[str, Result]:
    return {row.promise: row for row in Result.objects.order_by("promise", "-checked_at").distinct("promise")}


def history(promise: str, limit: int = 50) -> list[Period]:
    """In which states a promise stood, the newest first; periods of one state that follow each other are one."""
    periods: list[Period] = []
    for row in Result.objects.filter(promise=promise).order_by("-checked_at")[: limit * 20]:
        period = Period(State(row.state), row.since or row.checked_at, row.checked_at, row.figure)
        if periods and periods[-1].state is period.state:
            periods[-1] = replace(periods[-1], since=period.since)
        else:
            periods.append(period)
    return periods[:limit]


class Day(NamedTuple):
    """A day (UTC), and the state that a promise stood in on it: the worst of them; None where no check ran."""

    day: date
    state: State | None


# Of the states of one day the first counts.
WORST_FIRST = (State.NOT_VERIFIED, State.CANNOT_TELL, State.VERIFIED, State.NOTHING_TO_CHECK, State.NOT_CHECKED)


def days(promise: str, count: int = 90) -> list[Day]:
    """In which state a promise stood on each of the last days, today the last.

    A day between two equal results counts as they do.
    """
    today = clock.now().astimezone(UTC).date()
    listed = [today - timedelta(days=back) for back in range(count - 1, -1, -1)]
    begin = datetime.combine(listed[0], time.min, UTC)
    rows = Result.objects.filter(promise=promise, checked_at__gte=begin).values_list("state", "since", "checked_at")
    worst: dict[date, State] = {}
    for name, since, checked_at in rows:
        state, last = State(name), checked_at.astimezone(UTC).date()
        day = max((since or checked_at).astimezone(UTC).date(), listed[0])
        while day <= last:
            worst[day] = min(state, worst.get(day, state), key=WORST_FIRST.index)
            day += timedelta(days=1)
    return [Day(day, worst.get(day)) for day in listed]


def standings() -> list[Standing]:
    """The newest result of each promise; not checked where no check exists, cannot tell before its first run."""
    newest = _newest()
    return [_standing(promise, text, newest.get(promise)) for promise, text in REGISTER.items()]


def _standing(promise: str, text: str, newest: Result | None) -> Standing:
    if promise not in registry.CHECKS:  # A result of an older version with a check claims nothing any more.
        return Standing(promise, text, State.NOT_CHECKED, "no check yet", None)
    if newest is None:
        return Standing(promise, text, State.CANNOT_TELL, "not checked since the first start", None)
    explanation = registry.EXPLANATIONS.get(promise)
    # What nobody looked at for long claims nothing: the worker, or the check, stands still.
    if explanation is not None and clock.now() - newest.checked_at > timedelta(seconds=explanation.every_s) + LATE:
        when = f"{newest.checked_at:%Y-%m-%d %H:%M} UTC"
        return Standing(promise, text, State.CANNOT_TELL, f"not checked since {when}", newest.checked_at)
    evidence = tuple(newest.evidence.splitlines())
    return Standing(promise, text, State(newest.state), newest.figure, newest.checked_at, evidence)


def explanation_of(promise: str) -> Explanation | None:
    """What the check of a promise does, and what it judges by; None: it has no check."""
    return registry.EXPLANATIONS.get(promise)
