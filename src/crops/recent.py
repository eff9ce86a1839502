"""What the crop plane keeps in memory so that a question need not go to the engine: newest values, and blocks of readings.

Both are only ever a copy. A block is dropped by any write into it, and a block read while a write to its series was under way
is not kept, so that no answer is older than the last acknowledged reading.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BLOCK_S = 1 << 21  # 24 days
SAMPLED_ROWS = 1 << 16  # of one write, at most, from which the usual intervals are learned
MOST_POINTS = 8_000_000  # kept at once: 128 MB
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Readings of one series, ascending in time. time: ns since 1970 UTC; value: float64; as many of the one as of the other."""

    time: Ints
    value: Floats


EMPTY = Stretch(np.empty(0, np.int64), np.empty(0, np.float64))


def usual_step(steps: Floats) -> float | None:
    """The usual one among distances of readings: their upper median; None of fewer than two, which tell nothing usual."""
    return float(np.sort(steps)[len(steps) // 2]) if len(steps) > 1 else None


class Newest:
    """The newest reading of each series, and how far apart its readings usually lie, by series number.

    Each write adds the mean distance of a series' new readings, once for each of them; of the last SAMPLES the median counts,
    so that a pause, or a few readings that come late, changes nothing.
    """

    SAMPLES = 8

    def __init__(self) -> None:
        self._time = np.full(1 << 12, np.iinfo(np.int64).min, np.int64)
        self._value = np.zeros(1 << 12, np.float64)
        self._known = np.zeros(1 << 12, np.bool_)
        self._steps = np.full((1 << 12, self.SAMPLES), np.nan, np.float32)
        self._at = np.zeros(1 << 12, np.uint8)
        self._stepped = np.zeros(1 << 12, np.bool_)
        self._turn = 0
        self._lock = threading.Lock()

    def _grow(self, most: int) -> None:
        if most >= len(self._time):
            more = max(most + 1, 2 * len(self._time)) - len(self._time)
            self._time = np.concatenate([self._time, np.full(more, np.iinfo(np.int64).min, np.int64)])
            self._value = np.concatenate([self._value, np.zeros(more)])
            self._known = np.concatenate([self._known, np.zeros(more, np.bool_)])
            self._steps = np.concatenate([self._steps, np.full((more, self.SAMPLES), np.nan, np.float32)])
            self._at = np.concatenate([self._at, np.zeros(more, np.uint8)])
            self._stepped = np.concatenate([self._stepped, np.zeros(more, np.bool_)])

    def take(self, series: npt.NDArray[np.uint32], time: Ints, value: Floats) -> None:
        """Note readings as they were stored; of two with one time the later counts, as it does in the store."""
        with self._lock:
            self._grow(int(series.max(initial=0)))
            self._sample(series, time)
            np.maximum.at(self._time, series, time)
            new = time == self._time[series]
            self._value[series[new]] = value[new]

    def _sample(self, series: npt.NDArray[np.uint32], time: Ints) -> None:
        """Note how far apart the readings lie that are newer than the newest before."""
        stride = 1 + len(series) // SAMPLED_ROWS
        if stride > 1:  # Of a large write another share of the series is looked at each time.
            self._turn += 1
            some = series % np.uint32(stride) == self._turn % stride
            series, time = series[some], time[some]
        new = time > self._time[series]
        if not new.any():
            return
        series, time = series[new], time[new]
        # Of many rows each series has some: counted by number they need no sorting.
        many = len(series) > int(series.max())
        numbers, place = (np.arange(series.max() + 1), series) if many else np.unique(series, return_inverse=True)
        counts, before = np.bincount(place, minlength=len(numbers)), self._time[numbers]
        first = np.full(len(numbers), np.iinfo(np.int64).max, np.int64)
        last = np.full(len(numbers), np.iinfo(np.int64).min, np.int64)
        np.minimum.at(first, place, time)
        np.maximum.at(last, place, time)
        fresh = before == np.iinfo(np.int64).min
        start, counts = np.where(fresh, first, before), np.where(fresh, counts - 1, counts)
        held = (counts > 0) & (last > start)
        numbers, counts, step_s = numbers[held], counts[held], (last[held] - start[held]) / counts[held] / 1e9
        for turn in range(self.SAMPLES):
            more = counts > turn
            which = numbers[more]
            self._steps[which, self._at[which]] = step_s[more]
            self._at[which] = (self._at[which] + 1) % self.SAMPLES

    def unstepped(self, numbers: list[int]) -> list[int]:
        """Series of whose stored readings it was never looked how far apart they lie."""
        with self._lock:
            self._grow(max(numbers, default=0))
            return [number for number in numbers if not self._stepped[number]]

    def learn_steps(self, numbers: list[int], times: dict[int, list[int]]) -> None:
        """Add what the store holds of series: number -> its newest times (ns), in any order."""
        with self._lock:
            for number, some in times.items():
                steps = np.diff(np.unique(np.array(some, np.int64)))[-self.SAMPLES :] / 1e9
                self._steps[number] = np.nan
                self._steps[number, : len(steps)] = steps
                self._at[number] = len(steps) % self.SAMPLES
            self._stepped[numbers] = True

    def usual(self, numbers: list[int]) -> dict[int, float]:
        """number -> usual interval in s, for series of which at least two intervals are known."""
        with self._lock:
            steps = np.sort(self._steps[numbers], axis=1)  # What is empty comes last.
        counts = np.count_nonzero(~np.isnan(steps), axis=1)
        middle = steps[np.arange(len(numbers)), np.minimum(counts // 2, self.SAMPLES - 1)]
        usual = zip(numbers, counts.tolist(), middle.tolist(), strict=True)
        return {number: round(step, 3) for number, count, step in usual if count > 1}

    def unknown(self, numbers: list[int]) -> list[int]:
        """Series whose older readings were never looked at: what is kept of them may be less than what is stored."""
        with self._lock:
            self._grow(max(numbers, default=0))
            return [number for number in numbers if not self._known[number]]

    def learn(self, numbers: list[int], found: dict[int, tuple[int, float]]) -> None:
        """Add what the store holds of series: number -> (time in ns, value)."""
        with self._lock:
            for number, (time, value) in found.items():
                if time > self._time[number]:
                    self._time[number], self._value[number] = time, value
            self._known[numbers] = True

    def of(self, numbers: list[int]) -> dict[int, tuple[float, float]]:
        """number -> (time in s, value), for series that have a reading."""
        with self._lock:
            times, values = self._time[numbers].tolist(), self._value[numbers].tolist()
        least = np.iinfo(np.int64).min
        return {
            number: (time // 1_000_000_000, value)
            for number, time, value in zip(numbers, times, values, strict=True)
            if time != least
        }


class Blocks:
    """Readings in blocks of BLOCK_S seconds a series, the least recently asked ones dropped first."""

    def __init__(self, most_points: int = MOST_POINTS) -> None:
        self._most, self._held = most_points, 0
        self._blocks: OrderedDict[tuple[int, int], Stretch] = OrderedDict()
        self._turn = 0
        self._touched: dict[int, int] = {}
        self._lock = threading.Lock()

    def touch(self, series: npt.NDArray[np.uint32], time: Ints) -> None:
        """Forget what a write changed. To be called when the store holds it, and before it is said to be readable."""
        if not len(series):
            return
        hit = np.zeros(int(series.max()) + 1, np.bool_)
        hit[series] = True
        first, last = int(time.min()) // 10**9 // BLOCK_S, int(time.max()) // 10**9 // BLOCK_S
        with self._lock:
            self._turn += 1
            for number in np.flatnonzero(hit).tolist():
                self._touched[number] = self._turn
            for key in [k for k in self._blocks if first <= k[1] <= last and k[0] < len(hit) and hit[k[0]]]:
                self._held -= len(self._blocks.pop(key).time)

    def turn(self) -> int:
        """A mark of now, to be given to `keep` with what is read from now on."""
        return self._turn

    def get(self, number: int, block: int) -> Stretch | None:
        """A kept block, or None."""
        with self._lock:
            found = self._blocks.get((number, block))
            if found is not None:
                self._blocks.move_to_end((number, block))
            return found

    def keep(self, number: int, block: int, stretch: Stretch, turn: int) -> None:
        """Keep a block that was read after `turn`, unless its series was written to since."""
        with self._lock:
            if self._touched.get(number, 0) > turn or len(stretch.time) > self._most // 8:
                return
            old = self._blocks.pop((number, block), EMPTY)
            self._blocks[number, block] = stretch
            self._held += len(stretch.time) - len(old.time)
            while self._held > self._most:
                _, dropped = self._blocks.popitem(last=False)
                self._held -= len(dropped.time)


def within(stretch: Stretch, start_s: int, end_s: int) -> Stretch:
    """The readings from start (inclusive) to end (exclusive)."""
    first, last = np.searchsorted(stretch.time, [start_s * 10**9, end_s * 10**9]).tolist()
    return Stretch(stretch.time[first:last], stretch.value[first:last])


def buckets(stretch: Stretch, start_s: int, step_s: int, least: float, most: float) -> list[list[float]]:
    """Rows (bucket start in s, min, mean, max) of the readings between least and most; empty buckets are left out."""
    time, value = stretch.time, stretch.value
    if len(value) and (value.min() < least or value.max() > most):
        good = (value >= least) & (value <= most)
        time, value = time[good], value[good]
    if not len(time):
        return []
    place = (time // 10**9 - start_s) // step_s
    first = np.concatenate([[0], np.flatnonzero(np.diff(place)) + 1])
    counts = np.diff(np.append(first, len(place)))
    rows = (
        (start_s + place[first] * step_s).tolist(),
        np.minimum.reduceat(value, first).tolist(),
        (np.add.reduceat(value, first) / counts).tolist(),
        np.maximum.reduceat(value, first).tolist(),
    )
    return [list(row) for row in zip(*rows, strict=True)]


def implausible(stretch: Stretch, least: float, most: float, limit: int = 200) -> list[list[float]]:
    """(time in s, value) of the readings outside least and most, evenly chosen when there are more than limit."""
    odd = np.flatnonzero((stretch.value < least) | (stretch.value > most))
    if len(odd) > limit:
        odd = odd[np.linspace(0, len(odd) - 1, limit).astype(np.int64)]
    pairs = zip((stretch.time[odd] // 10**9).tolist(), stretch.value[odd].tolist(), strict=True)
    return [list(pair) for pair in pairs]
