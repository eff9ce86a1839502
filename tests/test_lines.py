"""Line protocol: what is read, what is refused and where, and that the fast parser agrees with the exact one."""

import time
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crop_contract.variables import recognise
from crops.decimals import decimals
from crops.decimals import values as values_of
from crops.lines import Batch, LineError, _exact, parse, read_line

NAME = st.text("abcxyz_0", min_size=1, max_size=6)
NUMBER = st.one_of(
    st.floats(-1e6, 1e6).map(repr), st.sampled_from(["1", "-3i", "t", '"x y"', "nan", "1e999", "", "0x1", "+2.5", "1."])
)
FIELD = st.tuples(NAME, NUMBER).map("=".join)
LINE = st.tuples(
    NAME,
    st.lists(st.tuples(NAME, NAME).map("=".join), max_size=2),
    st.lists(FIELD, min_size=1, max_size=3),
    st.sampled_from([" 1700000000000000000", " 17", "", " x", "  5"]),
).map(lambda parts: ",".join([parts[0], *parts[1]]) + " " + ",".join(parts[2]) + parts[3])


def points(batch: Batch) -> list[tuple[tuple[bytes, bytes], int, float]]:
    rows = zip(batch.code.tolist(), batch.time.tolist(), batch.value.tolist(), strict=True)
    return sorted((batch.series[code], time, value) for code, time, value in rows)


@given(st.lists(LINE, max_size=8))
def test_both_parsers_read_the_same(rows: list[str]) -> None:
    body = "\n".join(rows).encode()
    with patch("crops.lines.SMALL_BODY", -1):  # so that the fast parser is tried on short bodies too
        either, exact = parse(body, unit_ns=1, now_ns=7), _exact(body, 1, 7)
    assert points(either) == points(exact)
    assert (either.refused, either.problems) == (exact.refused, exact.problems)


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        (b"climate", 7, "fields are missing"),
        (b"climate,site temp=1 5", 9, "tag must be"),
        (b"climate temp=warm 5", 14, "not a number"),
        (b"climate temp=nan 5", 14, "not a number"),
        (b"climate temp=1e999 5", 14, "too large"),
        (b"climate temp= 5", 9, "name=value"),
        (b"climate temp=1 soon", 16, "whole number"),
        (b"climate temp=1, 5", 15, "missing after"),
        (b'climate temp="x 5', 17, "does not end"),
    ],
)
def test_a_bad_line_is_refused_by_line_and_column(line: bytes, column: int, message: str) -> None:
    with pytest.raises(LineError) as refusal:
        read_line(line)
    assert refusal.value.column == column
    assert message in refusal.value.message


def test_good_lines_of_a_bad_batch_are_read() -> None:
    batch = parse(b"m a=1 1\nm a=\nm a=3 3\n", unit_ns=1_000, now_ns=0)
    assert batch.value.tolist() == [1.0, 3.0]
    assert batch.time.tolist() == [1_000, 3_000]
    assert [(problem.line, problem.column) for problem in batch.problems] == [(2, 3)]


def test_escapes_integers_truth_and_text() -> None:
    key, fields, written_time = read_line(rb'my\ place,bay=north\,west a=5i,b=t,c="a, b=1",d=-2.5 12')
    assert (key, fields, written_time) == (rb"my\ place,bay=north\,west", [(b"a", 5.0), (b"b", 1.0), (b"d", -2.5)], 12)


def test_values_are_stored_exactly() -> None:
    rng = np.random.default_rng(1)
    value = np.concatenate([np.round(rng.normal(20, 5, 500), 2), rng.normal(0, 1, 50), [0.0, -0.0, 1e300, 0.1 + 0.2]])
    code = np.zeros(len(value), np.int32)
    digits, scale = decimals(value, code, np.zeros(1, np.int8))
    assert (values_of(digits, scale) == value).all()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"m a=" + b"1" * 400_000 + b"x 1", "is not a number"),
        (b"m " + b"1" * 400_000 + b"x=1 1", "name has more than 512 bytes"),
        (b"m" * 400_000 + b" a=1 1", "more than 8,192 bytes"),
        (b"m\\ " * 200_000 + b" a=1 1", "more than 8,192 bytes"),
    ],
)
def test_names_and_numbers_have_bounds(line: bytes, message: str) -> None:
    began = time.monotonic()
    batch = parse(line, unit_ns=1, now_ns=0)
    assert time.monotonic() - began < 5
    assert (batch.refused, len(batch.code)) == (1, 0)
    assert message in batch.problems[0].message


def test_a_line_of_many_fields_is_read_in_linear_time() -> None:
    began = time.monotonic()
    batch = parse(b'm t="x",' + b",".join(b"f%d=1" % number for number in range(100_000)) + b" 1", unit_ns=1, now_ns=0)
    assert len(batch.code) == 100_000
    assert time.monotonic() - began < 5


def test_a_fields_name_of_digits_is_recognised_in_linear_time() -> None:
    began = time.monotonic()
    assert recognise("1" * 200_000 + "x") is None
    assert time.monotonic() - began < 1
    assert [getattr(recognise(name), "id", None) for name in ("temp_2", "Temp 12", "temp2", "co2", "temp_")] == [
        "air_temp",
        "air_temp",
        "air_temp",
        "co2",
        None,
    ]
