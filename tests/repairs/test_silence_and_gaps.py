"""Silence is told by a series' own interval; a gap stays a gap; what is derived stands only where both inputs were measured."""

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from crop_contract.capability import Capability
from crops.answers import Answers, Span
from crops.cache import LatestCache
from crops.lines import Batch
from crops.store import Origin, Store
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse import readings
from glasshouse.greenhouse.rules import sparkline, state_of
from tests.conftest import Customer

Make = Callable[[], Customer]
START = 1_760_000_000
HOME = Origin("t" * 16, "s" * 16, "d" * 16, "")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    keys = tmp_path_factory.mktemp("keys")
    (keys / "disk.key").write_text("ab" * 32)
    (keys / "wal.key").write_bytes(b"k" * 32)
    return tmp_path_factory.mktemp("crops"), keys


@pytest.fixture(scope="module")
def store(folders: tuple[Path, Path]) -> Iterator[Store]:
    opened = Store(*folders)
    yield opened
    opened.close()


def put(store: Store, field: str, points: list[tuple[int, float]], device: str = "d" * 16) -> int:
    """Write readings (s, value) of one series; its number."""
    origin = Origin(HOME.tenant, HOME.site, device, "")
    batch = Batch(
        [(b"m", field.encode())],
        np.zeros(len(points), np.int32),
        np.array([at * 10**9 for at, _ in points], np.int64),
        np.array([value for _, value in points], np.float64),
    )
    store.write(origin, batch).result()
    store.flush()
    return next(n for n, one in store.series.items() if one.field == field and one.origin == origin)


def held() -> Capability:
    return Capability(HOME.tenant, (HOME.site,), ("readings:read",), "test", 1 << 40)


def usual_of(store: Store, number: int) -> float | None:
    rows = Answers(store).series(held(), 0, 0)
    return next(row["usual_s"] for row in rows if row["id"] == str(number))


def test_the_interval_is_learned_and_a_pause_does_not_change_it(store: Store) -> None:
    ten = put(store, "ten", [(START + 10 * i, 1.0) for i in range(20)])
    assert usual_of(store, ten) == 10
    for at in (5000, 5010, 5020, 9000):  # pauses of an hour and more
        put(store, "ten", [(START + at, 1.0)])
    assert usual_of(store, ten) == 10
    put(store, "ten", [(START + 9000 + 60 * i, 1.0) for i in range(1, 20)])
    assert usual_of(store, ten) == 60  # it is sent each minute from now on
    daily = put(store, "daily", [(START + 86_400 * i, 1.0) for i in range(10)])
    assert usual_of(store, daily) == 86_400
    alone = put(store, "alone", [(START, 1.0)])
    assert usual_of(store, alone) is None


def test_what_comes_late_or_twice_counts_for_nothing(store: Store) -> None:
    number = put(store, "late", [(START + 60 * i, 1.0) for i in range(20)])
    assert usual_of(store, number) == 60
    put(store, "late", [(START + 60 * i, 1.0) for i in range(20)])
    put(store, "late", [(START + 30 + 60 * i, 1.0) for i in range(10)])
    assert usual_of(store, number) == 60


def test_after_a_restart_the_interval_is_the_same(store: Store) -> None:
    number = put(store, "restart", [(START + 300 * i, 1.0) for i in range(20)])
    old = put(store, "old", [(1_300_000_000 + 3600 * i, 1.0) for i in range(20)])
    before = usual_of(store, number), usual_of(store, old)
    store.latest_cache = LatestCache()  # all that a restart forgets
    assert (usual_of(store, number), usual_of(store, old)) == before == (300, 3600)


@pytest.mark.parametrize("many", [3, 40, 4000])
def test_many_series_of_one_write_are_learned_each(many: int) -> None:
    newest, chance = LatestCache(), np.random.default_rng(many)
    steps = chance.integers(1, 5000, many)
    series = np.tile(np.arange(1, many + 1), 5).astype(np.uint32)
    moments = (np.repeat(np.arange(5), many) * np.tile(steps, 5) * 10**9).astype(np.int64)
    order = chance.permutation(len(series))
    newest.update(series[order], moments[order], np.ones(len(series)))
    assert list(newest.usual_intervals(list(range(1, many + 1))).values()) == steps.tolist()


def test_silence_is_three_times_the_own_interval() -> None:
    free: list[float | None] = [None, None]

    def state(age_s: float, usual_s: float | None) -> str:
        return state_of(20.0, 1e9 - age_s, 1e9, free, free, usual_s)

    for usual in (10.0, 60.0, 900.0, 3600.0, 86_400.0, 7 * 86_400.0):
        assert state(2.9 * usual, usual) == "ok", usual
        assert state(3.1 * usual, usual) == "silent", usual
    assert state(10, 0.1) == "ok"  # never within some seconds
    assert state(20, 0.1) == "silent"
    assert state(600, None) == "ok"
    assert state(4000, None) == "silent"


def test_the_overview_and_the_api_tell_silence_by_the_own_interval(customer: Make, crops: httpx.Client) -> None:
    own = customer()
    token = greenhouse.create_device(own.actor, own.site, "", "Box")
    now = int(time.time())
    lines = [f"m fast={i} {now - 120 - 10 * i}" for i in range(30)]
    lines += [f"m slow={i} {now - 7200 - 86_400 * i}" for i in range(9)]
    lines += [f"m single=1 {now - 600}"]
    answer = crops.post("/write?precision=s", content="\n".join(lines), headers={"Authorization": f"Token {token}"})
    assert answer.status_code == 204
    states = {one["field"]: one["state"] for one in readings.overview(own.actor)}
    assert states == {"fast": "silent", "slow": "ok", "single": "ok"}
    after = {one["field"]: one["silent_after_s"] for one in readings.series(own.actor)}
    assert after == {"fast": 30, "slow": 3 * 86_400, "single": 3600}
    silent = {one["field"]: one["silent"] for one in readings.series(own.actor)}
    assert silent == {"fast": True, "slow": False, "single": False}


# -- gaps ----------------------------------------------------------------------------------------------------------


def ask(store: Store, name: str, start: int, end: int, points: int = 300) -> dict[str, object]:
    return Answers(store).readings(held(), [name], Span(start, end), points, 0)["series"][name]


def gaps(answer: dict[str, object]) -> list[tuple[int, int]]:
    times = [row[0] for row in answer["rows"]]  # type: ignore[attr-defined]
    return [(a, b) for a, b in itertools.pairwise(times) if b - a > answer["joined_s"]]


def test_a_gap_is_told_and_slow_series_have_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    points = [(START + 60 * i, 1.0) for i in range(60)] + [(START + 20_000 + 60 * i, 1.0) for i in range(60)]
    number = put(store, "gap", points)
    for wide in (300, 1200, 50):
        assert len(gaps(ask(store, str(number), START, START + 24_000, wide))) == 1, wide
    hourly = put(store, "hourly", [(START + 3600 * i, 1.0) for i in range(24)])
    assert gaps(ask(store, str(hourly), START, START + 86_400, 1200)) == []
    two = put(store, "two", [(START, 1.0), (START + 40_000, 1.0)])
    assert len(gaps(ask(store, str(two), START, START + 86_400))) == 1
    monkeypatch.setattr("crops.questions.MOST_ROWS", 10)  # by the engine
    assert len(gaps(ask(store, str(number), START + 1, START + 24_001, 300))) == 1


def test_a_derived_value_stands_only_where_both_inputs_are(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    device = "v" * 16
    warm = put(store, "air_temp", [(START + 60 * i, 20.0) for i in range(60)], device)
    damp = put(store, "air_rh", [(START + 60 * i, 70.0) for i in range(60) if i < 20 or i >= 40], device)
    name = f"vpd.{warm}.{damp}"
    times = [row[0] for row in ask(store, name, START, START + 3600, 60)["rows"]]
    assert times == [START + 60 * i for i in range(60) if i < 20 or i >= 40]
    # In one bucket, but never at one moment: by memory and by the engine alike there is nothing.
    device = "w" * 16
    warm = put(store, "air_temp", [(START + 60 * i, 20.0) for i in range(60)], device)
    damp = put(store, "air_rh", [(START + 30 + 60 * i, 70.0) for i in range(60)], device)
    assert ask(store, f"vpd.{warm}.{damp}", START, START + 3600, 6)["rows"] == []
    monkeypatch.setattr("crops.questions.MOST_ROWS", 10)
    assert ask(store, f"vpd.{warm}.{damp}", START + 1, START + 3601, 6)["rows"] == []
    assert ask(store, name, START + 1, START + 3601, 60)["rows"] != []


def test_nothing_is_derived_from_an_impossible_reading(store: Store) -> None:
    device = "x" * 16
    warm = put(store, "air_temp", [(START, 20.0), (START + 60, 240.0)], device)
    damp = put(store, "air_rh", [(START, 70.0), (START + 60, 70.0)], device)
    name = f"vpd.{warm}.{damp}"
    assert [row[0] for row in ask(store, name, START, START + 120, 120)["rows"]] == [START]
    assert Answers(store).export(held(), [name], Span(START, START + 120))["series"][name]["time"] == [START]
    row = next(one for one in Answers(store).series(held(), 0, 0) if one["id"] == name)
    assert (row["at"], row["value"]) == (None, None)


def test_impossible_readings_are_counted_though_only_some_are_listed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = put(store, "plant_temp", [(START + i, 240.0 if i % 2 else 20.0) for i in range(1000)])
    answer = ask(store, str(number), START, START + 1000)
    assert (len(answer["odd"]), answer["odd_count"]) == (200, 500)  # type: ignore[arg-type]
    monkeypatch.setattr("crops.questions.MOST_ROWS", 10)
    assert ask(store, str(number), START - 1, START + 1001)["odd_count"] == 500


def test_the_small_line_of_the_overview_has_gaps_too() -> None:
    rows = [[0.0, 1.0], [1800.0, 2.0], [3600.0, 1.0], [18_000.0, 2.0], [19_800.0, 1.0]]
    path = sparkline(rows, 0, 20_000, 5400)
    assert path.count("M") == 2
    assert path.count("L") == 3


def test_large_writes_are_learned_a_share_at_a_time() -> None:
    newest, numbers = LatestCache(), np.arange(1, 11)
    for turn in range(8):
        moments = np.repeat(np.arange(20_000) + 20_000 * turn, 10) * np.tile(numbers, 20_000) * 10**9
        newest.update(np.tile(numbers, 20_000).astype(np.uint32), moments.astype(np.int64), np.ones(200_000))
    usual = newest.usual_intervals(numbers.tolist())
    assert set(usual) == set(numbers.tolist())
    assert all(abs(usual[number] / number - 1) < 0.01 for number in numbers.tolist())
