"""InfluxDB line protocol, in two gears that agree.

Fast: a body of plain lines is split into columns by pyarrow, and each distinct series is looked at once. Whatever the fast
gear is not sure of (escapes, quotes, comments, integers, missing times, anything wrong) goes to the exact gear, which
reads line by line and names line and column of what it refuses. A test holds the two against each other.
Source: InfluxDB 2 line protocol reference.
"""

import re
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from crops.limits import Reached

NS = {"ns": 1, "n": 1, "us": 1_000, "u": 1_000, "µ": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
NS |= {"m": 60_000_000_000, "h": 3_600_000_000_000}
MOST_PROBLEMS = 100
LONGEST_KEY, LONGEST_NAME, LONGEST_VALUE = 8_192, 512, 400  # bytes
SMALL = 4096  # bytes up to which the exact gear is the faster one
INTEGER = re.compile(rb"^-?\d{1,19}[iu]$")
NUMBER = re.compile(rb"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$")
BOOLEANS = {b"t", b"T", b"true", b"True", b"TRUE", b"f", b"F", b"false", b"False", b"FALSE"}


class LineError(Exception):
    """A line that cannot be read; column counts from 1."""

    def __init__(self, column: int, message: str) -> None:
        super().__init__(message)
        self.column, self.message = column, message


@dataclass(frozen=True, slots=True)
class Problem:
    """What was refused, where, why. line and column count from 1."""

    line: int
    column: int
    message: str


@dataclass(slots=True)
class Batch:
    """Points in columns: `code` indexes `series`; `time` in ns since 1970 UTC; `value` as float64. And what was refused."""

    series: list[tuple[bytes, bytes]]
    code: npt.NDArray[np.int32]
    time: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    problems: list[Problem] = field(default_factory=list)
    refused: int = 0
    beyond: Reached | None = None  # the limit that new series of this batch met, how many they and their points were
    left_out_series: int = 0
    left_out: int = 0


def parse(body: bytes, *, unit_ns: int, now_ns: int) -> Batch:
    """Every point of a body. series: (measurement with tags as written, field name). Never raises for bad lines."""
    if len(body) > SMALL and not (b"\\" in body or b'"' in body or b"#" in body or b"\r" in body or b"\0" in body):
        try:
            fast = _fast(body, unit_ns)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            fast = None
        if fast is not None:
            return fast
    return _exact(body, unit_ns, now_ns)


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
    limit = (1 << 63) // unit_ns
    if not np.isfinite(value).all() or (np.abs(time) >= limit).any():
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
    both = key_codes.astype(np.int64) * len(known_names) + names.indices.to_numpy()
    distinct, code = np.unique(both, return_inverse=True)
    series = [
        (known_keys[pair // len(known_names)], known_names[pair % len(known_names)]) for pair in distinct.tolist()
    ]
    return Batch(series, code.astype(np.int32), time, value)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    joined = column.combine_chunks()
    return joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined


def _check_key(key: bytes) -> None:
    """Raises LineError unless key is measurement[,tag=value…] without escapes."""
    if len(key) > LONGEST_KEY:
        raise LineError(1, f"measurement and tags have more than {LONGEST_KEY:,} bytes")
    at = 1
    for number, part in enumerate(key.split(b",")):
        name, equals, value = part.partition(b"=")
        if number == 0 and (not part or equals):
            raise LineError(at, "a measurement's name is missing, or holds a '='")
        if (number and not (name and value)) or b"=" in value:
            raise LineError(at, "a tag must be name=value, neither empty")
        at += len(part) + 1


def _exact(body: bytes, unit_ns: int, now_ns: int) -> Batch:
    codes: dict[tuple[bytes, bytes], int] = {}
    batch = Batch([], np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float64))
    code: list[int] = []
    time: list[int] = []
    value: list[float] = []
    for number, line in enumerate(body.split(b"\n"), 1):
        text = line.rstrip(b"\r")
        if not text.strip() or text.lstrip().startswith(b"#"):
            continue
        try:
            key, found, moment = read_line(text)
            moment_ns = now_ns if moment is None else moment * unit_ns
            if abs(moment_ns) >= 1 << 63:
                raise LineError(len(text) - len(str(moment)) + 1, "this time does not fit the precision of the request")
        except LineError as error:
            batch.refused += 1
            if len(batch.problems) < MOST_PROBLEMS:
                batch.problems.append(Problem(number, error.column, error.message))
            continue
        for name, number_read in found:
            code.append(codes.setdefault((key, name), len(codes)))
            time.append(moment_ns)
            value.append(number_read)
    batch.series = list(codes)
    batch.code, batch.time = np.array(code, np.int32), np.array(time, np.int64)
    batch.value = np.array(value, np.float64)
    return batch


def _cut(text: bytes, stops: bytes, at: int, end: int, *, quotes: bool = False) -> int:
    """Where the first unescaped stop character from `at` on is; `end` if there is none before it."""
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


def read_line(text: bytes) -> tuple[bytes, list[tuple[bytes, float]], int | None]:
    """(measurement with tags as written, [(field, number)], time or None). Text fields are left out. Raises LineError."""
    if b"\0" in text:
        raise LineError(text.index(b"\0") + 1, "a NUL byte cannot be part of a line")
    end = _cut(text, b" ", 0, len(text))
    key = text[:end]
    if b"\\" not in key:
        _check_key(key)
    elif len(key) > LONGEST_KEY:
        raise LineError(1, f"measurement and tags have more than {LONGEST_KEY:,} bytes")
    elif key.startswith(b","):
        raise LineError(1, "a measurement's name is missing")
    rest = _cut(text, b" ", end + 1, len(text), quotes=True)
    if end + 1 >= len(text) or rest == end + 1:
        raise LineError(min(end + 1, len(text)), "the fields are missing: write measurement,tag=value field=1.5 time")
    found = _read_fields(text, end + 1, rest)
    tail = text[rest + 1 :].strip()
    if not tail:
        return key, found, None
    if not re.fullmatch(rb"-?\d{1,19}", tail):
        raise LineError(rest + 2, "the time must be a whole number")
    return key, found, int(tail)


def _read_fields(text: bytes, at: int, end: int) -> list[tuple[bytes, float]]:
    found = []
    while at < end:
        stop = _cut(text, b",", at, end, quotes=True)
        equals = _cut(text, b"=", at, stop)
        name, raw = text[at:equals], text[equals + 1 : stop]
        if not name or not raw:
            raise LineError(at + 1, "a field must be name=value, neither empty")
        if len(name) > LONGEST_NAME:
            raise LineError(at + 1, f"a field's name has more than {LONGEST_NAME} bytes")
        number = _read_value(raw, equals + 2)
        if number is not None:
            found.append((name, number))
        at = stop + 1
        if at == end:
            raise LineError(end, "a field is missing after the last comma")
    return found


def _read_value(raw: bytes, column: int) -> float | None:
    if raw.startswith(b'"') and raw.endswith(b'"') and len(raw) > 1:
        return None  # Text is no reading; InfluxDB would keep it, we say so in the documentation and leave it out.
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
