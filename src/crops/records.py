"""Records of the write-ahead log: a batch of readings, with the series that the store may not know yet.

Record: 4-byte length, JSON list of new series (Series.as_json), and of a change its row ({"change": …}); 4-byte count of
readings; then, one after the other, the columns
series number (uint32), time (int64 ns), digits (int64) and scale (int8). All lengths are big endian, all columns little endian.
"""

import json
from concurrent.futures import Future
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Rows = slice | npt.NDArray[np.bool_] | npt.NDArray[np.intp]
COLUMN_TYPES = (np.uint32, np.int64, np.int64, np.int8)


class Columns(NamedTuple):
    """Readings in columns: series number, time in ns since 1970 UTC, and the value as digits and scale (see decimals)."""

    series: npt.NDArray[np.uint32]
    time: npt.NDArray[np.int64]
    digits: npt.NDArray[np.int64]
    scale: npt.NDArray[np.int8]

    def picked(self, rows: Rows) -> "Columns":
        """Some of the readings."""
        return Columns(self.series[rows], self.time[rows], self.digits[rows], self.scale[rows])


class QueuedRecord(NamedTuple):
    """A record on its way to chDB: how many readings it holds, its bytes, and the future that the log completes."""

    points: int
    record: bytes
    logged: "Future[int]"


FLUSH = QueuedRecord(0, b"", Future())  # put into the queue by a reader: insert at once what is queued


def encode(new_series: list[dict[str, Any]], columns: Columns, change: dict[str, Any] | None = None) -> bytes:
    """The record of these readings. new_series: as Series.as_json gives them. change: the row of the change that they are of."""
    head = json.dumps([*new_series, *([{"change": change}] if change else [])]).encode()
    return b"".join(
        (
            len(head).to_bytes(4, "big"),
            head,
            len(columns.series).to_bytes(4, "big"),
            columns.series.tobytes(),
            columns.time.tobytes(),
            columns.digits.tobytes(),
            columns.scale.tobytes(),
        )
    )


def _head_of(record: bytes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(record[4 : 4 + int.from_bytes(record[:4], "big")])
    return rows


def new_series_of(record: bytes) -> list[dict[str, Any]]:
    """The new series that a record names."""
    return [row for row in _head_of(record) if "change" not in row]


class Heads(NamedTuple):
    """What the heads of some records hold: new series, and rows of changes."""

    new_series: list[dict[str, Any]]
    changes: list[dict[str, Any]]


def heads_of(records: list[bytes]) -> Heads:
    """What the heads of some records hold; of most, nothing."""
    rows = [row for record in records for row in _head_of(record)]
    return Heads([row for row in rows if "change" not in row], [row["change"] for row in rows if "change" in row])


def count_of(record: bytes) -> int:
    """How many readings a record holds."""
    at = 4 + int.from_bytes(record[:4], "big")
    return int.from_bytes(record[at : at + 4], "big")


def columns_of(records: list[bytes]) -> Columns:
    """The readings of some records, in their order."""
    pieces: list[list[Any]] = [[] for _ in COLUMN_TYPES]
    for record in records:
        at, count = 8 + int.from_bytes(record[:4], "big"), count_of(record)
        for column, type_ in zip(pieces, COLUMN_TYPES, strict=True):
            column.append(np.frombuffer(record, type_, count, at))
            at += count * np.dtype(type_).itemsize
    return Columns(*(np.concatenate(column) for column in pieces))
