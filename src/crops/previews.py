"""What an amendment of stored readings would do, found piece by piece, so that asking costs a bounded memory."""

import time
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from crops import versions
from crops.amending import SHIFT, Amendment, moved_by, written
from crops.bodies import FUTURE_S, OLDEST_S
from crops.cache import NS_PER_S
from crops.former import FormerReadings
from crops.records import Columns

SHOWN_ROWS = 8
_NOTHING = Columns(np.zeros(0, np.uint32), np.zeros(0, np.int64), *versions.nothing(0))


class FarTimeError(Exception):
    """Readings would be moved to a time that no reading may have."""


class Preview(NamedTuple):
    """What an amendment would do. readings: how many it is about; replaced: how many others would lose their place.

    some: SHOWN_ROWS of the readings; first_ns, last_ns: the times of the first and the last one, 0 where there are none.
    """

    readings: int
    replaced: int
    some: Columns
    first_ns: int
    last_ns: int


def preview(
    former: FormerReadings, numbers: list[int], span_ns: tuple[int, int], amendment: Amendment, most: int
) -> Preview:
    """What an amendment of series would do within a span, from its begin to before its end. most: readings.

    Raises TooManyError, OutOfRangeError, FarTimeError, ClockError.
    """
    whole, pieces = former.stored_pieces(numbers, span_ns, amendment.concerns, most)
    step, readings, replaced = max(1, (len(amendment.only) or whole) // SHOWN_ROWS), 0, 0
    some: list[Columns] = []
    times: list[int] = []
    for piece in (amendment.picked(piece) for piece in pieces):
        if not len(piece.time):
            continue
        some.append(piece.picked(slice(-readings % step, None, step)))
        readings += len(piece.time)
        times += [int(piece.time.min()), int(piece.time.max())]
        if amendment.kind == SHIFT:
            moved = moved_by(amendment, piece)
            check_times(moved.time)
            replaced += _replaced(former, moved, span_ns)
        else:
            written(amendment, piece)  # All of them, and not only those that are shown.
    shown = Columns(*(np.concatenate(column) for column in zip(*some, strict=True))) if some else _NOTHING
    return Preview(readings, replaced, shown.picked(slice(SHOWN_ROWS)), min(times, default=0), max(times, default=0))


def _replaced(former: FormerReadings, moved: Columns, span_ns: tuple[int, int]) -> int:
    """How many other readings would lose their place to readings that are moved. Those within the span are moved too."""
    outside = versions.is_shown(moved.scale) & ((moved.time < span_ns[0]) | (moved.time >= span_ns[1]))
    return int(versions.is_shown(former.present(moved.picked(outside)).scale).sum())


def check_times(times_ns: npt.NDArray[np.int64]) -> None:
    """Nothing, where readings may lie at these times. Raises FarTimeError."""
    now_s = time.time()
    if len(times_ns) and (
        times_ns.max() > (now_s + FUTURE_S) * NS_PER_S or times_ns.min() < (now_s - OLDEST_S) * NS_PER_S
    ):
        raise FarTimeError
