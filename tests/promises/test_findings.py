"""What a check has seen is neither lost nor counted twice, and only a step that was taken counts."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from glasshouse.promises.findings import Finding, State, Steps


def test_a_second_list_of_steps_in_one_check_is_an_error_and_drops_no_red_step(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.promises import registry
    from glasshouse.promises.runner import run

    def check() -> Finding:
        Steps().expect("the first", held=False)
        return Steps().judged()

    monkeypatch.setitem(registry.CHECKS, "SEC-01", check)
    found = run("SEC-01")
    assert (found.state, found.figure) == (State.NOT_VERIFIED, "not so: the first")
    assert run("SEC-01").state == State.NOT_VERIFIED, "steps of an earlier run are no second list"


def test_only_steps_count() -> None:
    steps = Steps()
    steps.note("the moon")
    steps.tell("because of the hills")
    assert steps.judged().state == State.CANNOT_TELL
    steps.expect("a step", held=True)
    assert steps.judged("so much").figure == "so much; 1 of 1 steps as promised"
    assert len(steps.judged().evidence) == 3


@pytest.mark.parametrize(
    ("there", "opens", "state"),
    [(True, False, State.VERIFIED), (True, True, State.NOT_VERIFIED), (False, False, State.CANNOT_TELL)],
)
def test_an_aged_session_counts_only_while_its_row_is_there(
    there: bool, opens: bool, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.promises.checks import accounts

    rows: dict[int, str] = {}

    def deleted(row: str, *_: object) -> None:
        if not there:
            rows.clear()

    def session(visitor: int) -> tuple[str, timedelta]:
        return rows.get(visitor, ""), timedelta(1)

    def sign_in(_: object) -> int:
        rows[2] = "again"
        return 2

    rows[1] = "first"
    monkeypatch.setattr(accounts, "_session", session)
    monkeypatch.setattr(accounts, "_opens", lambda _: opens)
    monkeypatch.setattr(accounts.probes, "date", deleted)
    steps, stage = Steps(), SimpleNamespace(sign_in=sign_in)
    past: Any = accounts._past_its_end
    past(steps, stage, None, 1)
    assert steps.judged().state == state
