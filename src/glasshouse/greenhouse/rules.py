"""Pure rules of sites: what may be said of one."""

import math
from zoneinfo import ZoneInfo, available_timezones

from glasshouse.kernel.errors import InvalidError


def site_facts(raw: dict[str, str]) -> dict[str, object]:
    """latitude and longitude (degrees), time_zone (IANA), area_m2, crop, as a person wrote them. Raises InvalidError."""
    zone = raw.get("time_zone", "")
    if zone not in available_timezones():
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
        raise InvalidError(f"Write a number from {least:g} to {most:g}, or leave it empty.", field=field)
    return number
