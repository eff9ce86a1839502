"""The JSON bodies of the crop plane's routes, as FastAPI checks them."""

from typing import Annotated

from pydantic import BaseModel, Field

from crops.answers import Span
from crops.door import Refusal

MOST_BUCKETS = 100_000  # of one series in one question
SeriesName = Annotated[str, Field(pattern=r"^([a-z_]{1,20}\.)?[0-9]{1,10}(\.[0-9]{1,10})?$")]
OpaqueId = Annotated[str, Field(pattern=r"^[0-9a-z]{16}$")]
CompartmentId = Annotated[str, Field(pattern=r"^([0-9a-z]{16})?$")]  # "": the whole site


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
