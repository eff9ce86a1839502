"""Answers about readings: newest values, buckets for charts, readings as they came.

Small questions are answered from memory, large ones by SQL.
"""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from crop_contract.columns import READINGS
from crops import schema
from crops.recent import BLOCK_S, EMPTY, Blocks, Newest, Stretch, buckets, implausible, within

MOST_ROWS = 2_000_000  # read into memory for one question; larger ones are answered by the engine
MOST_SERIES, MOST_BLOCKS = 12, 600
ASKED = f"series IN ({schema.ASKED})"  # Readable.rows and Readable.table put the numbers there.
MOST_LISTED = 5000  # series asked about in one statement
LOOKED_BACK_DAYS = (2, 100, 0)
Bounds = tuple[float, float]
EVERYTHING: Bounds = (float("-inf"), float("inf"))


class Readable(Protocol):
    """What questions need of a store."""

    newest: Newest
    blocks: Blocks

    def rows(self, sql: str, asked: list[int] | None = None) -> list[dict[str, Any]]:
        """Result rows of a query of our own making. asked: numbers of series that stand where the query has schema.ASKED."""

    def table(self, sql: str, asked: list[int] | None = None) -> pa.Table:
        """The same as columns, for results of many rows."""


class TooManyError(Exception):
    """More readings were asked for than one answer may hold."""


@dataclass(slots=True)
class Answer:
    """Of one series: rows (bucket start in s, min, mean, max) of plausible readings, and (time in s, value) of the others.

    Of the others at most 200 are listed; odd_count is how many there are.
    """

    rows: list[list[float]] = field(default_factory=list)
    odd: list[list[float]] = field(default_factory=list)
    odd_count: int = 0


def _sql(number: float) -> str:
    return {float("inf"): "inf", float("-inf"): "-inf"}.get(number, repr(float(number)))


def _moments(start_s: int, end_s: int) -> str:
    return f"time >= fromUnixTimestamp64Milli({start_s}000) AND time < fromUnixTimestamp64Milli({end_s}000)"


class Questions:
    """Questions to one store. Series are given by number; that the asker may see them is checked one layer up."""

    def __init__(self, store: Readable) -> None:
        self._store = store

    def count(self, numbers: list[int]) -> int:
        """How many readings the series hold."""
        sql = f"SELECT count() AS n FROM crop.{READINGS} FINAL WHERE {ASKED}"
        return int(self._store.rows(sql, numbers)[0]["n"])

    def latest(self, numbers: list[int]) -> dict[int, tuple[float, float]]:
        """By series, (time in s, value) of the newest reading."""
        newest = self._store.newest
        if unknown := newest.unknown(numbers):
            sql = (
                f"SELECT series, toUnixTimestamp64Nano(max(time)) AS at, argMax({schema.VALUE}, time) AS v "
                f"FROM crop.{READINGS} FINAL WHERE {ASKED} GROUP BY series"
            )
            columns = _columns(self._store.table(sql, unknown), "series", "at", "v")
            newest.learn(unknown, {number: (at, value) for number, at, value in columns})
        return newest.of(numbers)

    def usual(self, numbers: list[int]) -> dict[int, float]:
        """By series, how far apart in s its newest readings usually lie; a series with too few readings is left out."""
        newest = self._store.newest
        unknown = newest.unstepped(numbers)
        for first in range(0, len(unknown), MOST_LISTED):
            some, left = unknown[first : first + MOST_LISTED], unknown[first : first + MOST_LISTED]
            times: dict[int, list[int]] = {}
            for days in LOOKED_BACK_DAYS:  # The few that are written seldom are looked for further back.
                since = f"AND time >= now() - INTERVAL {days} DAY " if days else ""
                sql = (
                    "SELECT series, groupArray(toString(at)) AS times FROM (SELECT series, toUnixTimestamp64Nano(time) AS at "
                    f"FROM crop.{READINGS} WHERE {ASKED} {since}"
                    f"ORDER BY series, time DESC LIMIT {2 * newest.SAMPLES} BY series) GROUP BY series"
                )
                times |= {row["series"]: list(map(int, row["times"])) for row in self._store.rows(sql, left)}
                left = [number for number in left if len(times.get(number, ())) <= newest.SAMPLES]
                if not left:
                    break
            newest.learn_steps(some, times)
        return newest.usual(numbers) if numbers else {}

    def together(self, numbers: list[int], start_s: int, end_s: int, step_s: int) -> set[int]:
        """Starts of the buckets in which all the series have a reading at one and the same moment."""
        sql = (
            f"SELECT DISTINCT {start_s} + intDiv(toUnixTimestamp(time) - {start_s}, {step_s}) * {step_s} AS at FROM "
            f"(SELECT time FROM crop.{READINGS} WHERE {ASKED} AND {_moments(start_s, end_s)} "
            f"GROUP BY time HAVING uniqExact(series) = {len(set(numbers))})"
        )
        return {int(row["at"]) for row in self._store.rows(sql, numbers)}

    def trend(self, numbers: list[int], start_s: int, step_s: int) -> dict[int, list[list[float]]]:
        """By series, rows (bucket start in s, mean) since start."""
        sql = (
            f"SELECT series, {start_s} + intDiv(toUnixTimestamp(time) - {start_s}, {step_s}) * {step_s} AS at, "
            f"avg({schema.VALUE}) AS mean FROM crop.{READINGS} FINAL WHERE {ASKED} "
            f"AND {_moments(start_s, 1 << 33)} GROUP BY series, at ORDER BY series, at"
        )
        found: dict[int, list[list[float]]] = {}
        for number, at, mean in _columns(self._store.table(sql, numbers), "series", "at", "mean"):
            found.setdefault(number, []).append([at, mean])
        return found

    def range(
        self, bounds: dict[int, Bounds], start_s: int, end_s: int, points: int, step_s: int = 0
    ) -> dict[int, Answer]:
        """By series (with its plausible least and most), buckets from start to end: `points` at most, or each of step_s."""
        step = step_s or max(1, -(-(end_s - start_s) // points))
        held = self.stretches(list(bounds), start_s, end_s)
        if held is None:
            return self._range_by_engine(bounds, start_s, end_s, step)
        return {n: self.bucketed(held[n], limits, start_s, end_s, points, step) for n, limits in bounds.items()}

    @staticmethod
    def bucketed(stretch: Stretch, limits: Bounds, start_s: int, end_s: int, points: int, step_s: int = 0) -> Answer:
        """A stretch in buckets as `range` makes them."""
        step = step_s or max(1, -(-(end_s - start_s) // points))
        odd = implausible(stretch, *limits) if limits != EVERYTHING else []
        count = int(((stretch.value < limits[0]) | (stretch.value > limits[1])).sum()) if odd else 0
        return Answer(buckets(stretch, start_s, step, *limits), odd, count)

    def raw(self, numbers: list[int], start_s: int, end_s: int, most: int) -> dict[int, Stretch]:
        """By series, every reading from start to end. Raises TooManyError above `most` in all."""
        found = self._read(numbers, start_s, end_s, most + 1)
        if found.num_rows > most:
            raise TooManyError
        return _split(found, numbers)

    # -- from memory ---------------------------------------------------------------------------------------------

    def stretches(self, numbers: list[int], start_s: int, end_s: int) -> dict[int, Stretch] | None:
        """By series, every reading from start to end, kept in memory for the next question; None when they are too many."""
        first, last = start_s // BLOCK_S, (end_s - 1) // BLOCK_S
        if len(numbers) > MOST_SERIES or len(numbers) * (last - first + 1) > MOST_BLOCKS:
            return None
        kept = self._store.blocks
        held = {(n, b): kept.get(n, b) for n in numbers for b in range(first, last + 1)}
        missing = [key for key, stretch in held.items() if stretch is None]
        if missing:
            turn, blocks = kept.turn(), [block for _, block in missing]
            lacking, low, high = sorted({n for n, _ in missing}), min(blocks), max(blocks)
            found = self._read(lacking, low * BLOCK_S, (high + 1) * BLOCK_S, MOST_ROWS + 1)
            if found.num_rows > MOST_ROWS:
                return None
            for number, stretch in _split(found, lacking).items():
                for block in range(low, high + 1):
                    part = within(stretch, block * BLOCK_S, (block + 1) * BLOCK_S)
                    held[number, block] = part
                    kept.keep(number, block, part, turn)
        return {n: _joined([held[n, b] or EMPTY for b in range(first, last + 1)], start_s, end_s) for n in numbers}

    def _read(self, numbers: list[int], start_s: int, end_s: int, limit: int) -> pa.Table:
        return self._store.table(
            f"SELECT series, toUnixTimestamp64Nano(time) AS at, {schema.VALUE} AS value FROM crop.{READINGS} "
            f"FINAL WHERE {ASKED} AND {_moments(start_s, end_s)} ORDER BY series, time LIMIT {int(limit)}",
            numbers,
        )

    # -- by the engine -------------------------------------------------------------------------------------------

    def _range_by_engine(self, bounds: dict[int, Bounds], start_s: int, end_s: int, step: int) -> dict[int, Answer]:
        groups: dict[Bounds, list[int]] = {}
        for number, limits in bounds.items():
            groups.setdefault(limits, []).append(number)
        found = {number: Answer() for number in bounds}
        for (least, most), numbers in groups.items():
            inside = (
                f"(SELECT series, time, {schema.VALUE} AS v FROM crop.{READINGS} FINAL "
                f"WHERE {ASKED} AND {_moments(start_s, end_s)})"
            )
            good = f"v >= {_sql(least)} AND v <= {_sql(most)}"
            sql = (
                f"SELECT series, {start_s} + intDiv(toUnixTimestamp(time) - {start_s}, {step}) * {step} AS at, "
                f"minIf(v, {good}) AS low, avgIf(v, {good}) AS mean, maxIf(v, {good}) AS high, countIf({good}) AS many, "
                f"count() - many AS odd FROM {inside} GROUP BY series, at ORDER BY series, at"
            )
            table = self._store.table(sql, numbers)
            names = ("series", "at", "low", "mean", "high", "many", "odd")
            columns = [table.column(name).to_numpy().tolist() for name in names]
            for number, at, low, mean, high, many, odd in zip(*columns, strict=True):
                found[number].odd_count += odd
                if many:
                    found[number].rows.append([at, low, mean, high])
            if any(columns[-1]):
                sql = f"SELECT series, toUnixTimestamp(time) AS at, v FROM {inside} WHERE NOT ({good}) "
                for row in self._store.rows(sql + "ORDER BY series, at LIMIT 200 BY series", numbers):
                    found[row["series"]].odd.append([row["at"], row["v"]])
        return found


def _columns(table: pa.Table, *names: str) -> "zip[tuple[Any, ...]]":
    """The rows of a table, as plain values of the named columns."""
    return zip(*(table.column(name).to_numpy().tolist() if table.num_rows else [] for name in names), strict=True)


def _split(table: pa.Table, numbers: list[int]) -> dict[int, Stretch]:
    """One stretch a series of a table (series, at, value) that is sorted by both."""
    series, time, value = (table.column(name).to_numpy() for name in ("series", "at", "value"))
    first, last = np.searchsorted(series, numbers), np.searchsorted(series, numbers, side="right")
    ends = zip(numbers, first.tolist(), last.tolist(), strict=True)
    return {number: Stretch(time[a:b].copy(), value[a:b].copy()) for number, a, b in ends}


def _joined(parts: list[Stretch], start_s: int, end_s: int) -> Stretch:
    if len(parts) == 1:
        return within(parts[0], start_s, end_s)
    whole = Stretch(np.concatenate([p.time for p in parts]), np.concatenate([p.value for p in parts]))
    return within(whole, start_s, end_s)
