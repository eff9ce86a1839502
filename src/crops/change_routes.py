"""The crop plane's routes for changes of stored readings: undoing one, amending readings, and those that are marked as wrong."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from fastapi import FastAPI, Request

from crop_contract.capability import Capability
from crop_contract.kept import KEPT_DAYS
from crops.amending import SHIFT, Amendment, ClockError, OutOfRangeError, written
from crops.cache import NS_PER_S
from crops.changes import Named, NotKeptError, UnknownChangeError
from crops.decimals import values
from crops.door import Refusal
from crops.limits import LimitReachedError
from crops.previews import FarTimeError
from crops.questions import TooManyError
from crops.request_models import Amending, Question, Undoing
from crops.senders import StillQueuedError
from crops.store import Store, WriteQueueFullError
from crops.versions import is_shown, plain_scale
from crops.wal import LogError

MOST_MARKED = 1_000  # readings of one answer


class Plane(Protocol):
    """What these routes need of the crop plane."""

    store: Store

    def capability_of(self, request: Request, verb: str) -> Capability:
        """The capability of a request, if it covers the verb. Raises Refusal."""


async def answered(what: str, act: Callable[..., Any], *arguments: Any) -> Any:
    """What a change of stored readings answers, in a thread. what: is changed, as a sender reads it. Raises Refusal."""
    try:
        return await asyncio.to_thread(act, *arguments)
    except (WriteQueueFullError, StillQueuedError):
        raise Refusal(503, "unavailable", "Too much is waiting to be stored. Send it again in a second.") from None
    except LogError as error:
        raise Refusal(507, "internal error", f"Nothing of {what} was stored: {error}.") from None
    except LimitReachedError as error:
        message = f"Nothing of this file was stored: {error.reached.message}"
        raise Refusal(
            422, "unprocessable entity", message, limit=error.reached.limit, series=error.reached.series
        ) from None
    except UnknownChangeError:
        raise Refusal(404, "not readings", "There is no such change.") from None
    except NotKeptError:
        message = f"What this replaced was kept for {KEPT_DAYS} days. It cannot be undone any more."
        raise Refusal(422, "not kept", message) from None
    except OutOfRangeError:
        raise Refusal(422, "invalid", "A value would become larger than a number may be.") from None
    except FarTimeError:
        message = "Readings would lie more than a day in the future, or 20 years in the past."
        raise Refusal(422, "invalid", message) from None
    except ClockError:
        message = "These readings were by another clock: it skipped some of their times, or two would lie at one time."
        raise Refusal(422, "invalid", message) from None
    except TooManyError:
        raise Refusal(
            413, "too large", "These are too many readings at once. Choose a shorter time or fewer series."
        ) from None


class ChangeRoutes:
    """The routes of one crop plane."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def add_to(self, app: FastAPI) -> None:
        """Have the application answer them."""
        app.add_api_route("/v1/changes/undo", self.undo, methods=["POST"])
        app.add_api_route("/v1/changes/amend", self.amend, methods=["POST"])
        app.add_api_route("/v1/marked", self.marked, methods=["POST"])

    async def undo(self, request: Request, asked: Undoing) -> dict[str, int | None]:
        """Undo a change, a step of it; see Changes.undo. Repeating a step changes nothing."""
        capability = self._plane.capability_of(request, "readings:write")
        changes = self._plane.store.changes
        position = (asked.change, asked.after, asked.from_ns)
        step = await answered("this", changes.undo, capability.tenant, capability.sites, *position)
        return dict(step._asdict())

    async def amend(self, request: Request, asked: Amending) -> dict[str, Any]:
        """Amend stored readings, or say what that would do. Repeating it changes nothing."""
        capability = self._plane.capability_of(request, "readings:write")
        numbers = self._numbers(capability, asked.series, asked.site)
        span_ns = (asked.start * NS_PER_S, asked.end * NS_PER_S)
        amendment = asked.amendment()
        if asked.preview:
            return dict(await answered("this", self._preview, numbers, span_ns, amendment))
        named = Named(capability.tenant, asked.site, asked.change, asked.run)
        done = await answered("this", self._plane.store.changes.amend, named, numbers, span_ns, amendment)
        return {"readings": done.readings, "replaced": done.replaced}

    def _numbers(self, capability: Capability, asked: list[int], site: str) -> list[int]:
        """The series, all of them this tenant's and at this site. Raises Refusal."""
        for number in asked:
            series = self._plane.store.series.get(number)
            of_site = series is not None and series.origin.site == site and site in capability.sites
            if series is None or series.origin.tenant != capability.tenant or not of_site:
                raise Refusal(404, "not readings", "There is no such series.")
        return sorted(set(asked))

    def _preview(self, numbers: list[int], span_ns: tuple[int, int], amendment: Amendment) -> dict[str, Any]:
        preview = self._plane.store.changes.preview(numbers, span_ns, amendment)
        some = preview.some
        after = some if amendment.kind == SHIFT else written(amendment, some)
        shown = is_shown(after.scale)
        before_values = values(some.digits, plain_scale(some.scale)).tolist()
        after_values = values(after.digits, plain_scale(after.scale)).tolist()
        rows = [
            [int(some.series[i]), int(some.time[i]) // NS_PER_S, before_values[i]]
            + ([amendment.moved_s(int(some.time[i]) // NS_PER_S), after_values[i]] if shown[i] else [None, None])
            for i in range(len(some.series))
        ]
        return {"readings": preview.readings, "replaced": preview.replaced, "rows": rows}

    async def marked(self, request: Request, question: Question) -> dict[str, Any]:
        """By series, the readings that are marked as wrong, at most MOST_MARKED in all: `time` (epoch s), `time_ns`, `value`."""
        capability, span = self._plane.capability_of(request, "readings:read"), question.span()
        of_sites = {series.id for series in self._plane.store.of_tenant(capability.tenant, capability.sites)}
        if not all(name.isdecimal() and int(name) in of_sites for name in question.series):
            raise Refusal(404, "not readings", "There is no such series.")
        numbers = sorted({int(name) for name in question.series})
        await asyncio.to_thread(self._plane.store.flush)
        segments = await asyncio.to_thread(self._plane.store.questions.marked, numbers, *span, MOST_MARKED)
        return {
            "series": {
                str(number): {"time": (segment.time / NS_PER_S).tolist(), "time_ns": segment.time.tolist()}
                | {"value": segment.value.tolist()}
                for number, segment in segments.items()
            }
        }
