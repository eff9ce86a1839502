"""Line protocol: what is read, what is refused and where, and that the fast parser agrees with the exact one."""

import time
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crop_contract.variables import recognise
from crops import bodies
from crops.decimals import decimals
from crops.decimals import values as values_of
from crops.lines import Batch, LineError, exact, parse, read_line

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
        either, by_line = parse(body, unit_ns=1, now_ns=7), exact(body, 1, 7)
    assert points(either) == points(by_line)
    assert (either.refused, either.problems) == (by_line.refused, by_line.problems)


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
    began = time.process_time()
    batch = parse(line, unit_ns=1, now_ns=0)
    assert time.process_time() - began < 5
    assert (batch.refused, len(batch.code)) == (1, 0)
    assert message in batch.problems[0].message


def test_a_line_of_many_fields_is_read_in_linear_time() -> None:
    began = time.process_time()
    batch = parse(b'm t="x",' + b",".join(b"f%d=1" % number for number in range(100_000)) + b" 1", unit_ns=1, now_ns=0)
    assert len(batch.code) == 100_000
    assert time.process_time() - began < 5


def test_a_fields_name_of_digits_is_recognised_in_linear_time() -> None:
    began = time.process_time()
    assert recognise("1" * 200_000 + "x") is None
    assert time.process_time() - began < 1
    assert [getattr(recognise(name), "id", None) for name in ("temp_2", "Temp 12", "temp2", "co2", "temp_")] == [
        "air_temp",
        "air_temp",
        "air_temp",
        "co2",
        None,
    ]


AT_NS = 1_760_000_000 * 10**9


def parsed(body: bytes) -> Batch:
    """A body whose times are in s, as a device's is read at AT_NS."""
    with patch("crops.bodies.time.time_ns", return_value=AT_NS):
        return bodies.parsed(body, 10**9)


def test_bad_lines_are_named_by_line_where_comments_and_several_fields_are() -> None:
    body = b"# a comment\nm a=1,b=2,c=3 1760000000\n\nm a=1,b=2 99\n# another\nm a=x\nm a=4 4000000000\n"
    for text in (
        body,
        body + b"m a=1 1760000000\n" * 400,
        body.replace(b"# a comment", b"").replace(b"# another", b""),
    ):
        batch = parsed(text)
        assert [(problem.line, problem.message.split(";")[0]) for problem in batch.problems] == [
            (4, "a time is more than 20 years old"),
            (6, "'x' is not a number, a truth value or a quoted text"),
            (7, "a time lies more than a day in the future"),
        ]
        assert batch.refused == 3


def test_a_large_plain_body_names_the_line_of_a_bad_time() -> None:
    body = b"m a=1,b=2 1760000000\n\n" * 400 + b"m a=1,b=2 5\n"
    batch = parsed(body)
    assert (batch.refused, [problem.line for problem in batch.problems], len(batch.code)) == (1, [801], 800)


def test_a_quoted_text_may_hold_a_line_break() -> None:
    body = b'm note="two\nlines, a=5 \\" and",a=1 1\nm a=2 2\nm note="never\nm a=3 3\n'
    batch = parse(body, unit_ns=1, now_ns=0)
    assert batch.value.tolist() == [1, 2, 3]
    assert [(problem.line, problem.message) for problem in batch.problems] == [(4, "a quoted text does not end")]


def test_quoted_texts_without_end_cost_no_more_than_their_length() -> None:
    body = (b'm a="\n' + b'm a=\\"\n' * 9_000) * 20
    started_s = time.process_time()
    parse(body, unit_ns=1, now_ns=0)
    assert time.process_time() - started_s < 20


def test_lines_that_each_leave_a_quote_open_cost_no_more_than_their_length() -> None:
    # The key's quote opens nothing, the field's does; so no line ends the text of another one.
    body = b'a" b="\n' * 40_000
    started_s = time.process_time()
    batch = parse(body, unit_ns=1, now_ns=0)
    assert time.process_time() - started_s < 10
    assert batch.refused == 40_000
