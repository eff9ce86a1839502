"""Run the checks, keep their history, tell the newest state."""

from dataclasses import dataclass
from datetime import datetime

from glasshouse.kernel import clock
from glasshouse.promises.checks import check
from glasshouse.promises.findings import State
from glasshouse.promises.models import Result
from glasshouse.promises.register import REGISTER


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
    rows = []
    for promise, text in REGISTER.items():
        finding, now = check(promise), clock.now()
        if finding.state is State.UNPROVEN:
            rows.append(Standing(promise, text, finding.state, finding.figure, None))
            continue
        Result.objects.create(promise=promise, state=finding.state, figure=finding.figure[:300], checked_at=now)
        rows.append(Standing(promise, text, finding.state, finding.figure, now))
    return rows


def standings() -> list[Standing]:
    """The newest finding of each promise; unproven where there is none."""
    newest = {row.promise: row for row in Result.objects.order_by("promise", "-checked_at").distinct("promise")}
    return [
        Standing(id, text, State(newest[id].state), newest[id].figure, newest[id].checked_at)
        if id in newest
        else Standing(id, text, State.UNPROVEN, "no check yet", None)
        for id, text in REGISTER.items()
    ]
