"""The crop store's answers: from memory and from the engine alike, never older than what was acknowledged."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crop_contract.variables import VARIABLES, recognise
from crops import recent, schema
from crops.decimals import decimals
from crops.decimals import values as values_of
from crops.limits import Origin
from crops.lines import Batch
from crops.questions import EVERYTHING, Questions, TooManyError
from crops.recent import Blocks, Newest, Stretch
from crops.store import Store

START = 1_760_000_000
HOME = Origin("t" * 16, "s" * 16, "d" * 16, "")


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
    """Write readings (s, value) of one series; its number."""
    batch = Batch(
        [(b"m", field.encode())],
        np.zeros(len(points), np.int32),
        np.array([at * 10**9 for at, _ in points], np.int64),
        np.array([value for _, value in points], np.float64),
    )
    store.write(origin, batch).result()
    return next(n for n, one in store.series.items() if one.field == field and one.origin == origin)


def test_memory_and_engine_agree(store: Store) -> None:
    chance = np.random.default_rng(3)
    points = [(START + 60 * i, round(20 + float(chance.normal()), 2)) for i in range(5000)] + [(START + 30, 240.0)]
    number = put(store, "agree", points)
    store.settle()
    for span in ((START, START + 300_000), (START + 61, START + 7200), (START - 90_000, START - 5)):
        for limits in (EVERYTHING, (-40.0, 65.0)):
            mine = store.ask.range({number: limits}, *span, 100)[number]
            engine = store.ask._range_by_engine({number: limits}, *span, max(1, -(-(span[1] - span[0]) // 100)))[number]
            assert np.allclose(np.array(mine.rows), np.array(engine.rows))
            assert mine.odd == engine.odd


def test_a_reading_of_240_degrees_is_told_apart_and_bends_no_mean(store: Store) -> None:
    number = put(store, "hot", [(START, 20.0), (START + 60, 240.0), (START + 120, 22.0)])
    store.settle()
    answer = store.ask.range({number: (-40.0, 65.0)}, START, START + 3600, 1)[number]
    assert answer.rows == [[START, 20.0, 21.0, 22.0]]
    assert answer.odd == [[START + 60, 240.0]]


def test_an_answer_is_never_older_than_the_last_write(store: Store) -> None:
    number = put(store, "fresh", [(START, 1.0)])
    for turn in range(2, 30):
        store.settle()
        assert store.ask.range({number: EVERYTHING}, START, START + 100, 1)[number].rows[0][3] == turn - 1
        put(store, "fresh", [(START + turn % 3, float(turn))])
        store.settle()
        assert (
            store.ask.latest([number])[number][1]
            == store.ask.range({number: EVERYTHING}, START, START + 100, 100)[number].rows[-1][3]
        )


def test_a_block_read_while_its_series_was_written_to_is_not_kept() -> None:
    blocks, series = Blocks(), np.array([7], np.uint32)
    stretch = Stretch(np.array([0], np.int64), np.array([1.0]))
    turn = blocks.turn()
    blocks.touch(series, np.array([0], np.int64))
    blocks.keep(7, 0, stretch, turn)
    assert blocks.get(7, 0) is None
    blocks.keep(7, 0, stretch, blocks.turn())
    assert blocks.get(7, 0) is stretch
    blocks.touch(np.array([8], np.uint32), np.array([0], np.int64))
    assert blocks.get(7, 0) is stretch
    blocks.touch(series, np.array([0], np.int64))
    assert blocks.get(7, 0) is None


def test_memory_is_bounded() -> None:
    blocks = Blocks(most_points=1000)
    for number in range(50):
        blocks.keep(number, 0, Stretch(np.arange(100, dtype=np.int64), np.zeros(100)), 0)
    assert sum(blocks.get(number, 0) is not None for number in range(50)) == 10
    blocks.keep(99, 0, Stretch(np.arange(500, dtype=np.int64), np.zeros(500)), 0)
    assert blocks.get(99, 0) is None, "one that would fill the memory alone is not kept"


def test_the_newest_reading_is_the_latest_in_time_not_in_arrival() -> None:
    newest = Newest()
    newest.take(np.array([1, 1, 2], np.uint32), np.array([5, 3, 9], np.int64) * 10**9, np.array([50.0, 30.0, 90.0]))
    newest.learn([1, 2, 3], {1: (7 * 10**9, 70.0), 2: (1, 0.0)})
    assert newest.of([1, 2, 3]) == {1: (7, 70.0), 2: (9, 90.0)}
    newest.take(np.array([1], np.uint32), np.array([7], np.int64) * 10**9, np.array([71.0]))
    assert newest.of([1])[1] == (7, 71.0), "of two readings with one time the later counts"


def test_a_question_for_too_much_is_refused(store: Store) -> None:
    number = put(store, "much", [(START + i, 1.5) for i in range(100)])
    store.settle()
    assert len(store.ask.raw([number], START, START + 100, 100)[number].time) == 100
    with pytest.raises(TooManyError):
        store.ask.raw([number], START, START + 100, 99)


def test_a_large_question_goes_to_the_engine(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    number = put(store, "large", [(START + i, float(i % 7)) for i in range(500)])
    store.settle()
    monkeypatch.setattr("crops.questions.MOST_ROWS", 100)
    asked: list[int] = []
    honest = Questions._range_by_engine
    monkeypatch.setattr(Questions, "_range_by_engine", lambda *a: (asked.append(1), honest(*a))[1])
    assert len(store.ask.range({number: EVERYTHING}, START, START + 500, 50)[number].rows) == 50
    assert asked == [1]


def test_a_forgotten_tenant_is_gone_and_its_numbers_are_not_given_again(store: Store) -> None:
    other = Origin("o" * 16, "s" * 16, "d" * 16, "")
    kept = put(store, "kept", [(START, 1.0)])
    gone = put(store, "gone", [(START, 2.0)], other)
    store.put_token("hash", other, revoked=False)
    store.forget(other.tenant)
    store.forget(other.tenant)
    assert store.of_tenant(other.tenant, ("s" * 16,)) == []
    assert store.tokens["hash"][1]
    assert store.ask.count([gone]) == 0
    assert store.ask.count([kept]) == 1
    assert put(store, "next", [(START, 3.0)]) > gone
    assert [segment for segment, record in store.log.replay() if b"gone" in record] == []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64), min_size=1, max_size=30))
def test_any_value_comes_back_as_it_was(values: list[float]) -> None:
    value = np.array(values)
    digits, scale = decimals(value, np.zeros(len(value), np.int32), np.zeros(1, np.int8))
    assert (values_of(digits.astype(np.int64), scale.astype(np.int8)) == value).all()


def test_any_value_comes_back_from_the_disk(store: Store) -> None:
    odd = [
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
    number = put(store, "odd values", [(START + i, value) for i, value in enumerate(odd)])
    store.settle()
    assert store.ask.raw([number], START, START + 100, 100)[number].value.tolist() == odd


def test_readings_stored_in_the_first_form_are_carried_over(store: Store) -> None:
    put(store, "before", [(START, 1.0)])
    store.settle()
    store._session.query("CREATE DATABASE old")
    store._session.query(
        "CREATE TABLE old.readings (series UInt32, time DateTime64(9, 'UTC'), digits Int64, scale Int8) "
        "ENGINE = ReplacingMergeTree ORDER BY (series, time)"
    )
    store._session.query("INSERT INTO old.readings VALUES (1, 5, -2153, 2), (1, 6, 70000, 0)")
    steps = [one.replace("crop.", "old.") for one in schema.upgrade_statements({"digits"}, {"readings"})]
    for statement in steps:
        store._session.query(statement)
    rows = store.rows(f"SELECT {schema.VALUE} AS v FROM old.readings ORDER BY time")
    assert [row["v"] for row in rows] == [-21.53, 70000]
    assert schema.upgrade_statements({"high", "low"}, {"readings"}) == []
    assert len(schema.upgrade_statements({"high"}, {"readings", "readings_before"})) == 2


def test_buckets_of_nothing_are_nothing() -> None:
    assert recent.buckets(recent.EMPTY, 0, 60, 0, 1) == []


def test_units_of_the_catalogue_are_units_and_names_are_no_ones_twice() -> None:
    import pint

    registry = pint.UnitRegistry()
    names = [name for one in VARIABLES.values() for name in (one.id, *one.names)]
    assert len(names) == len(set(names))
    for one in VARIABLES.values():
        registry.Unit(one.unit)
        assert one.least < one.most
        assert recognise(one.id) is one
    assert recognise(" WC_slab2 ") is VARIABLES["slab_wc"]
    assert recognise("Temperature 3") is VARIABLES["air_temp"]
