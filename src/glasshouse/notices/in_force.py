"""Which privacy notice is in force, remembered for a moment: every page says its number, and an error's page asks no database."""

from datetime import datetime
from time import monotonic

from glasshouse.kernel import clock

FRESH_S = 5.0
_numbers: list[tuple[int, datetime]] = []  # number, in force from
_read_at: list[float] = []


def is_old() -> bool:
    """Whether what is remembered has to be read again."""
    return not _read_at or monotonic() - _read_at[0] > FRESH_S


def remember(numbers: list[tuple[int, datetime]]) -> None:
    """Remember the versions of the notice: number, and from when each is in force."""
    _numbers[:], _read_at[:] = numbers, [monotonic()]


def forget() -> None:
    """Have it read again."""
    _read_at.clear()


def number() -> int:
    """The number of the notice in force, as far as is remembered; 0 where nothing is."""
    now = clock.now()
    return max((number for number, at in list(_numbers) if at <= now), default=0)
