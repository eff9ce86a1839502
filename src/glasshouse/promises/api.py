"""Run the checks, keep their history, tell the newest state."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from glasshouse.kernel import clock
from glasshouse.promises.checks import check
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
    """Run every check now and keep what it found."""
    rows: list[Standing] = []
    for promise, text in REGISTER.items():
        # What breaks a check, or the keeping of its result, keeps no other promise from being looked at.
        queues.guarded("promises.check", promise, partial(_look, promise, text, rows))
    return rows


def _look(promise: str, text: str, rows: list[Standing]) -> None:
    finding, now = check(promise), clock.now()
    if finding.state is State.UNPROVEN:
        rows.append(Standing(promise, text, finding.state, finding.figure, None))
        return
    figure = finding.figure.replace("\x00", "")[:300]
    Result.objects.create(promise=promise, state=finding.state, figure=figure, checked_at=now)
    rows.append(Standing(promise, text, finding.state, figure, now))


def standings() -> list[Standing]:
    """The newest finding of each promise; unproven where there is none."""
    newest = {row.promise: row for row in Result.objects.order_by("promise", "-checked_at").distinct("promise")}
    return [
        Standing(id, text, State(newest[id].state), newest[id].figure, newest[id].checked_at)
        if id in newest
        else Standing(id, text, State.UNPROVEN, "no check yet", None)
        for id, text in REGISTER.items()
    ]
