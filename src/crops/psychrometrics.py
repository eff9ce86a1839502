"""Saturation pressure of water vapour and dew point, for arrays.

The handbook changes from one equation to the other at 0 °C, where their results differ. This module changes at the triple
point, 0.01 °C, where they agree to within 1e-8, so that every pressure has exactly one dew point.

Source: ASHRAE Handbook - Fundamentals (SI), 2017, chapter 1, equations 5 (over ice) and 6 (over water).
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
ZERO_C_IN_K, TRIPLE_POINT_C = 273.15, 0.01
LEAST_C, MOST_C = -100.0, 200.0
STEP_C = 0.05


def _log_over_ice(kelvin: Floats) -> Floats:
    """Equation 5: natural logarithm of the pressure in Pa, -100 to 0 °C."""
    powers = 6.3925247 + kelvin * (
        -9.677843e-3 + kelvin * (6.2215701e-7 + kelvin * (2.0747825e-9 - kelvin * 9.484024e-13))
    )
    return np.asarray(-5.6745359e3 / kelvin + powers + 4.1635019 * np.log(kelvin))


def _log_over_water(kelvin: Floats) -> Floats:
    """Equation 6: natural logarithm of the pressure in Pa, 0 to 200 °C."""
    powers = 1.3914993 + kelvin * (-4.8640239e-2 + kelvin * (4.1764768e-5 - kelvin * 1.4452093e-8))
    return np.asarray(-5.8002206e3 / kelvin + powers + 6.5459673 * np.log(kelvin))


def _log_pressure(temperature_c: Floats) -> Floats:
    kelvin = temperature_c + ZERO_C_IN_K
    ice = temperature_c <= TRIPLE_POINT_C
    if not ice.any():
        return _log_over_water(kelvin)
    return np.where(ice, _log_over_ice(kelvin), _log_over_water(kelvin))


def saturation_pressure(temperature_c: Floats) -> Floats:
    """Pressure of water vapour in saturated air, in Pa: over ice up to 0.01 °C, over water above.

    temperature_c: °C, any shape. A value outside -100 to 200 counts as the nearest of the two. NaN stays NaN.
    Accuracy: within 0.03 % of table 3 of the chapter from -20 °C to 150 °C.
    """
    return np.asarray(np.exp(_log_pressure(np.clip(temperature_c, LEAST_C, MOST_C))))


class _InverseTable(NamedTuple):
    """Logarithms of pressures in Pa, ascending, and for each the temperature in °C that it saturates at."""

    log_pressure: Floats
    temperature_c: Floats


@cache
def _inverse_table() -> _InverseTable:
    """The triple point is an entry, because the slope changes there by a tenth."""
    temperature_c = np.union1d(np.arange(LEAST_C, MOST_C, STEP_C), [TRIPLE_POINT_C, MOST_C])
    return _InverseTable(_log_pressure(temperature_c), temperature_c)


def dew_point(pressure_pa: Floats) -> Floats:
    """Temperature in °C at which a pressure of water vapour saturates the air. Up to 0.01 °C it is the frost point.

    pressure_pa: Pa, above 0, any shape. A value outside the pressures of -100 to 200 °C counts as the nearest of the two.
    Accuracy: inverts saturation_pressure to 5e-6 K. Between two entries of a table, 0.05 K apart, the logarithm of the pressure
    is interpolated linearly.
    """
    table = _inverse_table()
    return np.asarray(np.interp(np.log(pressure_pa), table.log_pressure, table.temperature_c))
