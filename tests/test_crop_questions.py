"""The crop store's answers: the same from memory and from the engine, and never older than the last acknowledged write."""

from collections.abc import Iterator

import numpy as np
import pint
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crop_contract.variables import VARIABLES, recognise
from crops import cache, schema
from crops.cache import BlockCache, LatestCache, Reading, Segment
from crops.decimals import decimals
from crops.decimals import values as values_of
from crops.limits import Origin
from crops.lines import Batch
from crops.questions import EVERYTHING, Bounds, Questions, TooManyError, bucket_width
from crops.store import Store

START = 1_760_000_000
HOME = Origin("t" * 16, "s" * 16, "d" * 16, "")
HASH = "ab" * 32


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store of its own, in this process."""
    keys = tmp_path_factory.mktemp("keys")
    (keys / "disk.key").write_text("ab" * 32)
    (keys / "wal.key").write_bytes(b"k" * 32)
    opened = Store(tmp_path_factory.mktemp("crops"), keys)
    yield opened
    opened.close()


def put(store: Store, field: str, points: list[tuple[int, float]], origin: Origin = HOME) -> int:
    """Write readings (epoch s, value) of one series; returns its number."""
    batch = Batch(
        [(b"m", field.encode())],
        np.zeros(len(points), np.int32),
        np.array([at * 10**9 for at, _ in points], np.int64),
        np.array([value for _, value in points], np.float64),
    )
    store.write(origin, batch).result()
    return next(n for n, series in store.series.items() if series.field == field and series.origin == origin)


def test_memory_and_engine_agree(store: Store) -> None:
    rng = np.random.default_rng(3)
    points = [(START + 60 * i, round(20 + float(rng.normal()), 2)) for i in range(5000)] + [(START + 30, 240.0)]
    number = put(store, "agree", points)
    store.flush()
    for span in ((START, START + 300_000), (START + 61, START + 7200), (START - 90_000, START - 5)):
        for bounds in (EVERYTHING, Bounds(-40.0, 65.0)):
            from_memory = store.questions.range({number: bounds}, *span, 100)[number]
            width_s = bucket_width(*span, 100)
            from_engine = store.questions._range_by_engine({number: bounds}, *span, width_s)[number]
            assert np.allclose(np.array(from_memory.rows), np.array(from_engine.rows))
            assert from_memory.implausible == from_engine.implausible
            assert from_memory.implausible_count == from_engine.implausible_count


def test_an_implausible_reading_is_listed_apart_and_changes_no_mean(store: Store) -> None:
    number = put(store, "hot", [(START, 20.0), (START + 60, 240.0), (START + 120, 22.0)])
    store.flush()
    answer = store.questions.range({number: Bounds(-40.0, 65.0)}, START, START + 3600, 1)[number]
    assert answer.rows == [[START, 20.0, 21.0, 22.0]]
    assert answer.implausible == [[START + 60, 240.0]]


def test_an_answer_is_never_older_than_the_last_write(store: Store) -> None:
    number = put(store, "fresh", [(START, 1.0)])
    for write in range(2, 30):
        store.flush()
        assert store.questions.range({number: EVERYTHING}, START, START + 100, 1)[number].rows[0][3] == write - 1
        put(store, "fresh", [(START + write % 3, float(write))])
        store.flush()
        assert (
            store.questions.latest([number])[number][1]
            == store.questions.range({number: EVERYTHING}, START, START + 100, 100)[number].rows[-1][3]
        )


def test_a_block_read_while_its_series_was_written_to_is_not_cached() -> None:
    blocks, series = BlockCache(), np.array([7], np.uint32)
    segment = Segment(np.array([0], np.int64), np.array([1.0]))
    epoch = blocks.epoch()
    blocks.invalidate(series, np.array([0], np.int64))
    blocks.put(7, 0, segment, epoch)
    assert blocks.get(7, 0) is None
    blocks.put(7, 0, segment, blocks.epoch())
    assert blocks.get(7, 0) is segment
    blocks.invalidate(np.array([8], np.uint32), np.array([0], np.int64))
    assert blocks.get(7, 0) is segment
    blocks.invalidate(series, np.array([0], np.int64))
    assert blocks.get(7, 0) is None


def test_memory_is_bounded() -> None:
    blocks = BlockCache(most_points=1000)
    for number in range(50):
        blocks.put(number, 0, Segment(np.arange(100, dtype=np.int64), np.zeros(100)), 0)
    assert sum(blocks.get(number, 0) is not None for number in range(50)) == 10
    blocks.put(99, 0, Segment(np.arange(500, dtype=np.int64), np.zeros(500)), 0)
    assert blocks.get(99, 0) is None, "a block that would fill the memory alone is not cached"


def test_the_newest_reading_is_the_latest_in_time_not_in_arrival() -> None:
    latest = LatestCache()
    latest.update(np.array([1, 1, 2], np.uint32), np.array([5, 3, 9], np.int64) * 10**9, np.array([50.0, 30.0, 90.0]))
    latest.fill([1, 2, 3], {1: (7 * 10**9, 70.0), 2: (1, 0.0)}, latest.epoch())
    assert latest.get([1, 2, 3]) == {1: Reading(7, 70.0), 2: Reading(9, 90.0)}
    latest.update(np.array([1], np.uint32), np.array([7], np.int64) * 10**9, np.array([71.0]))
    assert latest.get([1])[1] == Reading(7, 71.0), "of two readings with one time the later one counts"


def test_a_question_for_too_much_is_refused(store: Store) -> None:
    number = put(store, "much", [(START + i, 1.5) for i in range(100)])
    store.flush()
    assert len(store.questions.raw([number], START, START + 100, 100)[number].time) == 100
    with pytest.raises(TooManyError):
        store.questions.raw([number], START, START + 100, 99)


def test_a_large_question_goes_to_the_engine(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    number = put(store, "large", [(START + i, float(i % 7)) for i in range(500)])
    store.flush()
    monkeypatch.setattr("crops.questions.MOST_ROWS", 100)
    engine_calls: list[int] = []
    original = Questions._range_by_engine
    monkeypatch.setattr(Questions, "_range_by_engine", lambda *a: (engine_calls.append(1), original(*a))[1])
    assert len(store.questions.range({number: EVERYTHING}, START, START + 500, 50)[number].rows) == 50
    assert engine_calls == [1]


def test_a_deleted_tenant_is_gone_and_its_numbers_are_not_used_again(store: Store) -> None:
    other = Origin("o" * 16, "s" * 16, "d" * 16, "")
    remaining_number = put(store, "remaining", [(START, 1.0)])
    deleted_number = put(store, "deleted", [(START, 2.0)], other)
    store.senders.put_token(HASH, other, revoked=False)
    store.forget(other.tenant)
    store.forget(other.tenant)
    assert store.of_tenant(other.tenant, ("s" * 16,)) == []
    assert HASH not in store.senders.tokens
    assert store.questions.count([deleted_number]) == 0
    assert store.latest_cache.get([deleted_number]) == {}, "its newest reading stayed in memory"
    assert store.questions.count([remaining_number]) == 1
    assert put(store, "next", [(START, 3.0)]) > deleted_number
    assert [segment for segment, record in store.log.replay() if b"deleted" in record] == []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64), min_size=1, max_size=30))
def test_any_value_comes_back_as_it_was(values: list[float]) -> None:
    value = np.array(values)
    digits, scale = decimals(value, np.zeros(len(value), np.int32), np.zeros(1, np.int8))
    assert (values_of(digits.astype(np.int64), scale.astype(np.int8)) == value).all()


def test_any_value_comes_back_from_the_disk(store: Store) -> None:
    values = [
        0.1,
        -0.1,
        1e300,
        -1e-300,
        2.0**-1074,
        123456789012345.0,
        -12345.678,
        1 / 3,
        -0.05,
        255.0,
        256.0,
        -256.0,
        -1.0,
    ]
    number = put(store, "values", [(START + i, value) for i, value in enumerate(values)])
    store.flush()
    assert store.questions.raw([number], START, START + 100, 100)[number].value.tolist() == values


def test_readings_stored_in_the_first_form_are_moved_into_the_present_one(store: Store) -> None:
    put(store, "before", [(START, 1.0)])
    store.flush()
    store._session.query("CREATE DATABASE old")
    store._session.query(
        "CREATE TABLE old.readings (series UInt32, time DateTime64(9, 'UTC'), digits Int64, scale Int8) "
        "ENGINE = ReplacingMergeTree ORDER BY (series, time)"
    )
    store._session.query("INSERT INTO old.readings VALUES (1, 5, -2153, 2), (1, 6, 70000, 0)")
    for statement in schema.upgrade_statements({"digits"}, {"readings"}):
        store._session.query(statement.replace("crop.", "old."))
    rows = store.rows(f"SELECT {schema.VALUE} AS v FROM old.readings ORDER BY time")
    assert [row["v"] for row in rows] == [-21.53, 70000]
    assert schema.upgrade_statements({"high", "low"}, {"readings"}) == []
    assert len(schema.upgrade_statements({"high"}, {"readings", "readings_before"})) == 2


def test_buckets_of_nothing_are_nothing() -> None:
    assert cache.buckets(cache.EMPTY, 0, 60, 0, 1) == []


def test_units_of_the_catalogue_are_units_and_no_name_means_two_variables() -> None:
    registry = pint.UnitRegistry()
    names = [name for variable in VARIABLES.values() for name in (variable.id, *variable.names)]
    assert len(names) == len(set(names))
    for variable in VARIABLES.values():
        registry.Unit(variable.unit)
        assert variable.least < variable.most
        assert recognise(variable.id) is variable
    assert recognise(" WC_slab2 ") is VARIABLES["slab_wc"]
    assert recognise("Temperature 3") is VARIABLES["air_temp"]
