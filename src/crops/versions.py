"""What stands at a time of a series before and after changes, and what stands there once some of them are undone. Pure.

A change is an import, or an amendment of stored readings. For each reading that it wrote it keeps what stood there before and
what it put there. Devices write without a change.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from crops import schema
from crops.decimals import values

ABSENT, SHOWN, WRONG = 0, 1, 2  # no reading; one; one that is marked as wrong

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Stored(NamedTuple):
    """What stands at each of some times, as it is stored. Scale schema.SCALE_ABSENT: nothing; below 0: marked as wrong."""

    digits: Ints
    scale: npt.NDArray[np.int8]


class Contents(NamedTuple):
    """The same, to be compared: two scales may write one value. kind: ABSENT, SHOWN or WRONG; value: 0 where nothing stands."""

    kind: npt.NDArray[np.int8]
    value: npt.NDArray[np.float64]

    def equal(self, other: "Contents") -> Mask:
        """Where both say the same."""
        return np.asarray((self.kind == other.kind) & (self.value == other.value))


class Former(NamedTuple):
    """Rows of changes, sorted by series, time and change: what stood there before, and what the change put there."""

    series: npt.NDArray[np.uint32]
    time: Ints
    change: npt.NDArray[np.uint64]
    before: Stored
    after: Stored


class Outcome(NamedTuple):
    """What undoing does at some times (one row each, sorted by series and time).

    writes: where something is to be written, and `stored` what. removed: where nothing stands any more; restored: where what
    stood before stands again; left: where a later reading stays.
    """

    writes: Mask
    stored: Stored
    removed: Mask
    restored: Mask
    left: Mask


def nothing(count: int) -> Stored:
    """Nothing, at so many times."""
    return Stored(np.zeros(count, np.int64), np.full(count, schema.SCALE_ABSENT, np.int8))


def marked(stored: Stored) -> Stored:
    """The same values, marked as wrong."""
    return Stored(stored.digits, np.where(stored.scale < 0, stored.scale, -1 - stored.scale).astype(np.int8))


def plain_scale(scale: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """The scale of a value, without the mark."""
    return np.where(scale < 0, -1 - scale, scale).astype(np.int8)


def is_shown(scale: npt.NDArray[np.int8]) -> Mask:
    """Where a reading stands that is not marked as wrong. Questions say the same in SQL (schema.IS_SHOWN)."""
    return np.asarray((scale >= 0) & (scale != schema.SCALE_ABSENT))


def contents(stored: Stored) -> Contents:
    """What is stored, to be compared."""
    absent = stored.scale == schema.SCALE_ABSENT
    plain = np.where(absent, 0, plain_scale(stored.scale)).astype(np.int8)
    kind = np.where(absent, ABSENT, np.where(stored.scale < 0, WRONG, SHOWN)).astype(np.int8)
    return Contents(kind, np.where(absent, 0.0, values(stored.digits, plain)))


def _at(stored: Stored, rows: npt.NDArray[np.intp]) -> Stored:
    return Stored(stored.digits[rows], stored.scale[rows])


def _contents_at(whole: Contents, rows: npt.NDArray[np.intp]) -> Contents:
    return Contents(whole.kind[rows], whole.value[rows])


def last_rows(series: npt.NDArray[np.uint32], time: Ints) -> npt.NDArray[np.intp]:
    """The last row of each series and time, in rows that are sorted by them."""
    is_last = np.ones(len(time), np.bool_)
    is_last[:-1] = (series[1:] != series[:-1]) | (time[1:] != time[:-1])
    return np.flatnonzero(is_last)


def undone(former: Former, is_undone: Mask, is_asked: Mask, present: Stored) -> Outcome:
    """What undoing does. former: every row at the times that are asked about; present: what stands now, one row a time.

    is_undone, is_asked: of each row, whether its change is undone (with this one), and whether this is the one. The newest
    change that is not undone stays on top of what stood before it. What a device sent after the change stays too.
    """
    top = last_rows(former.series, former.time)
    first = np.concatenate([[0], top[:-1] + 1]) if len(top) else top
    before, after = contents(former.before), contents(former.after)
    row = top.copy()  # whose `before` would stand there
    # What an earlier change put there is what a later one found there, unless that was undone meanwhile, or something else wrote.
    moving = np.flatnonzero(row > first)
    while len(moving):
        here, below = row[moving], row[moving] - 1
        goes_on = _contents_at(before, here).equal(_contents_at(after, below)) & is_undone[below]
        moving = moving[goes_on]
        row[moving] -= 1
        moving = moving[row[moving] > first[moving]]
    stands, now = _contents_at(before, row), contents(present)
    is_target = now.equal(stands)
    came_of_it = np.zeros(len(top), np.bool_)
    place = np.repeat(np.arange(len(top)), top - first + 1)
    asked_rows = np.flatnonzero(is_asked)
    same = _contents_at(after, asked_rows).equal(_contents_at(now, place[asked_rows]))
    came_of_it[place[asked_rows[same]]] = True
    settled = is_undone[top] & (came_of_it | is_target)
    gone = settled & (stands.kind == ABSENT)
    return Outcome(settled & ~is_target, _at(former.before, row), gone, settled & ~gone, ~settled)
