"""What an amendment of stored readings writes: readings deleted, marked as wrong, moved in time, or converted. Pure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crops import versions
from crops.decimals import decimals, values
from crops.records import Columns
from crops.versions import Stored

DELETE, MARK, SHIFT, CONVERT = KINDS = ("delete", "mark", "shift", "convert")
DIGITS_KEPT = 9  # significant ones, of a converted value: sensors have fewer


class OutOfRangeError(Exception):
    """A converted value is larger than a number may be."""


@dataclass(frozen=True, slots=True)
class Amendment:
    """What is done. kind: of KINDS; shift_s: of a SHIFT; factor, offset: of a CONVERT, value * factor + offset."""

    kind: str
    shift_s: int = 0
    factor: float = 1.0
    offset: float = 0.0


def written(amendment: Amendment, readings: Columns) -> Columns:
    """What is written, sorted by series and time, one row each. readings: the readings that it is about, sorted likewise.

    Raises OutOfRangeError.
    """
    stored = Stored(readings.digits, readings.scale)
    if amendment.kind == DELETE:
        return _columns(readings, versions.nothing(len(readings.series)))
    if amendment.kind == MARK:
        return _columns(readings, versions.marked(stored))
    if amendment.kind == CONVERT:
        return _columns(readings, _converted(amendment, readings))
    gone = _columns(readings, versions.nothing(len(readings.series)))
    moved = Columns(readings.series, readings.time + amendment.shift_s * 10**9, readings.digits, readings.scale)
    return last_of_each(
        Columns(
            np.concatenate([gone.series, moved.series]),
            np.concatenate([gone.time, moved.time]),
            np.concatenate([gone.digits, moved.digits]),
            np.concatenate([gone.scale, moved.scale]),
        )
    )


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
