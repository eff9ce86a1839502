"""What changes replaced, as the store keeps it: one row for each reading that a change wrote, with what stood there before."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from crop_contract.columns import CHANGED, CHANGES, READINGS
from crops import schema, versions
from crops.questions import TooManyError
from crops.records import Columns
from crops.tables import Tables
from crops.versions import Former, Stored

READ_ROWS = 2_000_000  # rows that are read at once
PIECE_ROWS = 500_000  # of what is only counted and shown
MOST_NUMBERS = 1_000  # of changes, in one statement
BEFORE = "bitShiftLeft(high_before, 8) + low_before AS digits_before, scale_before"


class FormerReadings:
    """The rows of one store."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def pieces(self, columns: Columns) -> "Iterator[tuple[Columns, Stored]]":
        """Readings sorted by series in pieces of whole series, each with what stands at their times.

        So what is read at once is bounded; and of series of which the store holds nothing in that time, nothing is read.
        """
        if not len(columns.series):
            return
        starts = np.flatnonzero(np.concatenate([[True], columns.series[1:] != columns.series[:-1]]))
        ends = np.append(starts[1:], len(columns.series))
        numbers = columns.series[starts].tolist()
        counts = self._counts_in(numbers, int(columns.time.min()), int(columns.time.max()))
        first, rows, are_stored = 0, 0, False
        for position, number in enumerate(numbers):
            size = counts.get(number, 0) + int(ends[position] - starts[position])
            if rows and rows + size > READ_ROWS:
                yield self._with_present(columns.picked(slice(starts[first], starts[position])), are_stored=are_stored)
                first, rows, are_stored = position, 0, False
            rows, are_stored = rows + size, are_stored or number in counts
        yield self._with_present(columns.picked(slice(starts[first], None)), are_stored=are_stored)

    def _with_present(self, piece: Columns, *, are_stored: bool) -> "tuple[Columns, Stored]":
        return piece, self.present(piece) if are_stored else versions.nothing(len(piece.series))

    def _counts_in(self, numbers: list[int], first_ns: int, last_ns: int) -> dict[int, int]:
        sql = (
            f"SELECT series, count() AS n FROM crop.{READINGS} WHERE series IN ({schema.SERIES_NUMBERS}) "
            f"AND {_between(first_ns, last_ns)} GROUP BY series"
        )
        return {int(row["series"]): int(row["n"]) for row in self._tables.rows(sql, numbers)}

    def present(self, keys: "Columns | Former") -> Stored:
        """What stands at the times of these readings. keys: sorted by series and time."""
        return self._present(keys.series, keys.time)

    def _present(self, series: "np.ndarray[Any, Any]", time: "np.ndarray[Any, Any]") -> Stored:
        """As present. Few times that lie far apart are asked for in halves: what lies between them would be read with them."""
        if not len(series):
            return versions.nothing(0)
        numbers, first_ns, last_ns = np.unique(series).tolist(), int(time.min()), int(time.max())
        stored_rows = sum(self._counts_in(numbers, first_ns, last_ns).values())
        if not stored_rows:
            return versions.nothing(len(series))
        if len(series) > 1 and stored_rows > 2 * READ_ROWS:
            half = len(series) // 2
            first, second = self._present(series[:half], time[:half]), self._present(series[half:], time[half:])
            return Stored(np.concatenate([first.digits, second.digits]), np.concatenate([first.scale, second.scale]))
        return self._read_present(series, time, numbers)

    def _read_present(
        self, series_of: "np.ndarray[Any, Any]", time: "np.ndarray[Any, Any]", numbers: list[int]
    ) -> Stored:
        present = versions.nothing(len(series_of))
        table = self._tables.table(
            f"SELECT series, toUnixTimestamp64Nano(time) AS at, {schema.DIGITS} AS digits, scale FROM crop.{READINGS} FINAL "
            f"WHERE series IN ({schema.SERIES_NUMBERS}) AND {_between(int(time.min()), int(time.max()))} "
            "ORDER BY series, time",
            numbers,
        )
        if not table.num_rows:
            return present
        series, at, digits, scale = (table.column(name).to_numpy() for name in ("series", "at", "digits", "scale"))
        for number in numbers:
            a, b = np.searchsorted(series_of, [number, number + 1])
            c, d = np.searchsorted(series, [number, number + 1])
            if d > c:
                places = np.searchsorted(at[c:d], time[a:b])
                here = np.flatnonzero(np.append(at[c:d], np.iinfo(np.int64).min)[places] == time[a:b])
                there = c + places[here]
                present.digits[a + here], present.scale[a + here] = digits[there], scale[there]
        return present

    def stored(self, numbers: list[int], span_ns: tuple[int, int], concerned: str, most: int) -> Columns:
        """What stands of series from the begin of a span to before its end, in SQL's words `concerned`. Raises TooManyError."""
        readings = self._stored(numbers, span_ns, concerned, most + 1)
        if len(readings.series) > most:
            raise TooManyError
        return readings

    def stored_pieces(
        self, numbers: list[int], span_ns: tuple[int, int], concerned: str, most: int
    ) -> tuple[int, Iterator[Columns]]:
        """The same in pieces of at most PIECE_ROWS, and how many readings that is. Raises TooManyError before the first."""
        rows = self._tables.rows(
            f"SELECT series, count() AS n FROM crop.{READINGS} FINAL WHERE series IN ({schema.SERIES_NUMBERS}) "
            f"AND {_between(span_ns[0], span_ns[1] - 1)} AND {concerned} GROUP BY series",
            numbers,
        )
        counts = {int(row["series"]): int(row["n"]) for row in rows}
        whole = sum(counts.values())
        if whole > most:
            raise TooManyError
        return whole, self._pieces_of(counts, span_ns, concerned)

    def _pieces_of(self, counts: dict[int, int], span_ns: tuple[int, int], concerned: str) -> Iterator[Columns]:
        waiting = sorted(counts)
        while waiting:
            group = first_series(waiting, counts, PIECE_ROWS)
            waiting = waiting[len(group) :]
            first_ns = span_ns[0]
            while True:  # Of one series alone there may be more than a piece.
                piece = self._stored(group, (first_ns, span_ns[1]), concerned, PIECE_ROWS)
                yield piece
                if len(piece.time) < PIECE_ROWS or len(group) > 1:
                    break
                first_ns = int(piece.time[-1]) + 1

    def _stored(self, numbers: list[int], span_ns: tuple[int, int], concerned: str, most: int) -> Columns:
        table = self._tables.table(
            f"SELECT series, toUnixTimestamp64Nano(time) AS at, {schema.DIGITS} AS digits, scale FROM crop.{READINGS} FINAL "
            f"WHERE series IN ({schema.SERIES_NUMBERS}) AND {_between(span_ns[0], span_ns[1] - 1)} "
            f"AND {concerned} ORDER BY series, time LIMIT {most}",
            numbers,
        )
        if not table.num_rows:
            none = versions.nothing(0)
            return Columns(np.zeros(0, np.uint32), np.zeros(0, np.int64), none.digits, none.scale)
        return Columns(*(table.column(name).to_numpy() for name in ("series", "at", "digits", "scale")))

    def put(self, number: int, piece: Columns, before: Stored) -> None:
        """Store what a change puts in the place of what."""
        rows = pa.table(
            {
                "series": piece.series,
                "time": piece.time,
                "digits": piece.digits,
                "scale": piece.scale,
                "digits_before": before.digits,
                "scale_before": before.scale,
            }
        )
        split_before = schema.SPLIT_DIGITS.replace("digits", "digits_before")
        self._tables.put(
            CHANGED,
            rows,
            "series, change, time, high, low, scale, high_before, low_before, scale_before",
            f"series, toUInt64({number}), fromUnixTimestamp64Nano(time), {schema.SPLIT_DIGITS}, scale, "
            f"{split_before}, scale_before",
        )

    def series_of(self, numbers: list[int]) -> dict[int, int]:
        """The series that some changes wrote to, with how many readings of each they keep."""
        counts: dict[int, int] = {}
        for first in range(0, len(numbers), MOST_NUMBERS):
            listed = ",".join(str(int(number)) for number in numbers[first : first + MOST_NUMBERS])
            sql = f"SELECT series, count() AS n FROM crop.{CHANGED} FINAL WHERE change IN ({listed}) GROUP BY series"
            for row in self._tables.rows(sql):
                counts[int(row["series"])] = counts.get(int(row["series"]), 0) + int(row["n"])
        return counts

    def counts_of_all(self, series: list[int]) -> dict[int, int]:
        """How many readings are kept of each series, for all changes together: what a step reads."""
        sql = (
            f"SELECT series, count() AS n FROM crop.{CHANGED} WHERE series IN ({schema.SERIES_NUMBERS}) GROUP BY series"
        )
        return {int(row["series"]): int(row["n"]) for row in self._tables.rows(sql, series)}

    def end_of_piece(self, number: int, from_ns: int | None, rows: int) -> int | None:
        """Before which time some `rows` rows lie that are kept of a series, from from_ns on; None: no more than these do."""
        sql = (
            f"SELECT toUnixTimestamp64Nano(time) AS at FROM crop.{CHANGED} WHERE series = {int(number)} "
            f"AND {_between(from_ns, None)} ORDER BY time LIMIT 1 OFFSET {int(rows)}"
        )
        return next((int(row["at"]) + 1 for row in self._tables.rows(sql)), None)

    def read(self, group: list[int], numbers: list[int], from_ns: int | None, end_ns: int | None) -> Former:
        """What is kept at the times of some changes at some series: of these changes, and of all others at the same times.

        from_ns, end_ns: from which time on, and before which; None: without a bound.
        """
        listed = ",".join(str(int(number)) for number in numbers)
        of_them = f"series IN ({schema.SERIES_NUMBERS}) AND "
        of_them += _between(from_ns, None if end_ns is None else end_ns - 1)
        table = self._tables.table(
            f"SELECT series, change, toUnixTimestamp64Nano(time) AS at, {schema.DIGITS} AS digits, scale, {BEFORE} "
            f"FROM crop.{CHANGED} FINAL WHERE {of_them} AND (series, time) IN "
            f"(SELECT series, time FROM crop.{CHANGED} WHERE {of_them} AND change IN ({listed})) "
            "ORDER BY series, time, change",
            group,
        )
        names = ("series", "at", "change", "digits_before", "scale_before", "digits", "scale")
        if not table.num_rows:
            series, at, change = np.zeros(0, np.uint32), np.zeros(0, np.int64), np.zeros(0, np.uint64)
            return Former(series, at, change, versions.nothing(0), versions.nothing(0))
        series, at, change, *rest = (table.column(name).to_numpy() for name in names)
        return Former(series, at, change, Stored(rest[0], rest[1]), Stored(rest[2], rest[3]))

    def delete(self, numbers: list[int]) -> None:
        """Delete all that is kept of changes, and their rows."""
        for first in range(0, len(numbers), MOST_NUMBERS):
            listed = ",".join(str(int(number)) for number in numbers[first : first + MOST_NUMBERS])
            self._tables.delete(f"DELETE FROM crop.{CHANGED} WHERE change IN ({listed})")
            self._tables.delete(f"DELETE FROM crop.{CHANGES} WHERE number IN ({listed})")


def first_series(numbers: list[int], rows: dict[int, int], most: int) -> list[int]:
    """The first series of a list, at least one, with at most `most` rows."""
    group: list[int] = []
    size = 0
    for number in numbers:
        size += rows[number]
        if group and size > most:
            break
        group.append(number)
    return group


def _between(first_ns: int | None, last_ns: int | None) -> str:
    bounds = [] if first_ns is None else [f"time >= fromUnixTimestamp64Nano(toInt64({int(first_ns)}))"]
    bounds += [] if last_ns is None else [f"time <= fromUnixTimestamp64Nano(toInt64({int(last_ns)}))"]
    return " AND ".join(bounds) or "1"
