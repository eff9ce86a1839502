"""InfluxDB line protocol, by two parsers that agree.

The fast parser splits a body of plain lines into columns with pyarrow, and checks each distinct series once. A body that it
cannot be sure of (escapes, quotes, comments, integers, missing times, anything wrong) goes to the exact parser. That one reads
line by line, and names line and column of what it refuses. A test compares the two.
Source: InfluxDB 2 line protocol reference.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from crops.limits import LimitReached

NS = {"ns": 1, "n": 1, "us": 1_000, "u": 1_000, "µ": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
NS |= {"m": 60_000_000_000, "h": 3_600_000_000_000}
MOST_PROBLEMS, MOST_TEXTS = 100, 20
LONGEST_KEY, LONGEST_NAME, LONGEST_VALUE = 8_192, 512, 400  # bytes; a key is a measurement with its tags
LONGEST_TEXT = 64 << 10  # bytes of a line whose quoted text goes over several; InfluxDB's longest text
SMALL_BODY = 4096  # bytes; up to here the exact parser is the faster one
INTEGER = re.compile(rb"^-?\d{1,19}[iu]$")
QUOTES = re.compile(rb'\\.|"')  # what is escaped is no quote
NUMBER = re.compile(rb"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$")
BOOLEANS = {b"t", b"T", b"true", b"True", b"TRUE", b"f", b"F", b"false", b"False", b"FALSE"}


class LineError(Exception):
    """A line that cannot be read. column counts from 1."""

    def __init__(self, column: int, message: str) -> None:
        super().__init__(message)
        self.column, self.message = column, message


@dataclass(frozen=True, slots=True)
class Problem:
    """What was refused, and why. line and column count from 1."""

    line: int
    column: int
    message: str


@dataclass(slots=True)
class Batch:
    """Readings in columns: `code` indexes `series`; `time` in ns since 1970 UTC; `value` as float64. And what was refused.

    series: (measurement with tags as written, field name). refused: how many lines, of which MOST_PROBLEMS are in problems.
    line: of each reading, where its line begins, counted from 1; None where only `exact` would know.
    texts: names of fields whose values are texts, which are left out, MOST_TEXTS at most.
    limit_reached: the limit that new series of this batch exceeded; dropped_series, dropped_points: what was left out for it.
    """

    series: list[tuple[bytes, bytes]]
    code: npt.NDArray[np.int32]
    time: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    problems: list[Problem] = field(default_factory=list)
    refused: int = 0
    limit_reached: LimitReached | None = None
    dropped_series: int = 0
    dropped_points: int = 0
    line: npt.NDArray[np.int32] | None = None
    texts: set[bytes] = field(default_factory=set)


def parse(body: bytes, *, unit_ns: int, now_ns: int) -> Batch:
    """Every reading of a body. Bad lines are in the batch's problems; they raise nothing.

    unit_ns: ns of one unit of time in the body; now_ns: the time of lines that have none, in ns since 1970 UTC.
    """
    if len(body) > SMALL_BODY and not (b"\\" in body or b'"' in body or b"#" in body or b"\r" in body or b"\0" in body):
        try:
            batch = _fast(body, unit_ns)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            batch = None
        if batch is not None:
            return batch
    return exact(body, unit_ns, now_ns)


def _split(body: pa.Buffer, delimiter: str, types: dict[str, pa.DataType]) -> pa.Table:
    return csv.read_csv(
        pa.BufferReader(body),
        read_options=csv.ReadOptions(
            column_names=list(types), use_threads=False, block_size=max(1 << 20, body.size + 1)
        ),
        parse_options=csv.ParseOptions(
            delimiter=delimiter, quote_char=False, double_quote=False, ignore_empty_lines=True
        ),
        convert_options=csv.ConvertOptions(
            column_types=types, null_values=[], strings_can_be_null=False, check_utf8=False
        ),
    ).combine_chunks()


def _fast(body: bytes, unit_ns: int) -> Batch | None:
    """The batch of a body of plain lines; None, or pyarrow's error, where the exact parser must look."""
    text = pa.dictionary(pa.int32(), pa.binary())
    table = _split(pa.py_buffer(body), " ", {"key": text, "fields": pa.binary(), "time": pa.int64()})
    fields = _whole(table["fields"])
    counts = pc.count_substring(fields.cast(pa.string()), ",").to_numpy(zero_copy_only=False) + 1
    joined = pc.binary_join(pa.ListArray.from_arrays([0, len(fields)], fields.cast(pa.string())), "\n")
    pairs_text = pc.replace_substring(joined, ",", "\n") if counts.max(initial=1) > 1 else joined
    pairs = _split(pairs_text[0].as_buffer(), "=", {"name": text, "value": pa.float64()})
    if pairs.num_rows != int(counts.sum()):
        return None
    keys, names = _whole(table["key"]), _whole(pairs["name"])
    value = _whole(pairs["value"]).to_numpy()
    time = _whole(table["time"]).to_numpy()
    time_bound = (1 << 63) // unit_ns
    if not np.isfinite(value).all() or (np.abs(time) >= time_bound).any():
        return None
    known_keys, known_names = keys.dictionary.to_pylist(), names.dictionary.to_pylist()
    try:
        for key in known_keys:
            _check_key(key)
    except LineError:
        return None
    if b"" in known_names or max(map(len, known_names), default=0) > LONGEST_NAME:
        return None
    key_codes, time = keys.indices.to_numpy(), time * unit_ns
    if pairs.num_rows != table.num_rows:
        key_codes, time = np.repeat(key_codes, counts), np.repeat(time, counts)
    key_and_name = key_codes.astype(np.int64) * len(known_names) + names.indices.to_numpy()
    distinct, code = np.unique(key_and_name, return_inverse=True)
    series = [
        (known_keys[pair // len(known_names)], known_names[pair % len(known_names)]) for pair in distinct.tolist()
    ]
    return Batch(series, code.astype(np.int32), time, value)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined


def _check_key(key: bytes) -> None:
    """Raises LineError unless key is measurement[,tag=value…] without escapes."""
    if len(key) > LONGEST_KEY:
        raise LineError(1, f"measurement and tags have more than {LONGEST_KEY:,} bytes")
    column = 1
    for number, part in enumerate(key.split(b",")):
        name, equals, value = part.partition(b"=")
        if number == 0 and (not part or equals):
            raise LineError(column, "a measurement's name is missing, or holds a '='")
        if (number and not (name and value)) or b"=" in value:
            raise LineError(column, "a tag must be name=value, neither empty")
        column += len(part) + 1


def _statements(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Each line with its number, from 1. One whose quoted text goes on in the next lines is one with them."""
    raw = body.split(b"\n")
    starts = list(accumulate((len(line) + 1 for line in raw), initial=0))
    at = closing = 0  # closing: the first line after `at` in which a quoted text may end; it never goes back
    while at < len(raw):
        text, first = raw[at].rstrip(b"\r"), at
        at += 1
        if b'"' in text and not text.lstrip().startswith(b"#") and _is_open(text):
            closing = max(closing, at)
            while closing < len(raw) and QUOTES.findall(raw[closing]).count(b'"') % 2 == 0:
                closing += 1  # Of each line, only its own quotes are counted, and only once.
            if closing < len(raw) and starts[closing] - 1 - starts[first] < LONGEST_TEXT:
                text, at = b"\n".join(raw[first : closing + 1]).rstrip(b"\r"), closing + 1
        yield first + 1, text


def _is_open(text: bytes) -> bool:
    """Whether a quoted text of the fields does not end in this line."""
    try:
        _find_stop(text, b"", _find_stop(text, b" ", 0, len(text)), len(text), quotes=True)
    except LineError:
        return True
    return False


def exact(body: bytes, unit_ns: int, now_ns: int) -> Batch:
    """As `parse`, line by line: slower, and the batch knows the line of each reading."""
    codes: dict[tuple[bytes, bytes], int] = {}
    batch = Batch([], np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float64))
    code: list[int] = []
    time: list[int] = []
    value: list[float] = []
    numbers: list[int] = []
    for number, text in _statements(body):
        if not text.strip() or text.lstrip().startswith(b"#"):
            continue
        try:
            key, fields, written_time = read_line(text, batch.texts)
            time_ns = now_ns if written_time is None else written_time * unit_ns
            if abs(time_ns) >= 1 << 63:
                raise LineError(
                    len(text) - len(str(written_time)) + 1, "this time does not fit the precision of the request"
                )
        except LineError as error:
            batch.refused += 1
            if len(batch.problems) < MOST_PROBLEMS:
                batch.problems.append(Problem(number, error.column, error.message))
            continue
        for name, field_value in fields:
            code.append(codes.setdefault((key, name), len(codes)))
            time.append(time_ns)
            value.append(field_value)
            numbers.append(number)
    batch.series = list(codes)
    batch.code, batch.time = np.array(code, np.int32), np.array(time, np.int64)
    batch.value, batch.line = np.array(value, np.float64), np.array(numbers, np.int32)
    return batch


def _find_stop(text: bytes, stops: bytes, at: int, end: int, *, quotes: bool = False) -> int:
    """Position of the first unescaped stop character from `at` on; `end` if there is none before it.

    quotes: stop characters in quoted text do not count. Raises LineError when such a text does not end.
    """
    quoted = False
    while at < end:
        char = text[at]
        if char == 0x5C:
            at += 1
        elif quotes and char == 0x22:
            quoted = not quoted
        elif not quoted and char in stops:
            return at
        at += 1
    if quoted:
        raise LineError(end, "a quoted text does not end")
    return min(at, end)


def read_line(text: bytes, texts: set[bytes] | None = None) -> tuple[bytes, list[tuple[bytes, float]], int | None]:
    """(measurement with tags as written, [(field, number)], time or None). Raises LineError.

    Text fields are left out. texts: to which their names are added.
    """
    # Plain tuples: this runs once for each line that a device sends, and a named one costs more to create.
    if b"\0" in text:
        raise LineError(text.index(b"\0") + 1, "a NUL byte cannot be part of a line")
    key_end = _find_stop(text, b" ", 0, len(text))
    key = text[:key_end]
    if b"\\" not in key:
        _check_key(key)
    elif len(key) > LONGEST_KEY:
        raise LineError(1, f"measurement and tags have more than {LONGEST_KEY:,} bytes")
    elif key.startswith(b","):
        raise LineError(1, "a measurement's name is missing")
    fields_end = _find_stop(text, b" ", key_end + 1, len(text), quotes=True)
    if key_end + 1 >= len(text) or fields_end == key_end + 1:
        raise LineError(
            min(key_end + 1, len(text)), "the fields are missing: write measurement,tag=value field=1.5 time"
        )
    fields = _read_fields(text, key_end + 1, fields_end, texts)
    time_text = text[fields_end + 1 :].strip()
    if not time_text:
        return key, fields, None
    if not re.fullmatch(rb"-?\d{1,19}", time_text):
        raise LineError(fields_end + 2, "the time must be a whole number")
    return key, fields, int(time_text)


def _read_fields(text: bytes, at: int, end: int, texts: set[bytes] | None) -> list[tuple[bytes, float]]:
    fields = []
    while at < end:
        stop = _find_stop(text, b",", at, end, quotes=True)
        equals = _find_stop(text, b"=", at, stop)
        name, raw = text[at:equals], text[equals + 1 : stop]
        if not name or not raw:
            raise LineError(at + 1, "a field must be name=value, neither empty")
        if len(name) > LONGEST_NAME:
            raise LineError(at + 1, f"a field's name has more than {LONGEST_NAME} bytes")
        number = _read_value(raw, equals + 2)
        if number is not None:
            fields.append((name, number))
        elif texts is not None and len(texts) < MOST_TEXTS:
            texts.add(name)
        at = stop + 1
        if at == end:
            raise LineError(end, "a field is missing after the last comma")
    return fields


def _read_value(raw: bytes, column: int) -> float | None:
    if raw.startswith(b'"') and raw.endswith(b'"') and len(raw) > 1:
        return None  # Text is no reading. InfluxDB would store it; README.md says that this service does not.
    if raw in BOOLEANS:
        return float(raw[:1] in b"tT")
    if INTEGER.match(raw):
        return float(int(raw[:-1]))
    if len(raw) > LONGEST_VALUE or not NUMBER.match(raw):
        raise LineError(
            column, f"{raw[:40].decode(errors='replace')!r} is not a number, a truth value or a quoted text"
        )
    number = float(raw)
    if not np.isfinite(number):
        raise LineError(column, "this number is too large")
    return number
