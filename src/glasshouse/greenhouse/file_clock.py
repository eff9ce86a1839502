"""What the times of a whole file say of how they are written: in which order, by which clock, forward or back. Without I/O.

Nothing is decided by a sample: each date of the file takes part. Where the file leaves the order open, a person is asked.
"""

import re
from array import array
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from statistics import median
from typing import Literal, NamedTuple

from glasshouse.greenhouse.file_times import (
    ABBREVIATIONS,
    AT_UTC,
    TIME_FORMATS,
    WRITTEN,
    Wall,
    WallReader,
    cut,
    day_of,
    is_storable,
    local,
    offset_name,
    skipped,
    zone_of,
)
from glasshouse.greenhouse.statements import Statement

ORDER_NAMED = re.compile(
    r"\b(d{1,2}|j{1,2}|t{1,2}|m{1,2}|y{2,4}|a{2,4})[-/. ](d{1,2}|j{1,2}|t{1,2}|m{1,2})"
    r"[-/. ](y{2,4}|j{2,4}|a{2,4}|d{1,2}|t{1,2})\b",
    re.IGNORECASE,
)
OFFSET_IN_HEADING = re.compile(r"\b(?:GMT|UTC)\s*([+\u2212-])\s*(\d{1,2})(?::?(\d\d))?", re.IGNORECASE)
ZONE_IN_HEADING = re.compile(
    r"(?<![A-Za-z])(UTC|GMT|Z|CET|CEST|MEZ|MESZ|BST|EET|EEST|WET|WEST|EST|EDT|CDT|MDT|PST|PDT|JST)(?![A-Za-z])"
)
SKIPPED_HOUR = (
    "Read as %(zone)s, standard time all year round: the file has times that the clocks of the site skipped on %(day)s, so its "
    "clock is not put forward and back as that of %(site)s is. If it is another clock, choose it."
)
EVEN_HOUR = (
    "Read as %(zone)s, standard time all year round: the file goes on evenly through the hour that comes twice on %(day)s, so "
    "its clock is not put forward and back as that of %(site)s is. If it is another clock, choose it."
)
HOUR_ONCE = "The hour that comes twice on %(day)s is in the file once; it is read as its first half."
HOUR_TWICE = "The hour that comes twice on %(day)s is in the file twice: the first time before, then after the change."
NEAR_DAYS, FAR_DAYS = 3, 20
MOST_SUSPECTS = 200
STEPS_LOOKED_AT = 20_000


class Order(NamedTuple):
    """How dates are written. open: the orders between which only a person can choose; reason: what is said of why this one."""

    time_format: str
    open: tuple[str, ...]
    reason: Statement | None
    suspects: tuple[str, ...] = ()


class Dates(NamedTuple):
    """The dates of a file: each text with its count, the texts in the file's order without repeats in a row, and its rows."""

    counts: dict[str, int]
    sequence: list[str]
    rows: int


def named_order(heading: str) -> str:
    """The order that a heading names, as "mm/dd/yyyy" does; "" where it names none."""
    match = ORDER_NAMED.search(heading)
    if match is None:
        return ""
    # In a heading, t is a German day and a a year. j is a French day in front and a Dutch or German year behind.
    letters = "".join({"t": "d", "a": "y"}.get(part[0].lower(), part[0].lower()) for part in match.groups())
    orders = {"dmy": "dmy", "jmy": "dmy", "dmj": "dmy", "mdy": "mdy", "ymd": "iso", "jmd": "iso"}
    return orders.get(letters, "")


def order_of(dates: Dates, heading: str, today: int) -> Order:
    """In which order the dates of a file are written. today: days since 1970; nothing is measured after it."""
    days = {order: {text: day_of(text, order) for text in dates.counts} for order in WRITTEN}
    read = {
        order: sum(count for text, count in dates.counts.items() if days[order][text] is not None) for order in WRITTEN
    }
    most = max(read.values())
    possible = [order for order in WRITTEN if read[order] == most and most]
    if not possible:
        return Order("iso", (), None)
    same = [order for order in possible if days[order] == days[possible[0]]]
    if len(same) == len(possible):
        return _with_suspects(dates, days, possible[0])
    if "iso" in possible and len(possible) == 3 and days["dmy"] == days["mdy"]:
        possible.remove("iso")
    named = named_order(heading)
    if named in possible:
        text = "Dates are read as %(order)s: the heading says %(heading)s."
        return Order(named, (), _read_as(text, named, heading=repr(heading.strip()[:60])))
    past = [order for order in possible if all(day is None or day <= today + 1 for day in days[order].values())]
    if past and len(past) < len(possible):
        possible = past
        if len(possible) == 1:
            future = "Dates are read as %(order)s: otherwise some times would lie in the future."
            return _with_suspects(dates, days, possible[0], _read_as(future, possible[0]))
    if len(possible) == 1:
        return _with_suspects(dates, days, possible[0])
    smooth = [order for order in possible if _goes_on([days[order].get(text) for text in dates.sequence])]
    if len(smooth) == 1 and dates.rows >= 4 * len(dates.sequence) and len(dates.sequence) > 1:
        text = (
            "Dates are read as %(order)s: so one day follows another; otherwise there would be months between two rows."
        )
        return Order(smooth[0], (), _read_as(text, smooth[0]))
    if "iso" in possible and len(possible) > 1 and "dmy" in possible:
        possible.remove("iso")
    return Order(possible[0], tuple(possible) if len(possible) > 1 else (), None)


def _read_as(text: str, order: str, **values: str) -> Statement:
    return Statement(text, {"order": TIME_FORMATS[order], **values})


def _goes_on(days: "list[int | None]") -> bool:
    """Whether dates go on day by day, with small gaps, as a logger's do."""
    known = [day for day in days if day is not None]
    steps = [abs(after - before) for before, after in pairwise(known)]
    return bool(steps) and max(steps) <= FAR_DAYS


def _with_suspects(
    dates: Dates, days: "dict[str, dict[str, int | None]]", order: str, reason: Statement | None = None
) -> Order:
    """The order, with the dates that jump although they would not if day and month were exchanged."""
    other = {"dmy": "mdy", "mdy": "dmy"}.get(order)
    suspects: dict[str, None] = {}
    if other:
        before = None
        for text in dates.sequence:
            day, exchanged = days[order][text], days[other][text]
            if day is None:
                continue
            jumps = before is not None and abs(day - before) > FAR_DAYS
            if jumps and before is not None and exchanged is not None and abs(exchanged - before) <= NEAR_DAYS:
                suspects[text] = None
                day = exchanged
            before = day
    return Order(order, (), reason, tuple(suspects)[:MOST_SUSPECTS])


class Facts(NamedTuple):
    """What the local times of a file show together. zone: the name of the clock; notes: what was concluded, and why."""

    zone: str
    newest_first: bool
    step_s: float
    notes: list[Statement]


def facts_of(walls: "array[float]", zone: str, heading: str, *, own_offsets: bool) -> Facts:
    """What the times say of their clock. walls: in the file's order, of one series; zone: of the site; heading: of the times."""
    steps = [after - before for before, after in pairwise(walls[:STEPS_LOOKED_AT])]
    back = sum(step < 0 for step in steps)
    newest_first = back > len(steps) / 2
    lengths = [abs(step) for step in steps if step and (step < 0) == newest_first]
    step_s = float(median(lengths)) if lengths else 0.0
    if own_offsets:
        return Facts(zone, newest_first, step_s, [])
    named = zone_named(heading, zone)
    if named:
        text = "Read as %(zone)s: the heading of the times says %(heading)s."
        note = Statement(text, {"zone": named, "heading": repr(heading[:60])})
        return Facts(named, newest_first, step_s, [note])
    site = zone_of(zone)
    fixed, notes = _fixed_clock(walls, site, zone, newest_first=newest_first, step_s=step_s)
    return Facts(fixed or zone, newest_first, step_s, notes)


def zone_named(heading: str, zone: str) -> str:
    """The clock that a heading names, as "GMT+01:00" or "UTC" do; "" where it names none, or the site's own."""
    match = OFFSET_IN_HEADING.search(heading)
    if match:
        seconds = int(match[2]) * 3600 + int(match[3] or 0) * 60
        return offset_name(seconds if match[1] == "+" else -seconds)
    match = ZONE_IN_HEADING.search(heading)
    if match is None:
        return ""
    name = match[1].casefold()
    if name in AT_UTC:
        return "Etc/GMT"
    site = zone_of(zone)
    year = [datetime(2024, month, 1, tzinfo=site).utcoffset() for month in (1, 7)]
    offset = timedelta(seconds=ABBREVIATIONS[name])
    # A logger's program writes the name of the moment's clock above times of the whole year.
    return "" if offset in year else offset_name(ABBREVIATIONS[name])


def _fixed_clock(
    walls: "array[float]", site: tzinfo, zone: str, *, newest_first: bool, step_s: float
) -> tuple[str, list[Statement]]:
    """The name of standard time all year round where the times prove that their clock is not put forward and back."""
    storable = [wall for wall in walls if is_storable(wall)]
    if not storable:
        return "", []
    changes = _changes(min(storable), max(storable), site)
    near = _near(changes, reversed(walls) if newest_first else walls)
    proofs = {index: _proof(changes[index], inside, site, step_s) for index, inside in near.items()}
    fixed = next((changes[index] for index, proof in proofs.items() if proof == "fixed"), None)
    moved = "moved" in proofs.values()
    if fixed is not None:
        day = f"{local(fixed.start):%Y-%m-%d}"
        if moved and not fixed.forward:
            return "", [Statement(HOUR_ONCE, {"day": day})]
        name = offset_name(fixed.standard_s)
        text = SKIPPED_HOUR if fixed.forward else EVEN_HOUR
        return name, [Statement(text, {"zone": name, "day": day, "site": zone})]
    twice = [changes[index].start for index in near if not changes[index].forward]
    if twice and moved:
        return "", [Statement(HOUR_TWICE, {"day": f"{local(max(twice)):%Y-%m-%d}"})]
    return "", []


def _near(changes: "list[_Change]", walls: Iterable[float]) -> dict[int, list[float]]:
    """The times within two hours of each change, by the change's place in the list."""
    near: dict[int, list[float]] = {}
    for wall in walls:
        for index, change in enumerate(changes):
            if change.start - 7200 <= wall < change.end + 7200:
                near.setdefault(index, []).append(wall)
    return near


def _proof(change: "_Change", inside: list[float], site: tzinfo, step_s: float) -> Literal["fixed", "moved", ""]:
    """What the times near a change of the site's clock prove of the clock that wrote them: fixed to standard time, or moved."""
    within = [wall for wall in inside if change.start <= wall < change.end]
    covers = inside[0] < change.start and inside[-1] >= change.end and 0 < step_s <= 3600
    if change.forward:
        if any(skipped(local(wall), site) for wall in within):
            return "fixed"
        return "moved" if covers else ""
    if not within or not covers:
        return ""
    steps = [after - before for before, after in pairwise(inside)]
    if len(inside) > 3 and all(abs(step - step_s) < 1 for step in steps):
        return "fixed"
    return "moved" if min(steps, default=0) < 0 else ""


class _Change(NamedTuple):
    """An hour that a clock skips (forward) or shows twice, in its local time."""

    start: float
    end: float
    forward: bool
    standard_s: float


def _changes(first: float, last: float, zone: tzinfo) -> list[_Change]:
    """The changes of a clock between two local times; of at most forty years."""
    changes, day = [], local(first).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    ends = min(local(last) + timedelta(days=2), day + timedelta(days=366 * 40))
    while day < ends:
        after = day + timedelta(days=1)
        offset_before, offset_after = (at.replace(tzinfo=zone).utcoffset() or timedelta() for at in (day, after))
        if offset_before != offset_after:
            changes.append(_change_on(day, offset_before, offset_after, zone))
        day = after
    return changes


def _change_on(day: datetime, offset_before: timedelta, offset_after: timedelta, zone: tzinfo) -> _Change:
    moved = offset_after - offset_before
    minute = timedelta(minutes=30)
    at = day
    while at < day + timedelta(days=1):
        offset = at.replace(tzinfo=zone).utcoffset()
        if offset != offset_before or skipped(at, zone):
            break
        at += minute
    begins = (at - datetime(1970, 1, 1)).total_seconds()  # noqa: DTZ001 - local time, as in the file
    if moved > timedelta():
        return _Change(begins, begins + moved.total_seconds(), True, offset_before.total_seconds())
    # fold=0 keeps the first offset to the end of the hour that comes twice.
    return _Change(begins + moved.total_seconds(), begins, False, offset_after.total_seconds())


def readable(walls: "Iterable[Wall | None]") -> "array[float]":
    """The seconds of the times that could be read."""
    return array("d", (wall.seconds for wall in walls if wall is not None))


def looks_like(text: str) -> str:
    """What a cell looks like: "full" (a date with a time of day), "date", "clock", "" for none of these."""
    if not text or len(text) > 64 or not any(character.isdigit() for character in text):
        return ""
    day, clock = cut(text)
    if day and any(day_of(day, order) is not None for order in WRITTEN):
        if not clock:
            return "compact" if day.isdecimal() else "date"
        return "full" if WallReader("iso").wall("2024-01-01", clock) else ""
    if ":" in text or re.fullmatch(r"\d{1,2}h\d\d(?:m\d\d)?|\d{1,2} ?[AaPp]\.?[Mm]\.?", text):
        return "clock" if WallReader("iso").wall("2024-01-01", text) else ""
    return ""
