"""Saturation pressure and dew point against psychrolib and against the published table."""

import numpy as np
import pytest

from crops import psychrometrics
from crops.derived import derive

# °C, saturation pressure in Pa, dew point in °C at 12.5, 60 and 93.2 %: worked out with psychrolib 2.5.0
# (GetSatVapPres, GetTDewPointFromRelHum).
HUMIDITIES = (12.5, 60.0, 93.2)
WORKED = (
    (-40.0, 12.845249304105623, -57.039368012, -44.429031189, -40.620726502),
    (-10.0, 259.9028649521791, -31.500955470, -15.630094353, -10.790838490),
    (-0.5, 586.4566018120869, -23.520093122, -6.542249410, -1.349356462),
    (0.0, 611.1535708907679, -23.101471245, -6.064372857, -0.852499569),
    (0.4, 629.2041175827902, -22.805226013, -5.726122802, -0.500791499),
    (5.0, 872.4866542640299, -19.429231588, -1.867202583, 3.994362475),
    (18.3, 2103.5758014970497, -9.868771397, 10.410078902, 17.182866891),
    (27.77, 3731.8080416684047, -3.241244705, 19.298493191, 26.569106149),
    (41.2, 7869.105425354362, 6.731374287, 31.861777926, 39.874010808),
    (60.0, 19943.760621620728, 21.034647437, 49.365588438, 58.486372567),
)
# ASHRAE Handbook - Fundamentals 2017, chapter 1, table 3: °C, Pa.
PUBLISHED = (
    (-20.0, 103.24),
    (-5.0, 401.74),
    (5.0, 872.6),
    (25.0, 3169.7),
    (50.0, 12351.3),
    (100.0, 101418.0),
    (150.0, 476101.4),
)


@pytest.mark.parametrize(("temperature", "pressure", "dry", "middling", "damp"), WORKED)
def test_values_are_those_of_psychrolib(
    temperature: float, pressure: float, dry: float, middling: float, damp: float
) -> None:
    air = np.full(3, temperature), np.array(HUMIDITIES)
    assert psychrometrics.saturation_pressure(air[0])[0] == pytest.approx(pressure, rel=1e-12)
    expected_vpd = [pressure * (1 - percent / 100) / 1000 for percent in HUMIDITIES]
    assert derive("vpd", *air).tolist() == pytest.approx(expected_vpd, rel=1e-9)
    # In kelvin: the table is 5e-6 off at most, and near 0 °C a relative error says nothing.
    assert derive("dew_point", *air).tolist() == pytest.approx([dry, middling, damp], abs=1e-5)


@pytest.mark.parametrize(("temperature", "pressure"), PUBLISHED)
def test_pressures_are_those_of_the_published_table(temperature: float, pressure: float) -> None:
    assert psychrometrics.saturation_pressure(np.array([temperature]))[0] == pytest.approx(pressure, rel=3e-4)


def test_the_dew_point_of_saturated_air_is_its_temperature() -> None:
    temperature = np.concatenate([np.arange(-100, 200, 0.0137), np.linspace(-0.1, 0.1, 2001), [0.01, 200]])
    there_and_back = psychrometrics.dew_point(psychrometrics.saturation_pressure(temperature))
    assert np.abs(there_and_back - temperature).max() < 5e-6


def test_what_lies_outside_counts_as_the_nearest_and_nan_stays() -> None:
    low, first, last, high = psychrometrics.saturation_pressure(np.array([-300.0, -100.0, 200.0, 1e9]))
    assert (low, high) == (first, last)
    assert np.isnan(psychrometrics.saturation_pressure(np.array([np.nan])))[0]
    assert psychrometrics.dew_point(np.array([1e-30, 1e30])).tolist() == [-100, 200]
