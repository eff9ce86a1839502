"""The JSON bodies of the crop plane's routes, as FastAPI checks them."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from crops.amending import Amendment, Point, ShiftStep
from crops.answers import Span
from crops.door import Refusal

MOST_BUCKETS = 100_000  # of one series in one question
MOST_STEPS, MOST_POINTS = 2_000, 500  # of one amendment
SeriesName = Annotated[str, Field(pattern=r"^([a-z_]{1,20}\.)?[0-9]{1,10}(\.[0-9]{1,10})?$")]
OpaqueId = Annotated[str, Field(pattern=r"^[0-9a-z]{16}$")]
CompartmentId = Annotated[str, Field(pattern=r"^([0-9a-z]{16})?$")]  # "": the whole site
SeriesNumber = Annotated[int, Field(ge=1, lt=1 << 32)]
EpochS = Annotated[int, Field(ge=-(1 << 32), le=1 << 33)]
ShiftS = Annotated[int, Field(ge=-(1 << 25), le=1 << 25)]
TimeNs = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
RunNumber = Annotated[int, Field(ge=0, le=1 << 31)]


class Undoing(BaseModel):
    """A change to undo. after, from_ns: 0 and None, or where the last step of it ended."""

    change: OpaqueId
    after: Annotated[int, Field(ge=0, lt=1 << 32)] = 0
    from_ns: TimeNs | None = None


class Amending(BaseModel):
    """Stored readings to amend: of some series of a site, from start to before end (epoch s). See crops.amending.

    steps: of a shift whose length differs with time, (from epoch s, s or None), ascending; only: (series, ns) of these readings
    alone. preview: only say what that would do.
    """

    change: OpaqueId
    run: RunNumber = 1
    site: OpaqueId
    kind: Literal["delete", "mark", "unmark", "shift", "convert"]
    series: Annotated[list[SeriesNumber], Field(min_length=1, max_length=50)]
    start: EpochS
    end: EpochS
    shift_s: ShiftS = 0
    factor: Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)] = 1.0
    offset: Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)] = 0.0
    steps: Annotated[list[tuple[EpochS, ShiftS | None]], Field(max_length=MOST_STEPS)] = []
    only: Annotated[list[tuple[SeriesNumber, TimeNs]], Field(max_length=MOST_POINTS)] = []
    preview: bool = False

    def amendment(self) -> Amendment:
        """What is to be done. Raises Refusal where the steps are not in order."""
        steps = tuple(ShiftStep(*step) for step in self.steps)
        if any(step.from_s >= after.from_s for step, after in pairwise(steps)):
            raise Refusal(422, "invalid", "The steps must be in order.")
        only = frozenset(Point(*point) for point in self.only)
        return Amendment(self.kind, self.shift_s, self.factor, self.offset, steps, only)


class NewDevice(BaseModel):
    """A device to register."""

    device: OpaqueId
    site: OpaqueId
    compartment: CompartmentId = ""


class Question(BaseModel):
    """Readings of some series from start to end (epoch seconds), in at most `points` buckets, or in buckets of `step` seconds."""

    series: Annotated[list[SeriesName], Field(min_length=1, max_length=500)]
    start: Annotated[int, Field(ge=-(1 << 32), le=1 << 33)]
    end: Annotated[int, Field(ge=-(1 << 32), le=1 << 33)]
    points: Annotated[int, Field(ge=1, le=4000)] = 400
    step: Annotated[int, Field(ge=0, le=1 << 32)] = 0

    def span(self) -> Span:
        """The time that is asked about. Raises Refusal when it is empty, or has more than MOST_BUCKETS buckets."""
        if self.end <= self.start:
            raise Refusal(400, "invalid", "The end must come after the start.")
        if self.step and (self.end - self.start) / self.step > MOST_BUCKETS:
            raise Refusal(400, "invalid", f"More than {MOST_BUCKETS:,} buckets a series. Choose a longer step.")
        return Span(self.start, self.end)
