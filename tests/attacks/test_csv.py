"""Text files of loggers that mean harm: cells, lines, quotes, bytes, numbers. Each is refused clearly, or an import issue."""

import math

import pytest

from tests.attacks.files import proposed, refusal, table, taken
from tests.attacks.test_spreadsheets import quickly_refused

pytestmark = pytest.mark.usefixtures("home")


def test_a_cell_over_the_bound_names_its_line() -> None:
    text = refusal(table("2024-06-01 00:00," + "1" * 131_073))
    assert "Line 12 " in text
    assert "at most 131,072 characters" in text
    assert "Export the file as CSV again" in text
    reading = taken(table("2024-06-01 00:00," + "1" * 131_000))
    assert [(issue.row, issue.kept) for issue in reading.issues] == [(12, False)]


def test_a_line_of_fifty_megabytes_is_refused_by_its_number() -> None:
    assert "Line 12 of this file is longer than 8 MB" in quickly_refused(table("x" * (50 << 20)))
    assert "Line 1 of this file is longer than 8 MB" in quickly_refused(b"1," * (25 << 20))
    assert "No column looks like a time" in quickly_refused(b"1,2\r" * (12 << 20))


@pytest.mark.parametrize("rows", [1, 5, 400, 4000])
def test_a_quotation_mark_that_is_not_closed_takes_no_rows_along(rows: int) -> None:
    lost = [f"2024-06-01 00:{minute % 60:02d},1" for minute in range(rows)]
    text = refusal(table('"2024-06-01 00:00,1', *lost))
    assert "A quotation mark opens in line 12" in text
    assert "is not closed" in text


def test_quotation_marks_that_are_closed_or_plain_text_are_read() -> None:
    head = b'"time","temp\n(inside)"\n' + b"".join(b'"2024-05-31 %d:00","2%d"\n' % (n, n % 10) for n in range(10, 20))
    assert len(next(iter(taken(head).points.values()))) == 10
    assert taken(table('2024-06-01 00:00,2"')).rows == 11
    assert taken(table('2024-06-01 00:00,"2"')).rows == 11
    assert taken(table('2024-06-01 00:00,"2"')[:-1]).rows == 11
    assert taken(table('2024-06-01 00:00,"a""b"', '2024-06-01 00:05,"a\nb"')).rows == 12


@pytest.mark.parametrize(
    "cell",
    [
        "1e400",
        "-1e400",
        "1e9999999999",
        "nan",
        "inf",
        "-Infinity",
        "0x10",
        "1_000",
        "\u0663",
        "1" * 64,
        "9" * 400,
    ],
)
def test_a_number_without_bounds_is_an_issue_and_no_reading(cell: str) -> None:
    reading = taken(table(f"2024-06-01 00:00,{cell}"))
    values = [value for _, value in reading.points["temp"]]
    assert all(map(math.isfinite, values))
    assert len(values) == 10 + (cell == "1" * 64)
    if cell not in ("nan", "1" * 64):
        assert [issue.row for issue in reading.issues] == [12]


@pytest.mark.parametrize(
    "cell",
    [
        b"\xed\xa0\x80",
        b"\xff\xfe",
        b"\xc0\xaf",
        b"\xf5\x80\x80\x80",
        b"\x80",
        b"\x81\x8d\x8f",
        b"\xef\xbf\xbf",
        "\u202e\u2028".encode(),
    ],
)
def test_bytes_that_are_no_text_are_an_issue(cell: bytes) -> None:
    reading = taken(table("2024-06-01 00:00,@").replace(b"@", cell))
    assert len(reading.points["temp"]) == 10
    assert [(issue.row, issue.kept) for issue in reading.issues] == [(12, False)]
    reading.issues[0].text.encode()
    assert proposed(table("x").replace(b"temp", b"temp" + cell)).layout.columns[0].name.encode()


@pytest.mark.parametrize(
    "body",
    [
        table("a\0b,1"),
        b"\0" * 1000,
        b"\xff\xfe\x00\xd8" * 100,
        table("x").decode().encode("utf-32"),
        b"\xef\xbb\xbf",
        b"\n" * 1_000_000,
        b",\n" * 1_000_000,
        b'"' * 1_000_000,
        b'""\n' * 300_000,
        b"\r" * 100_000,
        b";" * 5000 + b"\n" + b";" * 5000,
        b"\x1f\x8b" + b"x" * 1000,
        b"%PDF-1.7\n" + bytes(range(256)) * 10,
        b"<!DOCTYPE x><table><tr><td>2024-05-31 10:00</td></tr></table>",
        b"{" * 100_000,
        b"[" * 1_000_000,
    ],
    ids=range(16),
)
def test_what_is_no_table_is_refused_with_a_reason(body: bytes) -> None:
    assert len(quickly_refused(body)) > 20


@pytest.mark.parametrize(
    "body",
    [
        table("x").decode().encode("utf-16-be"),
        table("x").decode().encode("utf-16-le"),
        b"\xff\xfe" + table("x").decode().encode("utf-16-le")[:-1],
    ],
    ids=range(3),
)
def test_utf_16_without_a_mark_and_one_that_is_cut_off_are_read(body: bytes) -> None:
    reading = taken(body)
    assert len(reading.points["temp"]) == 10
    assert reading.issues, "the row without a value is told"


def test_formulas_stay_text() -> None:
    reading = taken(table("2024-06-01 00:00,\"=cmd|'/c calc'!A1\""))
    assert [(issue.row, issue.kept) for issue in reading.issues] == [(12, False)]


def test_a_wide_row_is_refused_by_its_number() -> None:
    wide = "2024-06-01 00:00" + ",1" * 2_001
    assert "Row 12 has 2,002 cells" in quickly_refused(table(wide))
