"""Times as files write them: which way of writing a column follows, and what moment each of its cells is. Without I/O."""

import heapq
import re
from array import array
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

TIME_FORMATS = {"iso": "year-month-day", "dmy": "day/month/year", "mdy": "month/day/year", "excel": "Excel day numbers"}
EXCEL_START = datetime(1899, 12, 30)  # noqa: DTZ001 - local time, as in the file
ISO = re.compile(r"^(\d{4})-(\d\d?)-(\d\d?)(?:[ T](\d\d?):(\d\d)(?::(\d\d)(?:\.\d+)?)?)?$")
DMY = re.compile(r"^(\d\d?)[/.](\d\d?)[/.](\d{4})(?: +(\d\d?):(\d\d)(?::(\d\d))?)?$")
SERIAL = re.compile(r"^\d{5}(?:\.\d+)?$")
FIRST_YEAR, LAST_YEAR = 1900, 2200
EARLIEST, LATEST = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)


def time_format_of(cells: list[str]) -> str:
    """The one of TIME_FORMATS that more than nine tenths of the cells are written in; "" where none is."""
    if sum(bool(ISO.match(cell)) for cell in cells) > 0.9 * len(cells):
        return "iso"
    slashed = [match for match in map(DMY.match, cells) if match]
    if len(slashed) > 0.9 * len(cells):
        # A second number above 12 can be no month; where nothing tells, the day comes first, as in most of the world.
        return "mdy" if any(int(match[2]) > 12 for match in slashed) else "dmy"
    serials = [float(cell) for cell in cells if SERIAL.match(cell)]
    if len(serials) > 0.9 * len(cells) and all(20_000 < serial < 80_000 for serial in serials):
        rising = sum(b > a for a, b in pairwise(serials))
        if rising >= 0.9 * (len(serials) - 1):
            return "excel"
    return ""


def is_storable(wall: datetime) -> bool:
    """Whether a time lies in the years that can be stored. Beyond them a clock's rules are unknown, or cannot be computed."""
    return FIRST_YEAR <= wall.year <= LAST_YEAR


@lru_cache(maxsize=8192)
def _changes_on(day: date, zone: ZoneInfo) -> bool:
    """Whether the clock is put forward or back within a day."""
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    return start.utcoffset() != (start + timedelta(days=1)).utcoffset()


def skipped(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether the clock of the zone never showed this time. wall: within the storable years."""
    if not _changes_on(wall.date(), zone):
        return False
    aware = wall.replace(tzinfo=zone)
    return aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall


def wall_of(text: str, time_format: str) -> datetime | None:
    """The local time that a cell says, without a zone; None where it cannot be read. time_format: one of TIME_FORMATS."""
    try:
        if time_format == "excel":
            return EXCEL_START + timedelta(seconds=round(float(text) * 86_400)) if SERIAL.match(text) else None
        match = (ISO if time_format == "iso" else DMY).match(text)
        if match is None:
            return None
        part_1, part_2, part_3, hour, minute, second = (int(part or 0) for part in match.groups())
        orders = {"iso": (part_1, part_2, part_3), "dmy": (part_3, part_2, part_1), "mdy": (part_3, part_1, part_2)}
        year, month, day = orders[time_format]
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - local time, as in the file
    except ValueError:
        return None


class TimeIssue(Exception):
    """Why a row's time cannot be used."""


class Clock:
    """Turns the times of a file, row by row, into seconds since 1970 UTC."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self.before: datetime | None = None
        self.numbers, self.moments = array("q"), array("q")
        self.rows_at: dict[int, int] = {}

    def moment(self, text: str, time_format: str, number: int) -> int:
        """Seconds since 1970 UTC. number: of the row. Raises TimeIssue."""
        wall = wall_of(text, time_format)
        if wall is None:
            raise TimeIssue(f"the time {text[:30]!r} cannot be read")
        if not is_storable(wall):
            raise TimeIssue(f"the time {text[:30]!r} is not within the years {FIRST_YEAR} to {LAST_YEAR}")
        if skipped(wall, self.zone):
            raise TimeIssue(f"{wall} never was in {self.zone.key}: clocks went forward")
        moment = wall.replace(tzinfo=self.zone).astimezone(UTC)
        if not EARLIEST <= moment < LATEST:  # Its own clock is in the years, ours is not.
            raise TimeIssue(f"the time {text[:30]!r} is not within the years {FIRST_YEAR} to {LAST_YEAR} in UTC")
        if self.before is not None and moment <= self.before:
            # In the hour that comes twice, a step back means the second time.
            later = wall.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
            moment = later if later > moment else moment
        self.before = moment
        at_s = int(moment.timestamp())
        self.numbers.append(number)
        self.moments.append(at_s)
        return at_s

    def earlier_row(self, at_s: int, number: int) -> int:
        """The row before this one that had the same time; 0 if none had."""
        before = self.rows_at.get(at_s, 0)
        self.rows_at[at_s] = number
        return before

    def strays(self) -> list[int]:
        """Rows whose time stands apart from all others by more than the others' whole span: at either end, at most three."""
        count = len(self.moments)
        places = range(count)
        ends = [choose(4, places, key=self.moments.__getitem__) for choose in (heapq.nsmallest, heapq.nlargest)]
        rows = []
        for side, opposite in (ends, ends[::-1]):
            for cut in range(1, min(4, count // 4 + 1)):
                at_s = self.moments[side[cut]]
                gap, span = abs(at_s - self.moments[side[cut - 1]]), abs(self.moments[opposite[0]] - at_s)
                if gap > span > 0:
                    rows += [self.numbers[place] for place in side[:cut]]
                    break
        return sorted(set(rows))
