"""Values as decimal digits and a scale, exact both ways. Source: docs/adr/0001."""

from typing import Any

import numpy as np
import numpy.typing as npt

from crops import schema


def decimals(value: npt.NDArray[np.float64], code: npt.NDArray[np.int32], scales: npt.NDArray[np.int8]) -> Any:
    """(digits int64, scale int8) of float64 values, exact. scales: least scale by series code, raised in place.

    A decimal of up to 15 digits is digits / 10**scale, correctly rounded, so nothing is lost; any other value keeps its bits.
    """
    needed = np.full(len(value), schema.SCALE_BITS, np.int8)
    left = np.arange(len(value))
    for places in range(8):
        with np.errstate(over="ignore"):  # What overflows is no short decimal, and keeps its bits.
            scaled = np.rint(value[left] * 10.0**places)
        good = (scaled / 10.0**places == value[left]) & (np.abs(scaled) < 1e15)
        needed[left[good]] = places
        left = left[~good]
        if not len(left):
            break
    short = needed != schema.SCALE_BITS
    np.maximum.at(scales, code[short], needed[short])
    scale = np.where(short, scales[code], schema.SCALE_BITS).astype(np.int8)
    power = 10.0 ** np.where(short, scale, 0)
    with np.errstate(over="ignore", invalid="ignore"):
        digits = np.rint(value * power)
        exact = short & (np.abs(digits) < 1e15) & (digits / power == value)
    bits = value.view(np.int64)
    return np.where(exact, digits, 0).astype(np.int64) * exact + bits * ~exact, np.where(
        exact, scale, schema.SCALE_BITS
    )


def values(digits: npt.NDArray[np.int64], scale: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
    """float64 values of (digits, scale): the reverse of `decimals`."""
    bits = scale == schema.SCALE_BITS
    return np.where(bits, digits.view(np.float64), digits / 10.0 ** np.where(bits, 0, scale))
