"""Day and night at a place, for the shading of charts."""

from datetime import UTC, datetime, timedelta

from astral import Observer
from astral.sun import elevation, sun


def nights(facts: dict[str, object], start_s: int, end_s: int) -> list[list[int]]:
    """[sunset, sunrise] in epoch seconds of each night that touches the span. facts: latitude, longitude in degrees.

    Where the sun does not rise that day the whole day is night; where it does not set there is none.
    """
    latitude, longitude = facts.get("latitude"), facts.get("longitude")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return []
    observer, spans = Observer(latitude, longitude), []
    day = datetime.fromtimestamp(start_s, UTC).date() - timedelta(days=1)
    last_day = datetime.fromtimestamp(end_s, UTC).date() + timedelta(days=1)
    edges: list[tuple[int, bool]] = []  # (moment, whether the sun is up from then on)
    while day <= last_day:
        try:
            sun_times = sun(observer, date=day, tzinfo=UTC)
            edges += [(int(sun_times["sunrise"].timestamp()), True), (int(sun_times["sunset"].timestamp()), False)]
        except ValueError:  # Polar day or polar night.
            noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
            edges.append((int(noon.timestamp()) - 43_200, elevation(observer, noon) > 0))
        day += timedelta(days=1)
    edges.sort()
    dark: int | None = None
    for moment, light in [*edges, (end_s, True)]:
        if not light and dark is None:
            dark = moment
        elif light and dark is not None:
            if moment > start_s and dark < end_s:
                spans.append([max(dark, start_s), min(moment, end_s)])
            dark = None
    return spans
