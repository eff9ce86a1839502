"""Many series: every list, question and deletion works, and the counts that the limits use are right.

20,000 of them in every run, 100,000 in the long one.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from crop_contract.capability import Capability
from crops import limits as series_limits
from crops.answers import Answers
from crops.limits import Limits, Origin
from crops.lines import Batch
from crops.questions import EVERYTHING
from crops.series import Series
from crops.store import Store

START = 1_760_000_000
TENANT, OTHER, SITE = "t" * 16, "o" * 16, "s" * 16


def batch(names: range, at: int = START) -> Batch:
    series = [(b"m,s=%d" % number, b"air_temp") for number in names]
    return Batch(
        series,
        np.arange(len(names), dtype=np.int32),
        np.full(len(names), at * 10**9, np.int64),
        np.arange(len(names), dtype=np.float64),
    )


@contextmanager
def filled_store(folder: Path, count: int) -> Iterator[Store]:
    """A store with so many series of one customer, the most that it may have, and five of another one."""
    keys = folder / "keys"
    keys.mkdir()
    (keys / "disk.key").write_text("ab" * 32)
    (keys / "wal.key").write_bytes(b"k" * 32)
    opened = Store(folder / "crops", keys)
    opened.write(Origin(OTHER, SITE, "d" * 16, ""), batch(range(5))).result()
    for device in range(count // 2000):
        opened.write(Origin(TENANT, SITE, f"{device:016d}", ""), batch(range(2000))).result()
    opened.close()
    opened = Store(folder / "crops", keys, Limits(organisation=count))  # After a restart nothing is known from memory.
    yield opened
    opened.close()


@pytest.mark.parametrize("count", [20_000, pytest.param(100_000, marks=pytest.mark.long)])
@pytest.mark.slow
def test_many_series_are_listed_counted_read_and_deleted(tmp_path: Path, count: int) -> None:
    with filled_store(tmp_path, count) as store:
        _assert_whole(store, count)


def _assert_whole(store: Store, count: int) -> None:
    capability = Capability(TENANT, (SITE,), ("readings:read",), "test", 0)
    questions = store.questions
    listed = Answers(store).series(capability, START - 3600, 1800)
    measured = [series for series in listed if not series["derived"]]
    assert len(measured) == count
    assert all(series["at"] == START and len(series["trend"]) == 1 for series in measured)
    numbers = [series.id for series in store.of_tenant(TENANT, (SITE,))]
    assert questions.count(numbers) == count
    assert len(questions.raw(numbers, START, START + 1, count)) == count
    answers = questions.range(dict.fromkeys(numbers, EVERYTHING), START, START + 60, 10)
    assert sum(len(answer.rows) for answer in answers.values()) == count
    reached = store.limits.reached(Origin(TENANT, SITE, "new", ""))
    assert reached is not None
    assert (reached.scope, reached.series) == ("This organisation", count)
    store.forget(TENANT)
    assert store.of_tenant(TENANT, (SITE,)) == []
    assert questions.count(numbers) == 0
    assert store.limits.reached(Origin(TENANT, SITE, "new", "")) is None
    assert questions.count([series.id for series in store.of_tenant(OTHER, (SITE,))]) == 5, (
        "the other customer keeps all"
    )


@pytest.mark.parametrize("text", ["0", "-5", "many", "1.5", "٣", "9" * 30])
def test_a_limit_that_is_no_number_stops_the_start(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CROPS_SERIES_PER_DEVICE", text)
    with pytest.raises(ValueError, match="CROPS_SERIES_PER_DEVICE"):
        Limits.from_environment()
    monkeypatch.delenv("CROPS_SERIES_PER_DEVICE")
    assert Limits.from_environment().reached(Origin("t", "s", "d", "")) is None
    assert series_limits.MOST_OF_A_DEVICE == 2_000


def test_a_device_that_moves_keeps_its_count() -> None:
    counted = Limits(device=2, organisation=3)
    for compartment in ("a", "b"):
        counted.count(Origin("t", "s", "d", compartment))
    assert counted.reached(Origin("t", "s", "d", "c")) is not None
    assert counted.reached(Origin("t", "s", "e", "c")) is None
    counted.count(Origin("t", "s", "", "a"))
    assert counted.reached(Origin("t", "s", "e", "c")) is not None
    counted.forget(Origin("t", "s", "", "a"))
    assert counted.reached(Origin("t", "s", "e", "c")) is None


@pytest.mark.slow
def test_no_two_series_get_one_number_while_others_are_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that stores once set the last number back, so that it was used again."""
    with filled_store(tmp_path, 2_000) as store:
        _assert_one_number_each(store, monkeypatch)


def _assert_one_number_each(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant, count_before, original = "z" * 16, len(store.series), store._add_series
    thread_ids = []

    def add_series(series: Series) -> None:
        thread_ids.append(threading.get_ident())
        original(series)

    monkeypatch.setattr(store, "_add_series", add_series)
    for device in range(5):
        store.write(Origin(tenant, SITE, f"{device:016d}", ""), batch(range(200))).result()
        store.flush()
    assert set(thread_ids) == {threading.get_ident()}, "only the thread that holds the lock gives numbers"
    assert len(store.series) - count_before == 1000
    assert store.questions.count([series.id for series in store.of_tenant(tenant, (SITE,))]) == 1000
