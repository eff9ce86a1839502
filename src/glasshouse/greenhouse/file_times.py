"""Times as files write them: what local time a text says, and which moment that is. Without I/O.

A text is cut into its date and its time of day, and each of both is read once however often it comes: a file of a year has 366
dates and 288 times of day. What a text says by itself (year first, a month by name, a week, an offset) is read in every order;
the order counts only where the text leaves it open. `file_clock.py` decides which order, over the whole file.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from glasshouse.greenhouse.statements import Statement, Values
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.time_zones import NO_ZONES, time_zones

TIME_FORMATS = {
    "iso": "year-month-day",
    "dmy": "day/month/year",
    "mdy": "month/day/year",
    "excel": "Excel day numbers",
    "excel1904": "Excel day numbers from 1904",
    "epoch": "seconds since 1970",
    "epoch_ms": "milliseconds since 1970",
}
WRITTEN = ("iso", "dmy", "mdy")  # the others are numbers
FIRST_YEAR, LAST_YEAR = 1900, 2200
EPOCH_DAY = date(1970, 1, 1).toordinal()
EARLIEST_S = (date(FIRST_YEAR, 1, 1).toordinal() - EPOCH_DAY) * 86_400
LATEST_S = (date(LAST_YEAR + 1, 1, 1).toordinal() - EPOCH_DAY) * 86_400
LONGEST_TIME = 64  # characters of a cell
MOST_CACHED = 2_000_000
EXCEL_EPOCH_DAY = {"excel": 25_569, "excel1904": 24_107}  # Excel's number of 1970-01-01

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januari januar janvier janv enero ene gennaio gen janeiro styczen styczeń sty stycznia",
            "feb february februari februar février fevrier févr fevr fév febrero febbraio fevereiro fev luty lut lutego",
            "mar march maart mrt märz maerz mär mrz mars marzo março marco marzec marca",
            "apr april avril avr abril abr aprile kwiecien kwiecień kwi kwietnia",
            "may mei mai mayo maggio mag maio maj maja",
            "jun june juni juin junio giugno giu junho czerwiec cze czerwca",
            "jul july juli juillet juil julio luglio lug julho lipiec lip lipca",
            "aug august augustus août aout aoû agosto ago sierpien sierpień sie sierpnia",
            "sep sept september septembre septiembre set settembre setembro wrzesien wrzesień wrz września wrzesnia",
            "oct october okt oktober octobre octubre ottobre ott outubro out pazdziernik październik paź paz października",
            "nov november novembre noviembre novembro listopad lis listopada",
            "dec december dez dezember décembre decembre déc diciembre dic dicembre dezembro grudzien grudzień gru grudnia",
        ),
        1,
    )
    for name in names.split()
}
WEEKDAY = r"(?:[^\W\d_]{2,12}\.?,?\s+)?"
NUMERIC = re.compile(WEEKDAY + r"(\d{1,4})([-/. ])\s?(\d{1,2})\2\s?(\d{1,4})\.?$")
NAMED = re.compile(WEEKDAY + r"(\d{1,4})[ .\-/]{0,2}([^\W\d_]{3,12})[ .\-/,]{0,2}(\d{1,4})$")
NAMED_FIRST = re.compile(WEEKDAY + r"([^\W\d_]{3,12})\.?\s+(\d{1,2}),?\s+(\d{4})$")
WEEK = re.compile(r"(\d{4})[- ]?W(\d{1,2})(?:-?([1-7]))?$", re.IGNORECASE)
COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)$")
COMPACT_WHOLE = re.compile(r"(\d{8})[T ]?(\d\d)(\d\d)(\d\d)?(Z?)$")
DOTTED = re.compile(r"(.*\d)[ T,]+(\d{1,2}[.h]\d\d(?:[.m]\d\d)?s?.{0,12})$")
CLOCK = re.compile(
    r"(\d{1,2})[:.h](\d{1,2})(?:[:.m](\d{1,2})s?(?:[.,](\d{1,9}))?)?"
    r"\s*([AaPp]\.?\s?[Mm]\.?)?\s*(Z|z|[A-Za-z]{3,5})?\s*(?:([+\u2212-])(\d{1,2}):?(\d\d)?)?\s*(?:\(?[A-Z]{3,5}\)?)?$"
)
HOUR_ONLY = re.compile(r"(\d{1,2})\s*([AaPp])\.?[Mm]\.?$")
SERIAL = re.compile(r"\d{5}(?:[.,]\d{1,12})?$")
EPOCHS = re.compile(r"\d{9,10}(?:[.,]\d{1,9})?$")
EPOCHS_MS = re.compile(r"\d{12,13}$")
OFFSET_NAME = re.compile(r"([+-])(\d\d):(\d\d)$")
AT_UTC = {"z", "utc", "gmt", "ut"}
# Of abbreviations only those that mean one offset in the whole world of greenhouses; the others leave the site's clock.
ABBREVIATIONS = {"cet": 3600, "cest": 7200, "mez": 3600, "mesz": 7200, "eet": 7200, "eest": 10_800, "bst": 3600}
ABBREVIATIONS |= {
    "wet": 0,
    "west": 3600,
    "edt": -14_400,
    "cdt": -18_000,
    "mdt": -21_600,
    "pst": -28_800,
    "pdt": -25_200,
}
ABBREVIATIONS |= {"est": -18_000, "jst": 32_400, "nzst": 43_200, "nzdt": 46_800, "aest": 36_000, "aedt": 39_600}


class TimeOfDay(NamedTuple):
    """Seconds since midnight, and the offset from UTC where the text names one."""

    seconds: float
    offset_s: int | None


class Wall(NamedTuple):
    """A local time as seconds since 1970 by that clock, and its offset from UTC where the text names one."""

    seconds: float
    offset_s: int | None


class Cut(NamedTuple):
    """A text cut into its date and its time of day ("" where it has none)."""

    date: str
    clock: str


def cut(text: str) -> Cut:
    """The date and the time of day in a text."""
    colon = text.find(":")
    if colon > 0:
        begins = colon
        while begins and text[begins - 1].isdigit():
            begins -= 1
        if not begins:  # the time of day first
            clock, _, day = text.partition(" ")
            if day[:2].upper() in ("AM", "PM"):
                clock, day = f"{clock} {day[:2]}", day[2:]
            return Cut(day.strip(), clock)
        return Cut(text[:begins].rstrip(" T,t;"), text[begins:])
    if len(text) > 10:
        whole = COMPACT_WHOLE.match(text)
        if whole:
            return Cut(whole[1], f"{whole[2]}:{whole[3]}:{whole[4] or '00'}{whole[5]}")
        dotted = DOTTED.match(text)
        if dotted:
            return Cut(dotted[1].rstrip(","), dotted[2])
        if text[-1] in "mM." and (end := text.rfind(" ", 0, -3)) > 0:
            return Cut(text[:end], text[end + 1 :])
    return Cut(text, "")


def day_of(text: str, order: str) -> int | None:
    """The days since 1970 of a date; None where it is none in this order ("iso", "dmy", "mdy")."""
    if len(text) > LONGEST_TIME:
        return None
    try:
        numbers = _numbers_of(text, order)
        return date(*numbers).toordinal() - EPOCH_DAY if numbers else None
    except (ValueError, OverflowError):
        return None


def _numbers_of(text: str, order: str) -> tuple[int, int, int] | None:
    """Year, month and day. Raises ValueError for a week that is none."""
    match = NUMERIC.match(text)
    if match:
        first, middle, last = match[1], match[3], match[4]
        if len(first) == 4 and len(last) <= 2:
            return int(first), int(middle), int(last)
        if len(first) > 2 or len(last) not in (2, 4):
            return None
        if order == "iso":
            return (_year(first), int(middle), int(last)) if len(last) == len(first) == 2 else None
        day, month = (first, middle) if order == "dmy" else (middle, first)
        return _year(last), int(month), int(day)
    match = NAMED.match(text)
    if match and match[2].casefold() in MONTHS:
        month = MONTHS[match[2].casefold()]
        if len(match[1]) == 4:
            return int(match[1]), month, int(match[3])
        return _year(match[3]), month, int(match[1])
    match = NAMED_FIRST.match(text)
    if match and match[1].casefold() in MONTHS:
        return int(match[3]), MONTHS[match[1].casefold()], int(match[2])
    match = WEEK.match(text)
    if match:
        monday = date.fromisocalendar(int(match[1]), int(match[2]), int(match[3] or 1))
        return monday.year, monday.month, monday.day
    match = COMPACT.match(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match and match[1] > "1899" else None


def _year(text: str) -> int:
    year = int(text)
    return year if len(text) == 4 else year + (2000 if year < 70 else 1900)


def clock_of(text: str) -> TimeOfDay | None:
    """The time of day that a text says; None where it says none."""
    if len(text) > LONGEST_TIME:
        return None
    match = CLOCK.match(text)
    if match is None:
        short = HOUR_ONLY.match(text)
        if short is None or not 1 <= int(short[1]) <= 12:
            return None
        return TimeOfDay((int(short[1]) % 12 + 12 * (short[2] in "pP")) * 3600.0, None)
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    if match[5]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (match[5][0] in "pP")
    fraction = float(f"0.{match[4]}") if match[4] else 0.0
    if minute > 59 or second > 59 or hour > 24 or (hour == 24 and (minute or second or fraction)):
        return None
    offset = _offset_of(match)
    return None if offset == _NONE else TimeOfDay(hour * 3600 + minute * 60 + second + fraction, offset)


_NONE = 1 << 30


def _offset_of(match: "re.Match[str]") -> int | None:
    """The offset that is written behind a time of day; _NONE where what stands there is no zone."""
    name = (match[6] or "").casefold()
    if match[7]:
        if name and name not in AT_UTC:
            return _NONE
        seconds = int(match[8]) * 3600 + int(match[9] or 0) * 60
        return seconds if match[7] == "+" else -seconds
    if name in AT_UTC:
        return 0
    return ABBREVIATIONS.get(name, _NONE) if name else None


def time_of_day_in(text: str) -> str:
    """The time of day in the cell of a column of its own: a spreadsheet writes a date of 1899 before it."""
    day, clock = cut(text)
    return clock if clock and day_of(day, "iso") is not None else text


class WallReader:
    """Reads the local times of a file, by one of TIME_FORMATS."""

    def __init__(self, time_format: str) -> None:
        self.time_format = time_format
        self._days: dict[str, int | None] = {}
        self._clocks: dict[str, TimeOfDay | None] = {"": TimeOfDay(0.0, None)}

    def wall(self, text: str, clock: str = "") -> Wall | None:
        """What a cell says, or two: the date and, in a column of its own, the time of day. None where it cannot be read."""
        if self.time_format not in WRITTEN:
            return number_wall(text, clock, self.time_format)
        day_text, clock_text = cut(text)
        if clock:
            if clock_text and self._clock(clock_text) not in (None, (0.0, None)):
                return None
            clock_text = time_of_day_in(clock)
        days = self._days
        if day_text in days:
            day = days[day_text]
        else:
            day = day_of(day_text, self.time_format)
            if len(days) < MOST_CACHED:
                days[day_text] = day
        time_of_day = self._clock(clock_text)
        if day is None or time_of_day is None:
            return None
        return Wall(day * 86_400 + time_of_day.seconds, time_of_day.offset_s)

    def _clock(self, text: str) -> TimeOfDay | None:
        clocks = self._clocks
        if text in clocks:
            return clocks[text]
        time_of_day = clock_of(text)
        if len(clocks) < MOST_CACHED:
            clocks[text] = time_of_day
        return time_of_day


def number_wall(text: str, clock: str, time_format: str) -> Wall | None:
    """What a number says: Excel's days (a column of its own may hold the time of day), or what has passed since 1970 UTC."""
    pattern = {"epoch": EPOCHS, "epoch_ms": EPOCHS_MS}.get(time_format, SERIAL)
    if not pattern.match(text):
        return None
    number = float(text.replace(",", "."))
    if time_format == "epoch":
        return Wall(number, 0)
    if time_format == "epoch_ms":
        return Wall(number / 1000, 0)
    days = number - EXCEL_EPOCH_DAY[time_format]
    if clock:
        time_of_day = clock_of(clock)
        part = re.fullmatch(r"0?[.,]\d{1,12}|0", clock)
        seconds = time_of_day.seconds if time_of_day else float(clock.replace(",", ".")) * 86_400 if part else None
        return None if seconds is None else Wall(round(days) * 86_400 + round(seconds), None)
    return Wall(float(round(days * 86_400)), None)


# -- zones -----------------------------------------------------------------------------------------------------------


def zone_of(name: str) -> tzinfo:
    """The clock of a zone's name, or of an offset such as "+05:30". Raises InvalidError."""
    match = OFFSET_NAME.match(name)
    if match and int(match[2]) < 24 and int(match[3]) < 60:
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return timezone(offset if match[1] == "+" else -offset)
    try:
        zone = None if name in NO_ZONES else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = None
    if zone is None:
        raise InvalidError("Choose a time zone such as Europe/Rome.", field="zone")
    return zone


def is_zone(name: str) -> bool:
    """Whether a name is one of a zone, or an offset such as "+05:30"."""
    return bool(OFFSET_NAME.match(name)) or name in time_zones()


def offset_name(seconds: float) -> str:
    """The name of a clock that always has this offset from UTC."""
    if seconds % 3600 == 0 and -14 <= seconds / 3600 <= 12:
        return f"Etc/GMT{-int(seconds // 3600):+d}" if seconds else "Etc/GMT"
    minutes = round(abs(seconds) / 60)
    return f"{'+' if seconds >= 0 else '-'}{minutes // 60:02d}:{minutes % 60:02d}"


def local(seconds: float) -> datetime:
    """The local time of seconds since 1970 by that clock."""
    return datetime(1970, 1, 1) + timedelta(seconds=seconds)  # noqa: DTZ001 - local time, as in the file


def is_storable(seconds: float) -> bool:
    """Whether a time lies in the years that can be stored. Beyond them a clock's rules are unknown, or cannot be computed."""
    return EARLIEST_S <= seconds < LATEST_S


@lru_cache(maxsize=131_072)
def day_offset(day: int, zone: tzinfo) -> float | None:
    """The offset from UTC of a whole day (days since 1970); None where the clock changes on it."""
    start = local(day * 86_400).replace(tzinfo=zone)
    offset = start.utcoffset()
    return offset.total_seconds() if offset is not None and offset == (start + timedelta(days=1)).utcoffset() else None


def skipped(wall: datetime, zone: tzinfo) -> bool:
    """Whether the clock of the zone never showed this time. wall: within the storable years."""
    aware = wall.replace(tzinfo=zone)
    return aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall


class TimeIssue(Exception):
    """Why a row's time cannot be used."""

    def __init__(self, said: Statement) -> None:
        super().__init__(str(said))
        self.said = said


def _outside(message: str, text: str) -> Statement:
    return Statement(message, {"time": repr(text[:30]), "first": str(FIRST_YEAR), "last": str(LAST_YEAR)})


class Clock:
    """Turns local times of one series, in the file's order, into seconds since 1970 UTC.

    newest_first: whether the file goes back in time. step_s: the usual time between two rows; where it is an hour or more, the
    same local time once more is the second one of the hour that comes twice, otherwise it is a row that comes twice.
    """

    def __init__(self, zone: tzinfo, *, newest_first: bool = False, step_s: float = 0.0) -> None:
        self.zone, self.newest_first, self.step_s = zone, newest_first, step_s
        self._before: dict[object, tuple[float, float]] = {}

    def moment(self, wall: Wall | None, text: str, series: object = None) -> float:
        """Seconds since 1970 UTC. text: as written; series: whose hours that come twice are counted. Raises TimeIssue."""
        if wall is None:
            raise TimeIssue(Statement("the time %(time)s cannot be read", {"time": repr(text[:30])}))
        if not is_storable(wall.seconds):
            raise TimeIssue(_outside("the time %(time)s is not within the years %(first)s to %(last)s", text))
        if wall.offset_s is not None:
            moment = wall.seconds - wall.offset_s
        else:
            offset = day_offset(int(wall.seconds // 86_400), self.zone)
            moment = self._on_a_change(wall, series) if offset is None else wall.seconds - offset
        if not EARLIEST_S <= moment < LATEST_S:  # Its own clock is in the years, ours is not.
            raise TimeIssue(_outside("the time %(time)s is not within the years %(first)s to %(last)s in UTC", text))
        return moment

    def _on_a_change(self, wall: Wall, series: object) -> float:
        """The moment on a day on which the clock changes."""
        plain = local(wall.seconds)
        if skipped(plain, self.zone):
            values: Values = {"time": str(plain), "zone": str(self.zone)}
            raise TimeIssue(Statement("%(time)s never was in %(zone)s: clocks went forward", values))
        first, second = (plain.replace(tzinfo=self.zone, fold=fold).timestamp() for fold in (0, 1))
        before = self._before.get(series)
        moment = second if self.newest_first else first
        if first != second and before is not None:
            wall_before, moment_before = before
            again = wall.seconds == wall_before
            if again and self.step_s < 3600:
                moment = moment_before  # A row that comes twice.
            elif self.newest_first:
                moment = first if moment >= moment_before else second
            else:
                moment = second if moment <= moment_before else first
        self._before[series] = (wall.seconds, moment)
        return moment
