"""How readings that were read by one clock move in time, where their true clock was another. Pure."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

DAY_S = 86_400


class ClockStep(NamedTuple):
    """From when on (epoch s, as stored) readings move by how many seconds; None: the true clock skipped these times."""

    from_s: int
    shift_s: int | None


def steps_between(read_by: tzinfo, true_clock: tzinfo, start_s: int, end_s: int) -> list[ClockStep]:
    """The moves of readings that are stored at times from start_s to before end_s (epoch s), ascending.

    A stored time says, by the clock that the file was read by, what was written in the file. That, by the true clock, is when it
    was measured. A time that the true clock repeats is the second one: of two readings of one written time the later was stored.
    """
    edges = {start_s}
    changes = _changes(read_by, start_s, end_s)
    edges.update(at_s for at_s, _, _ in changes)
    offsets_s = {_offset_s(read_by, start_s), *(after_s for _, _, after_s in changes)}
    for at_s, before_s, after_s in _changes(true_clock, start_s - 2 * DAY_S, end_s + 2 * DAY_S):
        # What was written is skipped or repeated between these two; stored it is by the offset of the other clock.
        edges.update(at_s + own_s - read_s for own_s in (before_s, after_s) for read_s in offsets_s)
    steps: list[ClockStep] = []
    for edge_s in sorted(edge for edge in edges if start_s <= edge < end_s):
        shift_s = _shift_s(read_by, true_clock, edge_s)
        if not steps or steps[-1].shift_s != shift_s:
            steps.append(ClockStep(edge_s, shift_s))
    return steps


def _shift_s(read_by: tzinfo, true_clock: tzinfo, at_s: int) -> int | None:
    written = datetime.fromtimestamp(at_s, UTC).astimezone(read_by).replace(tzinfo=None)
    measured = written.replace(tzinfo=true_clock, fold=1).astimezone(UTC)
    if measured.astimezone(true_clock).replace(tzinfo=None) != written:
        return None
    return round(measured.timestamp()) - at_s


def _offset_s(clock: tzinfo, at_s: int) -> int:
    return round((datetime.fromtimestamp(at_s, UTC).astimezone(clock).utcoffset() or timedelta()).total_seconds())


def _changes(clock: tzinfo, start_s: int, end_s: int) -> list[tuple[int, int, int]]:
    """When a clock changes (epoch s), with its offset before and from then on, in seconds."""
    changes, day_s, before_s = [], start_s, _offset_s(clock, start_s)
    while day_s < end_s:
        next_s = min(day_s + DAY_S, end_s)
        after_s = _offset_s(clock, next_s)
        if after_s != before_s:
            low, high = day_s, next_s
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset_s(clock, middle) == before_s else (low, middle)
            changes.append((high, before_s, after_s))
        day_s, before_s = next_s, after_s
    return changes
