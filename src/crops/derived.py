"""Variables that are not measured but follow from air temperature and relative humidity: VPD and dew point."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crops import psychrometrics
from crops.recent import Stretch

if TYPE_CHECKING:
    from crops.series import Series

Floats = npt.NDArray[np.float64]
KINDS = ("vpd", "dew_point")


def derive(kind: str, air_temp_c: Floats, air_rh_percent: Floats) -> Floats:
    """VPD in kPa, or dew point (up to 0.01 °C: frost point) in °C. Source: FAO 56, eq. 10 (vapour pressure)."""
    saturated_pa = psychrometrics.saturation_pressure(air_temp_c)
    share = np.clip(air_rh_percent, 0.1, 100) / 100
    if kind == "vpd":
        return np.asarray(saturated_pa * (1 - share) / 1000)
    return psychrometrics.dew_point(saturated_pa * share)


def together(kind: str, air_temp: Stretch, air_rh: Stretch) -> Stretch:
    """The derived variable at every moment that both were measured."""
    time, first, second = np.intersect1d(air_temp.time, air_rh.time, assume_unique=True, return_indices=True)
    return Stretch(time, derive(kind, air_temp.value[first], air_rh.value[second]))


def pairs(found: "Iterable[Series]", variable_of: Any) -> "list[tuple[Series, Series]]":
    """(air temperature, relative humidity) measured together: by one sender with the same tags, or the only two of a place."""
    measured: dict[Any, dict[str, list[Series]]] = {}
    for one in found:
        variable = variable_of(one.field)
        if variable is not None and variable.id in ("air_temp", "air_rh"):
            for key in ((one.origin, one.tags), one.origin):
                measured.setdefault(key, {}).setdefault(variable.id, []).append(one)
    joined = {}
    for both in measured.values():
        temperatures, humidities = both.get("air_temp", []), both.get("air_rh", [])
        if len(temperatures) == len(humidities) == 1:
            joined[temperatures[0].id] = (temperatures[0], humidities[0])
    return [joined[number] for number in sorted(joined)]
