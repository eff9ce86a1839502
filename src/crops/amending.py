"""What an amendment of stored readings writes: readings deleted, marked, unmarked, moved in time, or converted. Pure."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from crops import schema, versions
from crops.decimals import decimals, values
from crops.records import Columns
from crops.versions import Stored

DELETE, MARK, UNMARK, SHIFT, CONVERT = KINDS = ("delete", "mark", "unmark", "shift", "convert")
DIGITS_KEPT = 9  # significant ones, of a converted value: sensors have fewer


class OutOfRangeError(Exception):
    """A converted value is larger than a number may be."""


class ClockError(Exception):
    """Readings cannot have the clock that they are said to have: it skipped their time, or two would lie at one time."""


class ShiftStep(NamedTuple):
    """From when on (epoch s) readings are moved by how much; None: the clock that is named skipped these times."""

    from_s: int
    shift_s: int | None


class Point(NamedTuple):
    """A reading by its series and time (ns since 1970 UTC)."""

    series: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class Amendment:
    """What is done. kind: of KINDS; factor, offset: of a CONVERT, value * factor + offset; only: these readings alone.

    shift_s: of a SHIFT; steps, ascending: of one whose length differs with time, in place of shift_s.
    """

    kind: str
    shift_s: int = 0
    factor: float = 1.0
    offset: float = 0.0
    steps: tuple[ShiftStep, ...] = ()
    only: frozenset[Point] = frozenset()

    @property
    def concerns(self) -> str:
        """Which stored readings it is about, in SQL."""
        if self.kind == UNMARK:
            return "scale < 0"
        return schema.IS_SHOWN if self.kind == MARK else f"scale != {schema.SCALE_ABSENT}"

    def picked(self, readings: Columns) -> Columns:
        """Those of some readings that it is about."""
        if not self.only:
            return readings
        points = zip(readings.series.tolist(), readings.time.tolist(), strict=True)
        return readings.picked(np.array([Point(*point) in self.only for point in points], np.bool_))

    def moved_to(self, time_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Where a SHIFT moves these times. Raises ClockError."""
        if not self.steps:
            return time_ns + self.shift_s * 10**9
        place = np.searchsorted(np.array([step.from_s for step in self.steps]) * 10**9, time_ns, side="right") - 1
        place = np.maximum(place, 0)
        if np.isin(place, [number for number, step in enumerate(self.steps) if step.shift_s is None]).any():
            raise ClockError
        return time_ns + np.array([step.shift_s or 0 for step in self.steps], np.int64)[place] * 10**9

    def moved_s(self, at_s: int) -> int:
        """Where a SHIFT moves one time, in epoch s."""
        if not self.steps:
            return at_s + self.shift_s
        place = max(0, bisect_right([step.from_s for step in self.steps], at_s) - 1)
        return at_s + (self.steps[place].shift_s or 0)


def written(amendment: Amendment, readings: Columns) -> Columns:
    """What is written, sorted by series and time, one row each. readings: the readings that it is about, sorted likewise.

    Raises OutOfRangeError, ClockError.
    """
    stored = Stored(readings.digits, readings.scale)
    if amendment.kind == DELETE:
        return _columns(readings, versions.nothing(len(readings.series)))
    if amendment.kind == MARK:
        return _columns(readings, versions.marked(stored))
    if amendment.kind == UNMARK:
        return _columns(readings, Stored(stored.digits, versions.plain_scale(stored.scale)))
    if amendment.kind == CONVERT:
        return _columns(readings, _converted(amendment, readings))
    gone = _columns(readings, versions.nothing(len(readings.series)))
    moved = moved_by(amendment, readings)
    return last_of_each(
        Columns(
            np.concatenate([gone.series, moved.series]),
            np.concatenate([gone.time, moved.time]),
            np.concatenate([gone.digits, moved.digits]),
            np.concatenate([gone.scale, moved.scale]),
        )
    )


def moved_by(amendment: Amendment, readings: Columns) -> Columns:
    """The readings where a SHIFT moves them, sorted by series and time. Raises ClockError."""
    moved = Columns(readings.series, amendment.moved_to(readings.time), readings.digits, readings.scale)
    if not amendment.steps:
        return moved
    moved = moved.picked(np.lexsort((moved.time, moved.series)))
    if len(versions.last_rows(moved.series, moved.time)) < len(moved.series):
        raise ClockError
    return moved


def _columns(readings: Columns, stored: Stored) -> Columns:
    return Columns(readings.series, readings.time, stored.digits, stored.scale)


def _converted(amendment: Amendment, readings: Columns) -> Stored:
    with np.errstate(over="ignore"):
        value = values(readings.digits, versions.plain_scale(readings.scale)) * amendment.factor + amendment.offset
    if not np.isfinite(value).all():
        raise OutOfRangeError
    numbers, code = np.unique(readings.series, return_inverse=True)
    new = decimals(_rounded(value), code.astype(np.int32), np.zeros(len(numbers), np.int8))
    stored = Stored(new.digits, new.scale.astype(np.int8))
    return Stored(
        stored.digits, np.where(readings.scale < 0, versions.marked(stored).scale, stored.scale).astype(np.int8)
    )


def _rounded(value: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The values to DIGITS_KEPT significant digits, so that 70 °F becomes 21.1111111 °C and no endless row of digits."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        places = np.clip(DIGITS_KEPT - 1 - np.floor(np.log10(np.abs(value))), -300, 15)
        rounded = np.rint(value * 10.0**places) / 10.0**places
    return np.where(np.isfinite(rounded), rounded, value)


def last_of_each(columns: Columns) -> Columns:
    """Readings sorted by series and time; of several at one time the last counts."""
    series, at = columns.series, columns.time
    if ((series[1:] > series[:-1]) | ((series[1:] == series[:-1]) & (at[1:] > at[:-1]))).all():
        return columns  # As most files are.
    order = np.lexsort((at, series))  # It keeps the order of equal ones.
    in_order = columns.picked(order)
    last = versions.last_rows(in_order.series, in_order.time)
    return in_order.picked(last)
