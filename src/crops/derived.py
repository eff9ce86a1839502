"""Variables that are calculated from air temperature and relative humidity: VPD and dew point."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crops import psychrometrics
from crops.cache import Segment

if TYPE_CHECKING:
    from crop_contract.variables import Variable
    from crops.series import Series

Floats = npt.NDArray[np.float64]
KINDS = ("vpd", "dew_point")


class ClimatePair(NamedTuple):
    """Two series that were measured together, from which the derived variables are calculated."""

    air_temp: "Series"
    air_rh: "Series"


def derive(kind: str, air_temp_c: Floats, air_rh_percent: Floats) -> Floats:
    """VPD in kPa, or dew point (up to 0.01 °C: frost point) in °C. Source: FAO 56, eq. 10 (vapour pressure).

    kind: of KINDS. Humidities below 0.1 % or above 100 % count as the nearest of the two.
    """
    saturated_pa = psychrometrics.saturation_pressure(air_temp_c)
    saturation = np.clip(air_rh_percent, 0.1, 100) / 100
    if kind == "vpd":
        return np.asarray(saturated_pa * (1 - saturation) / 1000)
    return psychrometrics.dew_point(saturated_pa * saturation)


def derive_segment(kind: str, air_temp: Segment, air_rh: Segment) -> Segment:
    """The derived variable at every time at which both were measured."""
    time, first, second = np.intersect1d(air_temp.time, air_rh.time, assume_unique=True, return_indices=True)
    return Segment(time, derive(kind, air_temp.value[first], air_rh.value[second]))


def pairs(series: "Iterable[Series]", variable_of: "Callable[[str], Variable | None]") -> list[ClimatePair]:
    """The air temperatures and relative humidities that belong together, by the number of the temperature's series.

    They do when they have the same origin and the same tags, or are the only two of their origin. variable_of: the variable
    that a field's name means, if any.
    """
    by_source: dict[Any, dict[str, list[Series]]] = {}
    for candidate in series:
        variable = variable_of(candidate.field)
        if variable is not None and variable.id in ("air_temp", "air_rh"):
            for source in ((candidate.origin, candidate.tags), candidate.origin):
                by_source.setdefault(source, {}).setdefault(variable.id, []).append(candidate)
    pair_of: dict[int, ClimatePair] = {}
    for by_variable in by_source.values():
        temperatures, humidities = by_variable.get("air_temp", []), by_variable.get("air_rh", [])
        if len(temperatures) == len(humidities) == 1:
            pair_of[temperatures[0].id] = ClimatePair(temperatures[0], humidities[0])
    return [pair_of[number] for number in sorted(pair_of)]
