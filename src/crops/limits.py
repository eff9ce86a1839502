"""How many series a device and an organisation may have, so that a sender with ever new names cannot fill the store."""

import os
from collections import Counter
from dataclasses import dataclass

MOST_OF_A_DEVICE, MOST_OF_AN_ORGANISATION = 2_000, 100_000
SETTINGS = {"CROPS_SERIES_PER_DEVICE": MOST_OF_A_DEVICE, "CROPS_SERIES_PER_ORGANISATION": MOST_OF_AN_ORGANISATION}
MOST = 10_000_000


@dataclass(frozen=True, slots=True)
class Origin:
    """Where readings come from, as opaque ids. device: "" for files; compartment: "" for the whole site."""

    tenant: str
    site: str
    device: str
    compartment: str


@dataclass(frozen=True, slots=True)
class LimitReached:
    """A limit that is reached: what has it, how many series it may have, and how many it has. new: how many a file adds."""

    scope: str
    limit: int
    series: int
    new: int = 0

    @property
    def message(self) -> str:
        """What happened, and what the sender can do."""
        return (
            f"{self.scope} has {self.series:,} series and may have {self.limit:,}"
            f"{f'; the file adds {self.new:,}' if self.new else ''}. A series is one measurement with its tags "
            "and one field: do not put times, counters or serial numbers into their names. Otherwise ask the operator for more"
        )


class LimitReachedError(Exception):
    """Not all new series of a file fit a limit. Nothing of it is stored."""

    def __init__(self, reached: LimitReached) -> None:
        super().__init__(reached.message)
        self.reached = reached


class Limits:
    """Counts of series, looked up in constant time. Not safe for several threads: the store calls it under its lock."""

    def __init__(self, device: int = MOST_OF_A_DEVICE, organisation: int = MOST_OF_AN_ORGANISATION) -> None:
        self._device, self._organisation = device, organisation
        self._of_device: Counter[tuple[str, ...]] = Counter()
        self._of_tenant: Counter[str] = Counter()

    @classmethod
    def from_environment(cls) -> "Limits":
        """The limits that SETTINGS name in the environment. Raises ValueError when one is not a whole number of at least 1."""
        return cls(*(_setting(name, default) for name, default in SETTINGS.items()))

    @staticmethod
    def _sender(origin: Origin) -> tuple[str, ...]:
        # A device keeps its count when it moves. Files of one compartment count together, as if they came from one device.
        return (origin.tenant, origin.device) if origin.device else (origin.tenant, "", origin.site, origin.compartment)

    def count(self, origin: Origin) -> None:
        """Count one more series."""
        self._of_device[self._sender(origin)] += 1
        self._of_tenant[origin.tenant] += 1

    def forget(self, origin: Origin) -> None:
        """Count one series less."""
        sender = self._sender(origin)
        self._of_device[sender] -= 1
        self._of_tenant[origin.tenant] -= 1
        if self._of_device[sender] <= 0:
            del self._of_device[sender]
        if self._of_tenant[origin.tenant] <= 0:
            del self._of_tenant[origin.tenant]

    def refused(self, origin: Origin, new: int) -> LimitReached | None:
        """The limit that so many more series of this origin would exceed; None if they would exceed none."""
        of_device, of_tenant = self._of_device[self._sender(origin)], self._of_tenant[origin.tenant]
        if new and of_device + new > self._device:
            return LimitReached(self._scope(origin), self._device, of_device, new)
        if new and of_tenant + new > self._organisation:
            return LimitReached("This organisation", self._organisation, of_tenant, new)
        return None

    @staticmethod
    def _scope(origin: Origin) -> str:
        file_scope = "The compartment of this file" if origin.compartment else "The site of this file"
        return "This device" if origin.device else file_scope

    def reached(self, origin: Origin) -> LimitReached | None:
        """The limit that one more series of this origin would exceed; None if it would exceed none."""
        of_device, of_tenant = self._of_device[self._sender(origin)], self._of_tenant[origin.tenant]
        if of_device >= self._device:
            return LimitReached(self._scope(origin), self._device, of_device)
        if of_tenant >= self._organisation:
            return LimitReached("This organisation", self._organisation, of_tenant)
        return None


def _setting(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isascii() or not text.isdecimal() or len(text) > 8 or not 1 <= int(text) <= MOST:
        raise ValueError(f"{name} must be a whole number from 1 to {MOST:,}; it is {text[:20]!r}.")
    return int(text)
