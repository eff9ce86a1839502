"""How many series a device and an organisation may have: a sender that makes up names meets a limit, not a full store."""

import os
from collections import Counter
from dataclasses import dataclass

MOST_OF_A_DEVICE, MOST_OF_AN_ORGANISATION = 2_000, 100_000
SETTINGS = {"CROPS_SERIES_PER_DEVICE": MOST_OF_A_DEVICE, "CROPS_SERIES_PER_ORGANISATION": MOST_OF_AN_ORGANISATION}
MOST = 10_000_000


@dataclass(frozen=True, slots=True)
class Origin:
    """Where readings come from: all ids opaque."""

    tenant: str
    site: str
    device: str
    compartment: str


@dataclass(frozen=True, slots=True)
class Reached:
    """A limit that is reached: of what, how many series it allows, how many there are, and what to do."""

    scope: str
    limit: int
    series: int

    @property
    def message(self) -> str:
        """What happened and what to do."""
        return (
            f"{self.scope} has {self.series:,} series and may have {self.limit:,}. A series is one measurement with its tags "
            "and one field: do not put times, counters or serial numbers into their names. Otherwise ask the operator for more"
        )


class Limits:
    """Counts of series, looked up in constant time. Not safe by itself: the store asks and counts under its lock."""

    def __init__(self, device: int = MOST_OF_A_DEVICE, organisation: int = MOST_OF_AN_ORGANISATION) -> None:
        self._device, self._organisation = device, organisation
        self._of_device: Counter[tuple[str, ...]] = Counter()
        self._of_tenant: Counter[str] = Counter()

    @classmethod
    def from_environment(cls) -> "Limits":
        """The limits of the settings. Raises ValueError when one of them is no whole number from 1 on."""
        return cls(*(_number(name, usual) for name, usual in SETTINGS.items()))

    @staticmethod
    def _sender(origin: Origin) -> tuple[str, ...]:
        # A device keeps its count when it moves. Files of one place count together, as if they came from one device.
        return (origin.tenant, origin.device) if origin.device else (origin.tenant, "", origin.site, origin.compartment)

    def count(self, origin: Origin) -> None:
        """Note one more series."""
        self._of_device[self._sender(origin)] += 1
        self._of_tenant[origin.tenant] += 1

    def forget(self, origin: Origin) -> None:
        """Note one series less."""
        sender = self._sender(origin)
        self._of_device[sender] -= 1
        self._of_tenant[origin.tenant] -= 1
        if self._of_device[sender] <= 0:
            del self._of_device[sender]
        if self._of_tenant[origin.tenant] <= 0:
            del self._of_tenant[origin.tenant]

    def reached(self, origin: Origin) -> Reached | None:
        """The limit that one more series would pass; None if there is room."""
        of_device, of_tenant = self._of_device[self._sender(origin)], self._of_tenant[origin.tenant]
        if of_device >= self._device:
            what = "This device" if origin.device else "The place of this file"
            return Reached(what, self._device, of_device)
        if of_tenant >= self._organisation:
            return Reached("This organisation", self._organisation, of_tenant)
        return None


def _number(name: str, usual: int) -> int:
    text = os.environ.get(name) or str(usual)
    if not text.isascii() or not text.isdecimal() or len(text) > 8 or not 1 <= int(text) <= MOST:
        raise ValueError(f"{name} must be a whole number from 1 to {MOST:,}; it is {text[:20]!r}.")
    return int(text)
