"""Pure rules of sites: facts about a site, target ranges, and the state of a reading."""

import math
from zoneinfo import ZoneInfo

from crop_contract.variables import VARIABLES
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.time_zones import time_zones

Ranges = dict[str, list[float | None]]
SILENT_INTERVALS = 3  # A series is silent when so many of its usual intervals passed without a reading.
SILENT_LEAST_S = 15.0  # No sooner: a reading takes some seconds to get here.
SILENT_UNKNOWN_S = 3600.0  # for a series with too few readings to know its interval
STEADY = 0.02  # share of the day's span below which a change within the hour counts as none


def site_facts(raw: dict[str, str]) -> dict[str, object]:
    """latitude and longitude (degrees), time_zone (IANA), area_m2, crop, as a person wrote them. Raises InvalidError."""
    zone = raw.get("time_zone", "")
    if zone not in time_zones():
        raise InvalidError("Choose a time zone such as Europe/Rome.", field="time_zone")
    ZoneInfo(zone)
    return {
        "latitude": _number(raw, "latitude", -90, 90),
        "longitude": _number(raw, "longitude", -180, 180),
        "time_zone": zone,
        "area_m2": _number(raw, "area_m2", 0, 10_000_000),
        "crop": raw.get("crop", "").strip()[:80],
    }


def _number(raw: dict[str, str], field: str, least: float, most: float) -> float | None:
    text = raw.get(field, "").strip().replace(",", ".")
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        limits: dict[str, object] = {"least": f"{least:g}", "most": f"{most:g}"}
        raise InvalidError("Write a number from %(least)s to %(most)s, or leave it empty.", field=field, values=limits)
    return number


def target_ranges_with(ranges: Ranges | None, raw: dict[str, str]) -> Ranges:
    """The target ranges with the one that a person wrote for a variable. Raises InvalidError.

    raw: `variable`, `least`, `most` (in the variable's unit; both empty: no range).
    """
    variable = VARIABLES.get(raw.get("variable", ""))
    if variable is None:
        raise InvalidError("Choose a variable of the catalogue.", field="variable")
    least, most = (_number(raw, field, variable.least, variable.most) for field in ("least", "most"))
    if least is not None and most is not None and least >= most:
        raise InvalidError("The lower limit must be below the upper one.", field="least")
    other_ranges = {key: value for key, value in (ranges or {}).items() if key != variable.id}
    return other_ranges if least is None and most is None else other_ranges | {variable.id: [least, most]}


def silent_after_s(usual_s: float | None) -> float:
    """Seconds without a reading after which a series is silent. usual_s: its usual interval in s, None if unknown."""
    if not usual_s:
        return SILENT_UNKNOWN_S
    return max(SILENT_LEAST_S, SILENT_INTERVALS * usual_s)


def state_of(
    value: float | None,
    at: float | None,
    now: float,
    plausible: list[float | None],
    target_range: list[float | None],
    usual_s: float | None = None,
) -> str:
    """silent, implausible, low, high or ok. plausible, target_range: [least, most], None where there is no bound.

    usual_s: how far apart the readings usually lie.
    """
    if value is None or at is None or now - at > silent_after_s(usual_s):
        return "silent"
    if not _inside(value, plausible):
        return "implausible"
    if _inside(value, target_range):
        return "ok"
    return "low" if target_range[0] is not None and value < target_range[0] else "high"


def _inside(value: float, bounds: list[float | None]) -> bool:
    least, most = bounds
    return (least is None or value >= least) and (most is None or value <= most)


def trend_of(rows: list[list[float]], now: float) -> str:
    """rising, falling or steady over the last hour, from rows (time, mean); "" where too little is known."""
    recent = [value for at, value in rows if at > now - 1800]
    before = [value for at, value in rows if now - 5400 < at <= now - 3600]
    if not recent or not before:
        return ""
    values = [value for _, value in rows]
    change, span = recent[-1] - before[-1], max(values) - min(values)
    if span == 0 or abs(change) < STEADY * span:
        return "steady"
    return "rising" if change > 0 else "falling"


def sparkline(
    rows: list[list[float]], start: float, end: float, joined_s: float, width: int = 120, height: int = 28
) -> str:
    """An SVG path for rows (time, mean) between start and end. Rows further apart than joined_s are not joined by a line."""
    if len(rows) < 2:
        return ""
    values = [value for _, value in rows]
    least, span = min(values), (max(values) - min(values)) or 1.0
    path, before = [], None
    for at, value in rows:
        x, y = (at - start) / (end - start) * width, height - 2 - (value - least) / span * (height - 4)
        # The short stroke makes a reading that stands alone a dot.
        path.append(f"L{x:.1f},{y:.1f}" if before is not None and at - before <= joined_s else f"M{x:.1f},{y:.1f}h.1")
        before = at
    return "".join(path)
