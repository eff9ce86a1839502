"""Values as decimal digits and a scale, exact both ways. Source: docs/adr/0001."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from crops import schema


class Decimals(NamedTuple):
    """Values as digits / 10**scale. Where the scale is schema.SCALE_BITS, the digits are the bits of the float64 instead."""

    digits: npt.NDArray[np.int64]
    scale: npt.NDArray[np.int8]


def decimals(value: npt.NDArray[np.float64], code: npt.NDArray[np.int32], scales: npt.NDArray[np.int8]) -> Decimals:
    """The exact decimals of float64 values. code: the series of each value, as an index into scales.

    scales: the least scale of each series, raised in place: a decimal of up to 15 digits is digits / 10**scale, correctly
    rounded, so nothing is lost. Any other value keeps its bits.
    """
    needed = np.full(len(value), schema.SCALE_BITS, np.int8)
    undecided = np.arange(len(value))
    for places in range(8):
        with np.errstate(over="ignore"):  # A value that overflows is no short decimal, and keeps its bits.
            scaled = np.rint(value[undecided] * 10.0**places)
        is_exact = (scaled / 10.0**places == value[undecided]) & (np.abs(scaled) < 1e15)
        needed[undecided[is_exact]] = places
        undecided = undecided[~is_exact]
        if not len(undecided):
            break
    short = needed != schema.SCALE_BITS
    np.maximum.at(scales, code[short], needed[short])
    scale = np.where(short, scales[code], schema.SCALE_BITS).astype(np.int8)
    power = 10.0 ** np.where(short, scale, 0)
    with np.errstate(over="ignore", invalid="ignore"):
        digits = np.rint(value * power)
        exact = short & (np.abs(digits) < 1e15) & (digits / power == value)
    bits = value.view(np.int64)
    return Decimals(
        np.where(exact, digits, 0).astype(np.int64) * exact + bits * ~exact, np.where(exact, scale, schema.SCALE_BITS)
    )


def values(digits: npt.NDArray[np.int64], scale: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
    """The float64 values of Decimals: the reverse of `decimals`."""
    bits = scale == schema.SCALE_BITS
    return np.where(bits, digits.view(np.float64), digits / 10.0 ** np.where(bits, 0, scale))
