"""The names of time zones."""

from functools import cache
from zoneinfo import available_timezones

NO_ZONES = {"localtime", "Factory"}  # files beside the zones: the server's own clock, and none


@cache
def time_zones() -> frozenset[str]:
    """The names of all time zones (IANA). The standard library looks at a few hundred files for them, so it is asked once."""
    return frozenset(available_timezones() - NO_ZONES)
