"""What the crop plane caches in memory so that a question need not go to the engine: newest values, and blocks of readings.

Both caches hold copies only. A write drops every block that it changes. A block that was read while its series was written to
is not cached. So no answer is older than the last acknowledged reading.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

NS_PER_S = 10**9
BLOCK_S = 1 << 21  # 24 days
SAMPLED_ROWS = 1 << 16  # rows of one write, at most, from which the usual intervals are learned
MOST_POINTS = 8_000_000  # in the block cache: 128 MB
MOST_IMPLAUSIBLE = 200  # implausible readings that one answer lists
NO_TIME = np.iinfo(np.int64).min  # in place of a time: no reading is known
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Reading(NamedTuple):
    """One value of a series. time_s: epoch seconds."""

    time_s: int
    value: float


@dataclass(frozen=True, slots=True)
class Segment:
    """Readings of one series, ascending in time. time: ns since 1970 UTC; value: float64. Both have the same length."""

    time: Ints
    value: Floats


EMPTY = Segment(np.empty(0, np.int64), np.empty(0, np.float64))


def usual_interval(intervals_s: Floats) -> float | None:
    """The upper median, in s, of the intervals between readings. None of fewer than two: they do not show what is usual."""
    return float(np.sort(intervals_s)[len(intervals_s) // 2]) if len(intervals_s) > 1 else None


class LatestCache:
    """The newest reading of each series and the usual interval between its readings, by series number.

    Each write adds the mean interval of a series' new readings, once for each of them. The usual interval is the median of the
    last SAMPLES intervals, so a pause, or a few readings that come late, does not change it.
    """

    SAMPLES = 8

    def __init__(self) -> None:
        self._time = np.full(1 << 12, NO_TIME, np.int64)
        self._value = np.zeros(1 << 12, np.float64)
        self._has_stored_reading = np.zeros(1 << 12, np.bool_)
        self._intervals_s = np.full((1 << 12, self.SAMPLES), np.nan, np.float32)
        self._next_sample = np.zeros(1 << 12, np.uint8)
        self._has_stored_intervals = np.zeros(1 << 12, np.bool_)
        self._sampling_round = 0
        self._epoch, self._forgotten_in = 0, dict[int, int]()
        self._lock = threading.Lock()

    def _grow(self, highest_number: int) -> None:
        if highest_number >= len(self._time):
            added = max(highest_number + 1, 2 * len(self._time)) - len(self._time)
            self._time = np.concatenate([self._time, np.full(added, NO_TIME, np.int64)])
            self._value = np.concatenate([self._value, np.zeros(added)])
            self._has_stored_reading = np.concatenate([self._has_stored_reading, np.zeros(added, np.bool_)])
            self._intervals_s = np.concatenate([self._intervals_s, np.full((added, self.SAMPLES), np.nan, np.float32)])
            self._next_sample = np.concatenate([self._next_sample, np.zeros(added, np.uint8)])
            self._has_stored_intervals = np.concatenate([self._has_stored_intervals, np.zeros(added, np.bool_)])

    def update(self, series: npt.NDArray[np.uint32], time: Ints, value: Floats) -> None:
        """Note readings as they were stored. time: ns. Of two with one time the later one counts, as it does in the store."""
        with self._lock:
            self._grow(int(series.max(initial=0)))
            self._sample_intervals(series, time)
            np.maximum.at(self._time, series, time)
            newest = time == self._time[series]
            self._value[series[newest]] = value[newest]

    def _sample_intervals(self, series: npt.NDArray[np.uint32], time: Ints) -> None:
        """Note the intervals between the readings that are newer than the newest reading so far."""
        stride = 1 + len(series) // SAMPLED_ROWS
        if stride > 1:  # Of a large write, only a part of the series is sampled; the next write samples another part.
            self._sampling_round += 1
            sampled = series % np.uint32(stride) == self._sampling_round % stride
            series, time = series[sampled], time[sampled]
        newer = time > self._time[series]
        if not newer.any():
            return
        series, time = series[newer], time[newer]
        # With many rows nearly every number occurs, so the rows are counted by number, without sorting.
        many = len(series) > int(series.max())
        numbers, position = (np.arange(series.max() + 1), series) if many else np.unique(series, return_inverse=True)
        counts, before = np.bincount(position, minlength=len(numbers)), self._time[numbers]
        first = np.full(len(numbers), np.iinfo(np.int64).max, np.int64)
        last = np.full(len(numbers), NO_TIME, np.int64)
        np.minimum.at(first, position, time)
        np.maximum.at(last, position, time)
        is_first_write = before == NO_TIME
        start, counts = np.where(is_first_write, first, before), np.where(is_first_write, counts - 1, counts)
        usable = (counts > 0) & (last > start)
        numbers, counts = numbers[usable], counts[usable]
        interval_s = (last[usable] - start[usable]) / counts / 1e9
        for sample in range(self.SAMPLES):
            remaining = counts > sample
            some_numbers = numbers[remaining]
            self._intervals_s[some_numbers, self._next_sample[some_numbers]] = interval_s[remaining]
            self._next_sample[some_numbers] = (self._next_sample[some_numbers] + 1) % self.SAMPLES

    def without_intervals(self, numbers: list[int]) -> list[int]:
        """The series whose intervals in the store were not read yet."""
        with self._lock:
            self._grow(max(numbers, default=0))
            return [number for number in numbers if not self._has_stored_intervals[number]]

    def fill_intervals(self, numbers: list[int], times: dict[int, list[int]], epoch: int) -> None:
        """Add what was read from the store after `epoch`. times: by series number, its newest times in ns, in any order."""
        with self._lock:
            numbers = self._still(numbers, epoch)
            for number in numbers:
                intervals_s = np.diff(np.unique(np.array(times.get(number, ()), np.int64)))[-self.SAMPLES :] / 1e9
                if not len(intervals_s):
                    continue
                self._intervals_s[number] = np.nan
                self._intervals_s[number, : len(intervals_s)] = intervals_s
                self._next_sample[number] = len(intervals_s) % self.SAMPLES
            self._has_stored_intervals[numbers] = True

    def usual_intervals(self, numbers: list[int]) -> dict[int, float]:
        """By series number, its usual interval in s. Only series of which at least two intervals are known."""
        with self._lock:
            intervals_s = np.sort(self._intervals_s[numbers], axis=1)  # NaN, which is no interval, comes last.
        counts = np.count_nonzero(~np.isnan(intervals_s), axis=1)
        medians = intervals_s[np.arange(len(numbers)), np.minimum(counts // 2, self.SAMPLES - 1)]
        rows = zip(numbers, counts.tolist(), medians.tolist(), strict=True)
        return {number: round(median, 3) for number, count, median in rows if count > 1}

    def without_reading(self, numbers: list[int]) -> list[int]:
        """The series whose newest reading in the store was not read yet: the store may hold a newer one than the cache."""
        with self._lock:
            self._grow(max(numbers, default=0))
            return [number for number in numbers if not self._has_stored_reading[number]]

    def fill(self, numbers: list[int], stored: dict[int, tuple[int, float]], epoch: int) -> None:
        """Add what was read from the store after `epoch`. stored: by series number, its newest reading: time in ns, value."""
        with self._lock:
            numbers = self._still(numbers, epoch)
            for number in numbers:
                time, value = stored.get(number, (NO_TIME, 0.0))
                if time > self._time[number]:
                    self._time[number], self._value[number] = time, value
            self._has_stored_reading[numbers] = True

    def forget(self, numbers: list[int]) -> None:
        """Keep nothing of series that are deleted, or that lost readings: what is left of them is read from the store again."""
        with self._lock:
            self._grow(max(numbers, default=0))
            self._time[numbers], self._value[numbers] = NO_TIME, 0
            self._intervals_s[numbers], self._next_sample[numbers] = np.nan, 0
            self._has_stored_reading[numbers] = self._has_stored_intervals[numbers] = False
            self._epoch += 1
            self._forgotten_in |= dict.fromkeys(numbers, self._epoch)

    def epoch(self) -> int:
        """The present epoch, to be given to `fill` and `fill_intervals` with what is read from now on."""
        return self._epoch

    def _still(self, numbers: list[int], epoch: int) -> list[int]:
        """Those of the series of which nothing was forgotten since `epoch`. Call it under the lock."""
        return [number for number in numbers if self._forgotten_in.get(number, 0) <= epoch]

    def get(self, numbers: list[int]) -> dict[int, Reading]:
        """By series number, its newest reading. Only series that have one."""
        with self._lock:
            times, values = self._time[numbers], self._value[numbers].tolist()
        rows = zip(numbers, (times // NS_PER_S).tolist(), values, (times != NO_TIME).tolist(), strict=True)
        return {number: Reading(time_s, value) for number, time_s, value, has_reading in rows if has_reading}


class BlockCache:
    """Readings in blocks of BLOCK_S seconds of one series. When it is full, the least recently used blocks are dropped."""

    def __init__(self, most_points: int = MOST_POINTS) -> None:
        self._most_points, self._points = most_points, 0
        self._blocks: OrderedDict[tuple[int, int], Segment] = OrderedDict()
        self._epoch = 0
        self._written_in: dict[int, int] = {}  # series number -> epoch of the last write to it
        self._lock = threading.Lock()

    def invalidate(self, series: npt.NDArray[np.uint32], time: Ints) -> None:
        """Drop the blocks that a write changed. Call it when the store holds the write, before anybody is told so."""
        if not len(series):
            return
        is_written = np.zeros(int(series.max()) + 1, np.bool_)
        is_written[series] = True
        first, last = int(time.min()) // NS_PER_S // BLOCK_S, int(time.max()) // NS_PER_S // BLOCK_S
        with self._lock:
            self._epoch += 1
            for number in np.flatnonzero(is_written).tolist():
                self._written_in[number] = self._epoch
            for key in [
                k for k in self._blocks if first <= k[1] <= last and k[0] < len(is_written) and is_written[k[0]]
            ]:
                self._points -= len(self._blocks.pop(key).time)

    def epoch(self) -> int:
        """The present epoch, to be given to `put` with what is read from now on. Each write begins a new one."""
        return self._epoch

    def get(self, number: int, block: int) -> Segment | None:
        """The cached block of a series, or None."""
        with self._lock:
            segment = self._blocks.get((number, block))
            if segment is not None:
                self._blocks.move_to_end((number, block))
            return segment

    def put(self, number: int, block: int, segment: Segment, epoch: int) -> None:
        """Cache a block that was read after `epoch`, unless its series was written to since."""
        with self._lock:
            if self._written_in.get(number, 0) > epoch or len(segment.time) > self._most_points // 8:
                return
            replaced = self._blocks.pop((number, block), EMPTY)
            self._blocks[number, block] = segment
            self._points += len(segment.time) - len(replaced.time)
            while self._points > self._most_points:
                _, dropped = self._blocks.popitem(last=False)
                self._points -= len(dropped.time)


def within(segment: Segment, start_s: int, end_s: int) -> Segment:
    """The readings from start (inclusive) to end (exclusive), both in epoch seconds."""
    first, last = np.searchsorted(segment.time, [start_s * NS_PER_S, end_s * NS_PER_S]).tolist()
    return Segment(segment.time[first:last], segment.value[first:last])


def buckets(segment: Segment, start_s: int, step_s: int, least: float, most: float) -> list[list[float]]:
    """Rows (bucket start in s, min, mean, max) of the readings between least and most. Empty buckets are left out."""
    time, value = segment.time, segment.value
    if len(value) and (value.min() < least or value.max() > most):
        plausible = (value >= least) & (value <= most)
        time, value = time[plausible], value[plausible]
    if not len(time):
        return []
    bucket = (time // NS_PER_S - start_s) // step_s
    first = np.concatenate([[0], np.flatnonzero(np.diff(bucket)) + 1])
    counts = np.diff(np.append(first, len(bucket)))
    columns = (
        (start_s + bucket[first] * step_s).tolist(),
        np.minimum.reduceat(value, first).tolist(),
        (np.add.reduceat(value, first) / counts).tolist(),
        np.maximum.reduceat(value, first).tolist(),
    )
    return [list(row) for row in zip(*columns, strict=True)]


def implausible(segment: Segment, least: float, most: float, most_listed: int = MOST_IMPLAUSIBLE) -> list[list[float]]:
    """Rows (time in s, value) of the readings below least or above most: evenly chosen, when they are more than most_listed."""
    positions = np.flatnonzero((segment.value < least) | (segment.value > most))
    if len(positions) > most_listed:
        positions = positions[np.linspace(0, len(positions) - 1, most_listed).astype(np.int64)]
    rows = zip((segment.time[positions] // NS_PER_S).tolist(), segment.value[positions].tolist(), strict=True)
    return [list(row) for row in rows]
