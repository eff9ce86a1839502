"""Which fields of a device are left out because their values are texts: said once a device, and shown on its page.

It is kept in memory only: a device that sends texts sends them again.
"""

import threading
from collections import OrderedDict
from collections.abc import Collection

import structlog

from crops.limits import Origin

log = structlog.stdlib.get_logger("crops")
MOST_DEVICES, MOST_OF_CUSTOMER, MOST_NAMES = 10_000, 1_000, 20
LONGEST_NAME = 100  # bytes of a name that are noted: all together have a bound, too


class LeftOut:
    """Names of fields by device. Safe to call from many threads.

    A customer with too many devices loses its own oldest notes, and never another customer's. Where all customers together have
    too many, whoever has the most loses one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._customers: dict[str, OrderedDict[tuple[str, str], list[str]]] = {}
        self._device_count = 0

    def note(self, origin: Origin, names: Collection[bytes]) -> None:
        """Note the names of text fields that a device sent. The log says it once, without a name."""
        with self._lock:
            devices = self._customers.setdefault(origin.tenant, OrderedDict())
            known = devices.get((origin.site, origin.device))
            if known is None:
                log.warning("text fields of a device are left out", device=origin.device)
                known = devices[origin.site, origin.device] = []
                self._device_count += 1
                self._make_room(origin.tenant)
            for name in sorted(names):
                text = name[:LONGEST_NAME].decode(errors="replace")
                if text not in known and len(known) < MOST_NAMES:
                    known.append(text)

    def _make_room(self, tenant: str) -> None:
        """Forget a device where there are too many. tenant: of whom one was added."""
        is_over = len(self._customers[tenant]) > MOST_OF_CUSTOMER
        if not is_over and self._device_count <= MOST_DEVICES:
            return
        fullest = tenant if is_over else max(self._customers, key=lambda other: len(self._customers[other]))
        self._customers[fullest].popitem(last=False)
        self._device_count -= 1
        if not self._customers[fullest]:
            del self._customers[fullest]

    def of(self, tenant: str, sites: Collection[str]) -> dict[str, list[str]]:
        """By device of a tenant's sites, the names of the text fields that were left out."""
        with self._lock:
            devices = self._customers.get(tenant) or OrderedDict[tuple[str, str], list[str]]()
            return {device: list(names) for (site, device), names in devices.items() if site in sites}

    def forget(self, tenant: str) -> None:
        """Forget what a tenant's devices sent."""
        with self._lock:
            self._device_count -= len(self._customers.pop(tenant, ()))
