"""Answers about readings: newest values, buckets for charts, single readings.

Small questions are answered from memory, large ones by SQL.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from crop_contract.columns import READINGS
from crops import schema
from crops.cache import (
    BLOCK_S,
    EMPTY,
    MOST_IMPLAUSIBLE,
    BlockCache,
    LatestCache,
    Reading,
    Segment,
    buckets,
    implausible,
    within,
)

MOST_ROWS = 2_000_000  # read into memory for one question; larger questions are answered by the engine
MOST_SERIES, MOST_BLOCKS = 12, 600
IN_SERIES = f"series IN ({schema.SERIES_NUMBERS})"  # Readable.rows and Readable.table put the numbers there.
SHOWN = f"{IN_SERIES} AND {schema.IS_SHOWN}"  # without readings that were taken away or are marked as wrong
MOST_LISTED = 5000  # series that one statement asks about
TRIES = 3
LOOKED_BACK_DAYS = (2, 100, 0)  # tried one after the other; 0: without a bound


class Bounds(NamedTuple):
    """The plausible range of a series' values: from least to most, both included, in the unit of the series."""

    least: float
    most: float


EVERYTHING = Bounds(float("-inf"), float("inf"))


class Readable(Protocol):
    """What questions need of a store."""

    latest_cache: LatestCache
    block_cache: BlockCache

    def rows(self, sql: str, numbers: list[int] | None = None) -> list[dict[str, Any]]:
        """Result rows of a query that this program wrote. numbers: of the series that schema.SERIES_NUMBERS stands for."""

    def table(self, sql: str, numbers: list[int] | None = None) -> pa.Table:
        """The same as columns, for results of many rows."""


class TooManyError(Exception):
    """More readings were asked for than one answer may hold."""


@dataclass(slots=True)
class Answer:
    """Of one series: rows (bucket start in s, min, mean, max) of plausible readings, and implausible ones (time in s, value).

    At most MOST_IMPLAUSIBLE of the implausible readings are listed; implausible_count is how many there are.
    """

    rows: list[list[float]] = field(default_factory=list)
    implausible: list[list[float]] = field(default_factory=list)
    implausible_count: int = 0


def _sql(number: float) -> str:
    return {float("inf"): "inf", float("-inf"): "-inf"}.get(number, repr(float(number)))


def _in_span(start_s: int, end_s: int) -> str:
    return f"time >= fromUnixTimestamp64Milli({start_s}000) AND time < fromUnixTimestamp64Milli({end_s}000)"


def bucket_width(start_s: int, end_s: int, points: int, step_s: int = 0) -> int:
    """Seconds of one bucket: step_s, or, when it is 0, so many that at most `points` buckets reach from start to end."""
    return step_s or max(1, -(-(end_s - start_s) // points))


class Questions:
    """Questions to one store. Series are given by number. The caller has checked that the asker may see them."""

    def __init__(self, store: Readable) -> None:
        self._store = store

    def count(self, numbers: list[int]) -> int:
        """How many readings the series have in all."""
        sql = f"SELECT count() AS n FROM crop.{READINGS} FINAL WHERE {SHOWN}"
        return int(self._store.rows(sql, numbers)[0]["n"])

    def latest(self, numbers: list[int]) -> dict[int, Reading]:
        """By series number, its newest reading. Only series that have one."""
        cache = self._store.latest_cache
        for _ in range(TRIES):  # Again, where a reading was taken away meanwhile.
            epoch = cache.epoch()
            if not (missing := cache.without_reading(numbers)):
                break
            sql = (
                f"SELECT series, toUnixTimestamp64Nano(max(time)) AS at, argMax({schema.VALUE}, time) AS v "
                f"FROM crop.{READINGS} FINAL WHERE {SHOWN} GROUP BY series"
            )
            rows = _rows_of(self._store.table(sql, missing), "series", "at", "v")
            cache.fill(missing, {number: (at, value) for number, at, value in rows}, epoch)
        return cache.get(numbers)

    def usual_intervals(self, numbers: list[int]) -> dict[int, float]:
        """By series number, the usual interval in s between its newest readings. Only series with at least two intervals."""
        cache = self._store.latest_cache
        epoch, missing = cache.epoch(), cache.without_intervals(numbers)
        for first in range(0, len(missing), MOST_LISTED):
            some_numbers = missing[first : first + MOST_LISTED]
            remaining = some_numbers
            times: dict[int, list[int]] = {}
            for days in LOOKED_BACK_DAYS:  # Only series with few readings are looked up further back: it is slower.
                since = f"AND time >= now() - INTERVAL {days} DAY " if days else ""
                sql = (
                    "SELECT series, groupArray(toString(at)) AS times FROM (SELECT series, toUnixTimestamp64Nano(time) AS at "
                    f"FROM crop.{READINGS} FINAL WHERE {SHOWN} {since}"
                    f"ORDER BY series, time DESC LIMIT {2 * cache.SAMPLES} BY series) GROUP BY series"
                )
                times |= {row["series"]: list(map(int, row["times"])) for row in self._store.rows(sql, remaining)}
                remaining = [number for number in remaining if len(times.get(number, ())) <= cache.SAMPLES]
                if not remaining:
                    break
            cache.fill_intervals(some_numbers, times, epoch)
        return cache.usual_intervals(numbers) if numbers else {}

    def shared_buckets(self, numbers: list[int], start_s: int, end_s: int, step_s: int) -> set[int]:
        """Starts (epoch s) of the buckets of step_s in which all the series have a reading at the same moment."""
        sql = (
            f"SELECT DISTINCT {start_s} + intDiv(toUnixTimestamp(time) - {start_s}, {step_s}) * {step_s} AS at FROM "
            f"(SELECT time, series FROM crop.{READINGS} FINAL WHERE {SHOWN} AND {_in_span(start_s, end_s)} "
            f"GROUP BY time HAVING uniqExact(series) = {len(set(numbers))})"
        )
        return {int(row["at"]) for row in self._store.rows(sql, numbers)}

    def trend(self, numbers: list[int], start_s: int, step_s: int) -> dict[int, list[list[float]]]:
        """By series number, rows (bucket start in s, mean) since start_s, in buckets of step_s."""
        sql = (
            f"SELECT series, {start_s} + intDiv(toUnixTimestamp(time) - {start_s}, {step_s}) * {step_s} AS at, "
            f"avg({schema.VALUE}) AS mean FROM crop.{READINGS} FINAL WHERE {SHOWN} "
            f"AND {_in_span(start_s, 1 << 33)} GROUP BY series, at ORDER BY series, at"
        )
        trends: dict[int, list[list[float]]] = {}
        for number, at, mean in _rows_of(self._store.table(sql, numbers), "series", "at", "mean"):
            trends.setdefault(number, []).append([at, mean])
        return trends

    def range(
        self, bounds: dict[int, Bounds], start_s: int, end_s: int, points: int, step_s: int = 0
    ) -> dict[int, Answer]:
        """By series number, its readings from start_s to end_s in buckets: at most `points`, or, step_s > 0, each of step_s.

        bounds: by series number, its plausible range.
        """
        segments = self.segments(list(bounds), start_s, end_s)
        if segments is None:
            width_s = bucket_width(start_s, end_s, points, step_s)
            return self._range_by_engine(bounds, start_s, end_s, width_s)
        return {
            number: self.bucketed(segments[number], plausible, start_s, end_s, points, step_s)
            for number, plausible in bounds.items()
        }

    @staticmethod
    def bucketed(segment: Segment, bounds: Bounds, start_s: int, end_s: int, points: int, step_s: int = 0) -> Answer:
        """A segment in buckets as `range` makes them."""
        width_s = bucket_width(start_s, end_s, points, step_s)
        listed = implausible(segment, *bounds) if bounds != EVERYTHING else []
        count = int(((segment.value < bounds.least) | (segment.value > bounds.most)).sum()) if listed else 0
        return Answer(buckets(segment, start_s, width_s, *bounds), listed, count)

    def raw(self, numbers: list[int], start_s: int, end_s: int, most: int) -> dict[int, Segment]:
        """By series number, every reading from start_s to end_s. Raises TooManyError above `most` readings in all."""
        table = self._read(numbers, start_s, end_s, most + 1)
        if table.num_rows > most:
            raise TooManyError
        return _split(table, numbers)

    def marked(self, numbers: list[int], start_s: int, end_s: int, most: int) -> dict[int, Segment]:
        """By series number, the readings that are marked as wrong, from start_s to end_s: the first `most` in all."""
        plain = schema.VALUE.replace("scale", "(-1 - scale)")
        table = self._store.table(
            f"SELECT series, toUnixTimestamp64Nano(time) AS at, {plain} AS value FROM crop.{READINGS} FINAL "
            f"WHERE {IN_SERIES} AND scale < 0 AND {_in_span(start_s, end_s)} ORDER BY series, time LIMIT {int(most)}",
            numbers,
        )
        return _split(table, sorted(numbers)) if table.num_rows else dict.fromkeys(numbers, EMPTY)

    # -- from memory ---------------------------------------------------------------------------------------------

    def segments(self, numbers: list[int], start_s: int, end_s: int) -> dict[int, Segment] | None:
        """By series number, every reading from start_s to end_s, cached for the next question. None when they are too many."""
        first, last = start_s // BLOCK_S, (end_s - 1) // BLOCK_S
        if len(numbers) > MOST_SERIES or len(numbers) * (last - first + 1) > MOST_BLOCKS:
            return None
        cache = self._store.block_cache
        blocks = {(n, b): cache.get(n, b) for n in numbers for b in range(first, last + 1)}
        missing = [key for key, segment in blocks.items() if segment is None]
        if missing:
            epoch, missing_blocks = cache.epoch(), [block for _, block in missing]
            missing_numbers = sorted({n for n, _ in missing})
            lowest, highest = min(missing_blocks), max(missing_blocks)
            table = self._read(missing_numbers, lowest * BLOCK_S, (highest + 1) * BLOCK_S, MOST_ROWS + 1)
            if table.num_rows > MOST_ROWS:
                return None
            for number, segment in _split(table, missing_numbers).items():
                for block in range(lowest, highest + 1):
                    part = within(segment, block * BLOCK_S, (block + 1) * BLOCK_S)
                    blocks[number, block] = part
                    cache.put(number, block, part, epoch)
        return {n: _joined([blocks[n, b] or EMPTY for b in range(first, last + 1)], start_s, end_s) for n in numbers}

    def _read(self, numbers: list[int], start_s: int, end_s: int, most_rows: int) -> pa.Table:
        return self._store.table(
            f"SELECT series, toUnixTimestamp64Nano(time) AS at, {schema.VALUE} AS value FROM crop.{READINGS} "
            f"FINAL WHERE {SHOWN} AND {_in_span(start_s, end_s)} ORDER BY series, time LIMIT {int(most_rows)}",
            numbers,
        )

    # -- by the engine -------------------------------------------------------------------------------------------

    def _range_by_engine(self, bounds: dict[int, Bounds], start_s: int, end_s: int, width_s: int) -> dict[int, Answer]:
        groups: dict[Bounds, list[int]] = {}
        for number, plausible in bounds.items():
            groups.setdefault(plausible, []).append(number)
        answers = {number: Answer() for number in bounds}
        for (least, most), numbers in groups.items():
            readings = (
                f"(SELECT series, time, {schema.VALUE} AS v FROM crop.{READINGS} FINAL "
                f"WHERE {SHOWN} AND {_in_span(start_s, end_s)})"
            )
            is_plausible = f"v >= {_sql(least)} AND v <= {_sql(most)}"
            sql = (
                f"SELECT series, {start_s} + intDiv(toUnixTimestamp(time) - {start_s}, {width_s}) * {width_s} AS at, "
                f"minIf(v, {is_plausible}) AS low, avgIf(v, {is_plausible}) AS mean, maxIf(v, {is_plausible}) AS high, "
                f"countIf({is_plausible}) AS plausible, count() - plausible AS implausible FROM {readings} "
                "GROUP BY series, at ORDER BY series, at"
            )
            has_implausible = False
            rows = _rows_of(
                self._store.table(sql, numbers), "series", "at", "low", "mean", "high", "plausible", "implausible"
            )
            for number, at, low, mean, high, plausible_count, implausible_count in rows:
                answers[number].implausible_count += implausible_count
                has_implausible = has_implausible or implausible_count > 0
                if plausible_count:
                    answers[number].rows.append([at, low, mean, high])
            if has_implausible:
                sql = f"SELECT series, toUnixTimestamp(time) AS at, v FROM {readings} WHERE NOT ({is_plausible}) "
                sql += f"ORDER BY series, at LIMIT {MOST_IMPLAUSIBLE} BY series"
                for row in self._store.rows(sql, numbers):
                    answers[row["series"]].implausible.append([row["at"], row["v"]])
        return answers


def _rows_of(table: pa.Table, *names: str) -> "zip[tuple[Any, ...]]":
    """The rows of a table, as plain values of the named columns."""
    return zip(*(table.column(name).to_numpy().tolist() if table.num_rows else [] for name in names), strict=True)


def _split(table: pa.Table, numbers: list[int]) -> dict[int, Segment]:
    """By series number, its segment of a table (series, at, value) that is sorted by series and time."""
    series, time, value = (table.column(name).to_numpy() for name in ("series", "at", "value"))
    first, last = np.searchsorted(series, numbers), np.searchsorted(series, numbers, side="right")
    ranges = zip(numbers, first.tolist(), last.tolist(), strict=True)
    return {number: Segment(time[a:b].copy(), value[a:b].copy()) for number, a, b in ranges}


def _joined(segments: list[Segment], start_s: int, end_s: int) -> Segment:
    if len(segments) == 1:
        return within(segments[0], start_s, end_s)
    whole = Segment(np.concatenate([s.time for s in segments]), np.concatenate([s.value for s in segments]))
    return within(whole, start_s, end_s)
