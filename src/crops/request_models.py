"""The JSON bodies of the crop plane's routes, as FastAPI checks them."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from crops.answers import Span
from crops.door import Refusal

MOST_BUCKETS = 100_000  # of one series in one question
SeriesName = Annotated[str, Field(pattern=r"^([a-z_]{1,20}\.)?[0-9]{1,10}(\.[0-9]{1,10})?$")]
OpaqueId = Annotated[str, Field(pattern=r"^[0-9a-z]{16}$")]
CompartmentId = Annotated[str, Field(pattern=r"^([0-9a-z]{16})?$")]  # "": the whole site


RunNumber = Annotated[int, Field(ge=0, le=1 << 31)]


class Undoing(BaseModel):
    """A change to undo. after: 0, or where the last step of it ended."""

    change: OpaqueId
    after: Annotated[int, Field(ge=0, lt=1 << 32)] = 0


class Amending(BaseModel):
    """Stored readings to amend: of some series of a site, from start to before end (epoch s). See crops.amending.

    preview: only say what that would do.
    """

    change: OpaqueId
    run: RunNumber = 1
    site: OpaqueId
    kind: Literal["delete", "mark", "shift", "convert"]
    series: Annotated[list[Annotated[int, Field(ge=1, lt=1 << 32)]], Field(min_length=1, max_length=50)]
    start: Annotated[int, Field(ge=-(1 << 32), le=1 << 33)]
    end: Annotated[int, Field(ge=-(1 << 32), le=1 << 33)]
    shift_s: Annotated[int, Field(ge=-(1 << 25), le=1 << 25)] = 0
    factor: Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)] = 1.0
    offset: Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)] = 0.0
    preview: bool = False


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
