"""Answers to web about a tenant's readings, with derived variables. The capability was checked one layer up; tenant and site are
checked again here, series by series."""

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from crop_contract.capability import Capability
from crop_contract.variables import VARIABLES, Variable, recognise
from crops.cache import Reading, Segment, usual_interval
from crops.derived import KINDS, ClimatePair, derive, derive_segment, pairs
from crops.questions import EVERYTHING, Answer, Bounds, TooManyError, bucket_width
from crops.series import Series
from crops.store import Store

MOST_EXPORTED = 1_000_000  # readings
MOST_APART_S = 900  # between the two newest readings from which a newest derived value is calculated
JOINED_INTERVALS = 3  # A line joins two readings (or buckets) that are at most this many usual intervals apart.


class UnknownSeriesError(Exception):
    """A series that does not exist, or that the asker may not see: the answer does not say which."""


class Span(NamedTuple):
    """From start (inclusive) to end (exclusive), in epoch seconds."""

    start_s: int
    end_s: int


class PieceAsked(NamedTuple):
    """Which of the list of series are asked for. after: the name of the last one before them, "": from the beginning.

    most: how many; 0: all. names: these alone; (): those of the list.
    """

    after: str = ""
    most: int = 0
    names: tuple[str, ...] = ()


WHOLE = PieceAsked()


@dataclass(frozen=True, slots=True)
class RequestedSeries:
    """A measured series, or one derived from two. kind: of KINDS, or "" when measured. name: its id in the answer."""

    name: str
    kind: str
    inputs: tuple[Series, ...]

    @property
    def variable(self) -> Variable | None:
        """The variable of the catalogue that it shows; None if none is recognised."""
        return VARIABLES[self.kind] if self.kind else recognise(self.inputs[0].field)

    @property
    def bounds(self) -> Bounds:
        """The plausible range of its values."""
        return Bounds(self.variable.least, self.variable.most) if self.variable else EVERYTHING


def measured(series: Series) -> RequestedSeries:
    """The request for a series as it was measured."""
    return RequestedSeries(str(series.id), "", (series,))


class Answers:
    """Answers from one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def _requested(self, capability: Capability, name: str) -> RequestedSeries:
        kind, *numbers = name.split(".") if "." in name else ("", name)
        named = [self._store.series.get(int(number)) for number in numbers if number.isdecimal()]
        permitted = tuple(
            series
            for series in named
            if series and series.origin.tenant == capability.tenant and series.origin.site in capability.sites
        )
        wanted_count = 2 if kind else 1
        if len(permitted) != len(numbers) or len(permitted) != wanted_count or (kind and kind not in KINDS):
            raise UnknownSeriesError
        return RequestedSeries(name, kind, permitted)

    # -- lists ---------------------------------------------------------------------------------------------------

    def series(
        self, capability: Capability, since_s: int, step_s: int, piece: PieceAsked = WHOLE
    ) -> list[dict[str, Any]]:
        """The series of the capability's sites with their newest readings, by place; with since_s > 0 also their trends.

        Trend: rows (bucket start in epoch s, mean) since since_s, in buckets of step_s. Only of what the piece asks for is
        anything read.
        """
        listed = self._listed(capability, piece)
        if not listed:
            return []
        numbers = sorted({series.id for requested in listed for series in requested.inputs})
        self._store.flush()
        questions = self._store.questions
        latest, usual = questions.latest(numbers), questions.usual_intervals(numbers)
        trends = questions.trend(numbers, since_s, step_s) if since_s and step_s else {}
        rows = []
        for requested in listed:
            of_inputs = [trends.get(series.id, []) for series in requested.inputs]
            intervals_s = [usual[series.id] for series in requested.inputs if series.id in usual]
            usual_s = max(intervals_s) if len(intervals_s) == len(requested.inputs) else None
            if requested.kind:
                pair = ClimatePair(*requested.inputs)
                reading = _derived_reading(requested.kind, pair, latest, usual_s)
                trend = _derived_rows(requested.kind, *of_inputs)
            else:
                reading, trend = latest.get(requested.inputs[0].id), of_inputs[0]
            rows.append(_description(requested) | _reading(reading) | {"trend": trend, "usual_s": usual_s})
        return rows

    def _listed(self, capability: Capability, piece: PieceAsked) -> list[RequestedSeries]:
        """What a piece of the list holds, measured series and derived ones; of piece.names, those that are there."""
        permitted = self._store.of_tenant(capability.tenant, capability.sites)
        listed = [measured(series) for series in permitted]
        for pair in pairs(permitted, recognise):
            listed += [RequestedSeries(f"{kind}.{pair.air_temp.id}.{pair.air_rh.id}", kind, pair) for kind in KINDS]
        if piece.names:
            return [requested for requested in listed if requested.name in piece.names]
        listed.sort(key=lambda requested: (requested.inputs[0].origin.site, requested.inputs[0].origin.compartment))
        names = [requested.name for requested in listed]
        begin = names.index(piece.after) + 1 if piece.after in names else 0
        return listed[begin : begin + piece.most] if piece.most else listed

    # -- readings ------------------------------------------------------------------------------------------------

    def readings(
        self, capability: Capability, names: list[str], span: Span, points: int, step_s: int
    ) -> dict[str, Any]:
        """By name, the readings in buckets: at most `points` of them, or, step_s > 0, each of step_s. Raises UnknownSeriesError.

        `rows`: (bucket start, min, mean, max) of the plausible readings. `odd`: (time, value) of implausible ones, at most 200
        of `odd_count`. `step_s`: width of a bucket. `joined_s`: where rows are further apart, nothing was measured in between.
        """
        requests = [self._requested(capability, name) for name in names]
        self._store.flush()
        bounds = {request.inputs[0].id: request.bounds for request in requests if not request.kind}
        answers = self._store.questions.range(bounds, *span, points, step_s) if bounds else {}
        usual = self._store.questions.usual_intervals(
            sorted({series.id for request in requests for series in request.inputs})
        )
        width_s = bucket_width(*span, points, step_s)
        by_name = {}
        for request in requests:
            answer = self._derived(request, span, points, step_s) if request.kind else answers[request.inputs[0].id]
            usual_s = max((usual.get(series.id, 0.0) for series in request.inputs), default=0.0)
            by_name[request.name] = {
                "rows": answer.rows,
                # Programs read these two names at /api/v1/readings, so they stay.
                "odd": answer.implausible,
                "odd_count": answer.implausible_count,
                "joined_s": JOINED_INTERVALS * max(width_s, _usual_row_interval(answer.rows) or usual_s),
            }
        sites = sorted({request.inputs[0].origin.site for request in requests})
        return {"series": by_name, "step_s": width_s, "sites": sites}

    def _derived(self, request: RequestedSeries, span: Span, points: int, step_s: int) -> Answer:
        numbers = [series.id for series in request.inputs]
        questions = self._store.questions
        segments = questions.segments(numbers, *span)
        if segments is not None:
            whole = _derived_segment(request, [segments[number] for number in numbers])
            return questions.bucketed(whole, EVERYTHING, *span, points, step_s)
        # These are too many readings for memory: the variable is derived from the means of each bucket instead.
        bounds = {series.id: measured(series).bounds for series in request.inputs}
        answers = questions.range(bounds, *span, points, step_s)
        means = ([[row[0], row[2]] for row in answers[number].rows] for number in numbers)
        shared = questions.shared_buckets(numbers, *span, bucket_width(*span, points, step_s))
        return Answer([[at, value, value, value] for at, value in _derived_rows(request.kind, *means) if at in shared])

    def export(self, capability: Capability, names: list[str], span: Span) -> dict[str, Any]:
        """By name, every reading: `time` (epoch s) and `value`.

        Raises UnknownSeriesError, and TooManyError above MOST_EXPORTED readings.
        """
        requests = [self._requested(capability, name) for name in names]
        self._store.flush()
        numbers = sorted({series.id for request in requests for series in request.inputs})
        segments = self._store.questions.raw(numbers, *span, MOST_EXPORTED)
        by_name = {}
        for request in requests:
            parts = [segments[series.id] for series in request.inputs]
            whole = _derived_segment(request, parts) if request.kind else parts[0]
            by_name[request.name] = {"time": (whole.time / 1e9).tolist(), "value": whole.value.tolist()}
        return {"series": by_name}


def _derived_reading(kind: str, pair: ClimatePair, latest: dict[int, Reading], usual_s: float | None) -> Reading | None:
    """The newest derived value, where the newest readings of both are plausible and close enough to each other in time."""
    air_temp, air_rh = (latest.get(series.id) for series in pair)
    if air_temp is None or air_rh is None:
        return None
    if abs(air_temp.time_s - air_rh.time_s) > min(MOST_APART_S, usual_s or MOST_APART_S):
        return None
    if not (_is_plausible(pair.air_temp, air_temp.value) and _is_plausible(pair.air_rh, air_rh.value)):
        return None
    value = derive(kind, np.array([air_temp.value]), np.array([air_rh.value]))
    return Reading(min(air_temp.time_s, air_rh.time_s), round(float(value[0]), 3))


def _is_plausible(series: Series, value: float) -> bool:
    least, most = measured(series).bounds
    return least <= value <= most


def _derived_segment(request: RequestedSeries, segments: list[Segment]) -> Segment:
    """The derived variable at every time at which both inputs were measured and are plausible."""
    plausible_segments = []
    for series, segment in zip(request.inputs, segments, strict=True):
        least, most = measured(series).bounds
        plausible = (segment.value >= least) & (segment.value <= most)
        plausible_segments.append(Segment(segment.time[plausible], segment.value[plausible]))
    return derive_segment(request.kind, *plausible_segments)


def _usual_row_interval(rows: list[list[float]]) -> float | None:
    """The usual interval between rows, in s; None where there are too few rows."""
    return usual_interval(np.diff(np.array([row[0] for row in rows], float)))


def _derived_rows(kind: str, air_temp: list[list[float]], air_rh: list[list[float]]) -> list[list[float]]:
    """Rows (time, derived value) of two lists of rows (time, mean)."""
    segments = [
        Segment(np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], float))
        for rows in (air_temp, air_rh)
    ]
    whole = derive_segment(kind, *segments)
    return [list(row) for row in zip(whole.time.tolist(), np.round(whole.value, 3).tolist(), strict=True)]


@cache
def _description(request: RequestedSeries) -> dict[str, Any]:
    """What a series is and where it comes from, as web reads it."""
    variable, series = request.variable, request.inputs[0]
    of_variable = (
        {"variable": variable.id, "title": variable.title, "unit": variable.symbol, "colour": variable.colour}
        | {"least": variable.least, "most": variable.most}
        if variable
        else {"variable": "", "title": series.field, "unit": "", "colour": "#57534e", "least": None, "most": None}
    )
    of_source = {
        "id": request.name,
        "site": series.origin.site,
        "compartment": series.origin.compartment,
        "device": series.origin.device,
        "derived": bool(request.kind),
        "tags": series.tags,
        "field": request.kind or series.field,
    }
    return of_source | of_variable


def _reading(reading: Reading | None) -> dict[str, float | None]:
    return {"at": reading.time_s if reading else None, "value": reading.value if reading else None}


__all__ = ["MOST_EXPORTED", "Answers", "PieceAsked", "Span", "TooManyError", "UnknownSeriesError"]
