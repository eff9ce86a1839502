"""What an area does by itself, repeatedly: `SCHEDULE` in the area's `schedule.py`. The worker finds it there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from glasshouse.kernel import areas


@dataclass(frozen=True, slots=True)
class Job:
    """A verb, run first after so many seconds, then so many seconds after each end. It claims the items that it works on."""

    verb: Callable[[], object]
    every_s: float
    first_s: float = 0.0

    @property
    def name(self) -> str:
        """Area and verb, at most 64 characters, as the heartbeat and the list of what was set aside name it."""
        return f"{self.verb.__module__.removeprefix('glasshouse.')}.{self.verb.__name__}"[:64]


def scheduled() -> Iterator[Job]:
    """The jobs of every area."""
    for module in areas.modules("schedule"):
        yield from getattr(module, "SCHEDULE", ())
