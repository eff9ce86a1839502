"""Run the checks, keep their history, tell the newest state."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.urls import get_resolver

from glasshouse.kernel import clock
from glasshouse.promises import registry, runner
from glasshouse.promises.findings import State
from glasshouse.promises.models import Result
from glasshouse.promises.register import REGISTER
from glasshouse.queues import api as queues


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a promise stands now."""

    id: str
    text: str
    state: State
    figure: str
    checked_at: datetime | None

    def as_json(self) -> dict[str, str | None]:
        """id, text, state, figure, checked_at (ISO 8601)."""
        when = self.checked_at.isoformat() if self.checked_at else None
        return {"id": self.id, "text": self.text, "state": self.state, "figure": self.figure, "checked_at": when}


def check_all() -> list[Standing]:
    """Run every check now and store what it found. Every promise is in the answer, also when its result was not stored."""
    return check_some(REGISTER)


def check_some(promises: Collection[str]) -> list[Standing]:
    """As `check_all`, of some promises only, in the order of the register."""
    # Pages declare themselves when they are read. A check that runs alone must find them declared.
    get_resolver().url_patterns  # noqa: B018
    rows: list[Standing] = []
    for promise, text in REGISTER.items():
        if promise not in promises:
            continue
        # What breaks a check, or the storing of its result, keeps no other promise from being looked at.
        if not queues.guarded("promises.check", promise, partial(_look, promise, text, rows)):
            rows.append(Standing(promise, text, State.CANNOT_TELL, "the result could not be stored", None))
    return rows


def _look(promise: str, text: str, rows: list[Standing]) -> None:
    finding, now = runner.run(promise), clock.now()
    if finding.state is State.NOT_CHECKED:
        rows.append(Standing(promise, text, finding.state, finding.figure, None))
        return
    figure = finding.figure.replace("\x00", "")[:300]
    Result.objects.create(promise=promise, state=finding.state, figure=figure, checked_at=now)
    rows.append(Standing(promise, text, finding.state, figure, now))


def standings() -> list[Standing]:
    """The newest result of each promise; not checked where no check exists, cannot tell before its first run."""
    newest = {row.promise: row for row in Result.objects.order_by("promise", "-checked_at").distinct("promise")}
    return [_standing(promise, text, newest.get(promise)) for promise, text in REGISTER.items()]


def _standing(promise: str, text: str, newest: Result | None) -> Standing:
    if promise not in registry.CHECKS:  # A result of an older version with a check claims nothing any more.
        return Standing(promise, text, State.NOT_CHECKED, "no check yet", None)
    if newest is None:
        return Standing(promise, text, State.CANNOT_TELL, "not checked since the first start", None)
    return Standing(promise, text, State(newest.state), newest.figure, newest.checked_at)
