"""The bench of attacks: quiet and attacked in turn, as long as it is told, and ended by Ctrl-C with what is there."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from bench.hostile import Effort, Result, Times, _table, measured, p95, times_of

EFFORT = Effort(rounds=3, phase_s=0.0, settle_s=0.0, patience_s=1.0, whole_s=1.0)
NEVER = float("inf")


def test_each_round_is_quiet_first_and_then_attacked() -> None:
    seen: list[str] = []
    running = [""]

    @contextmanager
    def under(name: str) -> Iterator[None]:
        running[0] = name
        try:
            yield
        finally:
            running[0] = ""

    def ask() -> bool:
        seen.append(running[0] or "quiet")
        return running[0] != "bombs"

    results = list(measured(["flood", "bombs"], EFFORT, ask, under, NEVER))
    assert seen == ["quiet", "flood", "quiet", "bombs"] * 3
    assert [(each.attack, each.quiet.refused, each.attacked.refused) for each in results] == [
        *(("flood", 0, 0), ("bombs", 0, 1)),
        *(("flood", 0, 0), ("bombs", 0, 2)),
        *(("flood", 0, 0), ("bombs", 0, 3)),
    ]
    assert results[-1].cells()[-1] == "3 of 3"


def test_nothing_new_is_begun_when_the_time_is_over() -> None:
    @contextmanager
    def under(name: str) -> Iterator[None]:
        yield

    assert list(measured(["flood"], EFFORT, lambda: True, under, 0.0)) == []


def test_ctrl_c_ends_the_attack_and_leaves_what_was_measured() -> None:
    ended: list[str] = []

    @contextmanager
    def under(name: str) -> Iterator[None]:
        try:
            yield
        finally:
            ended.append(name)

    asked = [0]

    def ask() -> bool:
        asked[0] += 1
        if asked[0] == 4:  # while the second attack runs
            raise KeyboardInterrupt
        return True

    results: list[Result] = []
    with pytest.raises(KeyboardInterrupt):
        for result in measured(["flood", "bombs", "resets"], EFFORT, ask, under, NEVER):
            results.append(result)
    assert [each.attack for each in results] == ["flood"]
    assert ended == ["flood", "bombs"]
    assert _table(results).row_count == 1


def test_a_phase_ends_by_time_and_has_a_page_at_least() -> None:
    assert times_of(lambda: True, -1.0) == Times([pytest.approx(0, abs=60)], 0)
    assert p95([3.0]) == 3.0
    assert p95([float(number) for number in range(1, 101)]) == pytest.approx(95.95)
