"""One pass over all rows of a file, for what only all of them tell: the dates, late columns, names of series. Without I/O."""

from array import array
from collections.abc import Iterable
from typing import NamedTuple

from glasshouse.greenhouse.file_clock import Dates
from glasshouse.greenhouse.file_long import BETWEEN, MOST_MEMBERS, LongForm, Members
from glasshouse.greenhouse.file_table import TimeColumns
from glasshouse.greenhouse.file_times import (
    LONGEST_TIME,
    WRITTEN,
    WallReader,
    clock_of,
    cut,
    number_wall,
    time_of_day_in,
)

LATE_CELLS = 200  # that are kept of a column which is empty at first


class Walls(NamedTuple):
    """Local times in the file's order, of one series; whether they name their own offset from UTC."""

    seconds: "array[float]"
    own_offsets: bool


class Scan:
    """What was seen. The texts of times are kept as numbers of distinct texts, so that a long file costs little."""

    def __init__(self, times: TimeColumns, candidates: tuple[int, ...]) -> None:
        self.times = times
        self.candidates = candidates
        self.width = 0
        self.late: dict[int, list[str]] = {}
        self._days: dict[str, int] = {}
        self._clocks: dict[str, int] = {"": 0}
        self._day_places, self._clock_places = array("l"), array("l")
        self._numbers: list[tuple[str, str]] = []
        self._member_places = array("l")
        self._members: dict[tuple[str, ...], int] = {}
        self._texts: dict[int, set[str]] = {column: set() for column in candidates}

    def is_timed(self, row: list[str]) -> bool:
        """Whether a row has something where its time stands."""
        return self.times.column < len(row) and bool(row[self.times.column])

    def dates(self) -> Dates:
        """The dates of all rows."""
        texts = list(self._days)
        counts = [0] * len(texts)
        sequence, before = [], -1
        for place in self._day_places:
            counts[place] += 1
            if place != before:
                sequence.append(texts[place])
                before = place
        return Dates(dict(zip(texts, counts, strict=True)), sequence, len(self._day_places))

    def walls(self, time_format: str) -> Walls:
        """The local times of all rows, or of the first series of a file in long form."""
        only = self._member_places if self._members and len(self._members) > 1 else None
        seconds, offsets = array("d"), 0
        if time_format not in WRITTEN:
            for number, (text, clock) in enumerate(self._numbers or self._texts_of_rows()):
                wall = number_wall(text, clock, time_format)
                if wall is not None and (only is None or only[number] == only[0]):
                    seconds.append(wall.seconds)
                    offsets += wall.offset_s is not None
            return Walls(seconds, bool(offsets) and offsets == len(seconds))
        reader = WallReader(time_format)
        days = [reader.wall(text) for text in self._days]
        clocks = [clock_of(time_of_day_in(text)) if text else (0.0, None) for text in self._clocks]
        for number, (day, time_place) in enumerate(zip(self._day_places, self._clock_places, strict=True)):
            if only is not None and only[number] != only[0]:
                continue
            day_wall, time_of_day = days[day], clocks[time_place]
            if day_wall is not None and time_of_day is not None:
                seconds.append(day_wall.seconds + time_of_day[0])
                offsets += time_of_day[1] is not None
        return Walls(seconds, bool(offsets) and offsets == len(seconds))

    def _texts_of_rows(self) -> list[tuple[str, str]]:
        days, clocks = list(self._days), list(self._clocks)
        return [
            (f"{days[day]} {clocks[clock]}".strip(), "")
            for day, clock in zip(self._day_places, self._clock_places, strict=True)
        ]

    def members(self, long_form: LongForm) -> Members:
        """The series of a file in long form; none where it is not in long form."""
        names = [column for column in self.candidates if column != long_form.units]
        if long_form.columns:
            chosen = list(long_form.columns)
        elif not long_form.named and not self._repeats_by_name(names):
            return Members((), {}, value_heading=False)
        else:
            chosen = [column for column in names if 1 < len(self._texts[column]) <= MOST_MEMBERS]
        if not chosen:
            return Members((), {}, value_heading=False)
        units: dict[str, str] = {}
        for texts in self._members:
            row = dict(zip(self.candidates, texts, strict=True))
            units.setdefault(BETWEEN.join(row[column] for column in chosen), row.get(long_form.units, ""))
        if len(units) > MOST_MEMBERS:
            return Members((), {}, value_heading=False)
        return Members(tuple(chosen), units, value_heading=long_form.named)

    def _repeats_by_name(self, names: list[int]) -> bool:
        """Whether times come again and again, and a column of text tells these rows apart."""
        varying = [column for column in names if 1 < len(self._texts[column]) <= MOST_MEMBERS]
        rows = len(self._day_places)
        if not varying or not rows or not self._members:
            return False
        times = set(zip(self._day_places, self._clock_places, strict=True))
        if len(times) > 0.7 * rows:
            return False
        apart = set(zip(self._day_places, self._clock_places, self._member_places, strict=True))
        return len(apart) > 0.95 * rows

    def add(self, row: list[str], text: str, clock: str) -> None:
        """A row with the texts of its time."""
        if self.times.kind in ("epoch", "epoch_ms", "excel"):
            self._numbers.append((text[:LONGEST_TIME], clock[:LONGEST_TIME]))
            day_text = clock_text = ""
        else:
            day_text, clock_text = cut(text[:LONGEST_TIME])
            clock_text = clock[:LONGEST_TIME] or clock_text
        days, clocks = self._days, self._clocks
        self._day_places.append(days.setdefault(day_text, len(days)))
        self._clock_places.append(clocks.setdefault(clock_text, len(clocks)))
        if self.candidates:
            texts = tuple(row[column] if column < len(row) else "" for column in self.candidates)
            if len(self._members) <= 4 * MOST_MEMBERS or texts in self._members:
                self._member_places.append(self._members.setdefault(texts, len(self._members)))
                for column, cell in zip(self.candidates, texts, strict=True):
                    self._texts[column].add(cell)
            else:
                self._member_places.append(-1)


def scanned(rows: Iterable[list[str]], times: TimeColumns, candidates: tuple[int, ...]) -> Scan:
    """All rows from the first reading on. candidates: columns whose texts may name series."""
    scan = Scan(times, candidates)
    column, clock_column = times.column, times.clock_column
    width = 0
    late = scan.late
    full: set[int] = set()
    for number, row in enumerate(rows):
        if not row:
            continue
        if len(row) > width:
            width = len(row)
        if len(full) < width or number < 1000:
            for index in range(len(row)):
                if index not in full and row[index]:
                    cells = late.setdefault(index, [])
                    cells.append(row[index])
                    if len(cells) >= LATE_CELLS:
                        full.add(index)
        if column < len(row) and row[column]:
            scan.add(row, row[column], row[clock_column] if 0 <= clock_column < len(row) else "")
    scan.width = width
    return scan
