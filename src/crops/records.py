"""Records of the write-ahead log: a batch of readings, with the series that the store may not know yet.

Record: 4-byte length, JSON list of new series (Series.as_json); 4-byte count of readings; then, one after the other, the columns
series number (uint32), time (int64 ns), digits (int64) and scale (int8). All lengths are big endian, all columns little endian.
"""

import json
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

COLUMN_TYPES = (np.uint32, np.int64, np.int64, np.int8)


class Columns(NamedTuple):
    """Readings in columns: series number, time in ns since 1970 UTC, and the value as digits and scale (see decimals)."""

    series: npt.NDArray[np.uint32]
    time: npt.NDArray[np.int64]
    digits: npt.NDArray[np.int64]
    scale: npt.NDArray[np.int8]


def encode(new_series: list[dict[str, Any]], columns: Columns) -> bytes:
    """The record of these readings. new_series: as Series.as_json gives them."""
    head = json.dumps(new_series).encode()
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


def new_series_of(record: bytes) -> list[dict[str, Any]]:
    """The new series that a record names."""
    rows: list[dict[str, Any]] = json.loads(record[4 : 4 + int.from_bytes(record[:4], "big")])
    return rows


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
