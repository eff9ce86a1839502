"""What web is told of a tenant's readings, derived variables included. The capability was checked one layer up; tenant and site
are checked again here, series by series."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from crop_contract.capability import Capability
from crop_contract.variables import VARIABLES, Variable, recognise
from crops.derived import KINDS, derive, pairs, together
from crops.questions import EVERYTHING, Answer, Bounds, TooManyError
from crops.recent import Stretch, usual_step
from crops.series import Series
from crops.store import Store

MOST_EXPORTED = 1_000_000
NEAR_S = 900  # how far apart the two readings of a derived newest value may lie, at most: see _near
JOINED = 3  # A line is drawn between two readings (or buckets) that lie at most so many usual intervals apart.


class UnknownSeriesError(Exception):
    """A series that is not there, or not the asker's: the two cannot be told apart."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: a measured series, or one derived from two. `name` is its id in the answer."""

    name: str
    kind: str
    of: tuple[Series, ...]

    @property
    def variable(self) -> Variable | None:
        """The variable of the catalogue that it shows."""
        return VARIABLES[self.kind] if self.kind else recognise(self.of[0].field)

    @property
    def bounds(self) -> Bounds:
        """The plausible range of its values."""
        return (self.variable.least, self.variable.most) if self.variable else EVERYTHING


class Answers:
    """Answers from one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def _asked(self, held: Capability, names: list[str]) -> list[Asked]:
        return [self._one(held, name) for name in names]

    def _one(self, held: Capability, name: str) -> Asked:
        kind, *numbers = name.split(".") if "." in name else ("", name)
        found = [self._store.series.get(int(number)) for number in numbers if number.isdecimal()]
        mine = tuple(one for one in found if one and one.origin.tenant == held.tenant and one.origin.site in held.sites)
        if len(mine) != len(numbers) or len(mine) != (2 if kind else 1) or (kind and kind not in KINDS):
            raise UnknownSeriesError
        return Asked(name, kind, mine)

    # -- lists ---------------------------------------------------------------------------------------------------

    def series(self, held: Capability, since: int, step: int) -> list[dict[str, Any]]:
        """Every series of the tenant's sites with its newest reading, and, since > 0, its means since then, step by step."""
        measured = self._store.of_tenant(held.tenant, held.sites)
        if not measured:
            return []
        numbers = [series.id for series in measured]
        self._store.settle()
        newest, usual = self._store.ask.latest(numbers), self._store.ask.usual(numbers)
        trends = self._store.ask.trend(numbers, since, step) if since and step else {}
        rows = [
            _shown(Asked(str(one.id), "", (one,)))
            | _reading(newest.get(one.id))
            | {"trend": trends.get(one.id, []), "usual_s": usual.get(one.id)}
            for one in measured
        ]
        for both in pairs(measured, recognise):
            for kind in KINDS:
                one = Asked(f"{kind}.{both[0].id}.{both[1].id}", kind, both)
                first, second = (newest.get(series.id) for series in both)
                steps = [usual[series.id] for series in both if series.id in usual]
                usual_s, reading = (max(steps) if len(steps) == 2 else None), None
                near = first and second and abs(first[0] - second[0]) <= min(NEAR_S, usual_s or NEAR_S)
                if first and second and near and all(map(_plausible, both, (first[1], second[1]))):
                    value = derive(kind, np.array([first[1]]), np.array([second[1]]))
                    reading = (min(first[0], second[0]), round(float(value[0]), 3))
                trend = _derived_rows(kind, *(trends.get(series.id, []) for series in both))
                rows.append(_shown(one) | _reading(reading) | {"trend": trend, "usual_s": usual_s})
        return rows

    # -- readings ------------------------------------------------------------------------------------------------

    def readings(self, held: Capability, names: list[str], span: tuple[int, int], points: int, step: int) -> Any:
        """By name, `rows` (bucket start, min, mean, max) of plausible readings, `odd` (time, value) of the implausible ones.

        `odd_count`: how many these are, of which 200 are listed. `step_s`: width of a bucket. `joined_s`: rows further apart have
        a gap between them, in which nothing was measured.
        """
        asked = self._asked(held, names)
        self._store.settle()
        plain = {one.of[0].id: one.bounds for one in asked if not one.kind}
        found = self._store.ask.range(plain, *span, points, step) if plain else {}
        answers = {
            one.name: found[one.of[0].id] if not one.kind else self._derived(one, span, points, step) for one in asked
        }
        step = step or max(1, -(-(span[1] - span[0]) // points))
        usual = self._store.ask.usual(sorted({series.id for one in asked for series in one.of}))
        shown = {}
        for one in asked:
            answer = answers[one.name]
            own = max((usual.get(series.id, 0.0) for series in one.of), default=0.0)
            joined = JOINED * max(step, _step_of(answer.rows) or own)
            shown[one.name] = {
                "rows": answer.rows,
                "odd": answer.odd,
                "odd_count": answer.odd_count,
                "joined_s": joined,
            }
        return {"series": shown, "step_s": step, "sites": sorted({one.of[0].origin.site for one in asked})}

    def _derived(self, one: Asked, span: tuple[int, int], points: int, step: int) -> Answer:
        numbers = [series.id for series in one.of]
        parts = self._store.ask.stretches(numbers, *span)
        if parts is not None:
            whole = _derived(one, [parts[number] for number in numbers])
            return self._store.ask.bucketed(whole, EVERYTHING, *span, points, step)
        # Too many readings for memory: derived from the means of each bucket instead.
        bounds = {series.id: Asked("", "", (series,)).bounds for series in one.of}
        found = self._store.ask.range(bounds, *span, points, step)
        means = ([[row[0], row[2]] for row in found[number].rows] for number in numbers)
        width = step or max(1, -(-(span[1] - span[0]) // points))
        both = self._store.ask.together(numbers, *span, width)
        return Answer([[at, value, value, value] for at, value in _derived_rows(one.kind, *means) if at in both])

    def export(self, held: Capability, names: list[str], span: tuple[int, int]) -> Any:
        """By name, every reading: `time` (epoch s) and `value`. Raises TooManyError above MOST_EXPORTED."""
        asked = self._asked(held, names)
        self._store.settle()
        numbers = sorted({series.id for one in asked for series in one.of})
        found = self._store.ask.raw(numbers, *span, MOST_EXPORTED)
        shown = {}
        for one in asked:
            parts = [found[series.id] for series in one.of]
            whole = _derived(one, parts) if one.kind else parts[0]
            shown[one.name] = {"time": (whole.time / 1e9).tolist(), "value": whole.value.tolist()}
        return {"series": shown}


def _plausible(series: Series, value: float) -> bool:
    least, most = Asked("", "", (series,)).bounds
    return least <= value <= most


def _derived(one: Asked, parts: list[Stretch]) -> Stretch:
    """The derived variable where both inputs were measured at one moment, and both are plausible."""
    good = []
    for series, stretch in zip(one.of, parts, strict=True):
        least, most = Asked("", "", (series,)).bounds
        inside = (stretch.value >= least) & (stretch.value <= most)
        good.append(Stretch(stretch.time[inside], stretch.value[inside]))
    return together(one.kind, *good)


def _step_of(rows: list[list[float]]) -> float | None:
    """How far apart in s rows usually lie; None where they are too few to tell."""
    return usual_step(np.diff(np.array([row[0] for row in rows], float)))


def _derived_rows(kind: str, first: list[list[float]], second: list[list[float]]) -> list[list[float]]:
    """Rows (time, derived value) of two lists of (time, mean)."""
    at = [
        Stretch(np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], float))
        for rows in (first, second)
    ]
    whole = together(kind, *at)
    return [list(row) for row in zip(whole.time.tolist(), np.round(whole.value, 3).tolist(), strict=True)]


@cache
def _shown(one: Asked) -> dict[str, Any]:
    variable, place = one.variable, one.of[0].origin
    facts = (
        {"variable": variable.id, "title": variable.title, "unit": variable.symbol, "colour": variable.colour}
        | {"least": variable.least, "most": variable.most}
        if variable
        else {"variable": "", "title": one.of[0].field, "unit": "", "colour": "#57534e", "least": None, "most": None}
    )
    head = {
        "id": one.name,
        "site": place.site,
        "compartment": place.compartment,
        "device": place.device,
        "derived": bool(one.kind),
    }
    return head | {"tags": one.of[0].tags, "field": one.kind or one.of[0].field} | facts


def _reading(reading: tuple[float, float] | None) -> dict[str, float | None]:
    return {"at": reading[0] if reading else None, "value": reading[1] if reading else None}


__all__ = ["MOST_EXPORTED", "Answers", "TooManyError", "UnknownSeriesError"]
