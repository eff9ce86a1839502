"""Which fields of a device are left out because their values are texts: said once a device, and shown on its page.

It is kept in memory only: a device that sends texts sends them again.
"""

import threading
from collections import OrderedDict
from collections.abc import Collection

import structlog

from crops.limits import Origin

log = structlog.stdlib.get_logger("crops")
MOST_DEVICES, MOST_NAMES = 10_000, 20
LONGEST_NAME = 100  # bytes of a name that are noted: all together have a bound, too


class LeftOut:
    """Names of fields by device. Safe to call from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: OrderedDict[tuple[str, str, str], list[str]] = OrderedDict()

    def note(self, origin: Origin, names: Collection[bytes]) -> None:
        """Note the names of text fields that a device sent. The log says it once, without a name."""
        key = (origin.tenant, origin.site, origin.device)
        with self._lock:
            known = self._names.get(key)
            if known is None:
                log.warning("text fields of a device are left out", device=origin.device)
                known = self._names[key] = []
                if len(self._names) > MOST_DEVICES:
                    self._names.popitem(last=False)
            for name in sorted(names):
                text = name[:LONGEST_NAME].decode(errors="replace")
                if text not in known and len(known) < MOST_NAMES:
                    known.append(text)

    def of(self, tenant: str, sites: Collection[str]) -> dict[str, list[str]]:
        """By device of a tenant's sites, the names of the text fields that were left out."""
        with self._lock:
            return {key[2]: list(names) for key, names in self._names.items() if key[0] == tenant and key[1] in sites}

    def forget(self, tenant: str) -> None:
        """Forget what a tenant's devices sent."""
        with self._lock:
            for key in [key for key in self._names if key[0] == tenant]:
                del self._names[key]
