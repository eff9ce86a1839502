"""Tells the service manager that started us how we are: open, alive, stopping. Without one, nothing is told.

The protocol is that of systemd: a datagram to the Unix socket that NOTIFY_SOCKET names.
Source: sd_notify(3), sd_watchdog_enabled(3).
"""

import os
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_QUIET_S = 10.0


@dataclass(slots=True)
class ServiceManager:
    """address: of its socket, "": there is none. watchdog_s: how long it waits for a sign of life; 0: it does not."""

    address: str = ""
    watchdog_s: float = 0.0
    wants_reload: bool = False
    _told_at: float = field(default=-MOST_QUIET_S)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "ServiceManager":
        """The one that started this process. What does not have the form of the protocol counts as none."""
        address, pid, span = (environment.get(name, "") for name in ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"))
        if address[:1] not in ("/", "@"):
            return cls()
        is_ours = span.isascii() and span.isdecimal() and pid in ("", str(os.getpid()))
        return cls(address, int(span) / 1e6 if is_ours else 0.0)

    def opened(self) -> None:
        """The doors are open. From now on SIGHUP asks for what is renewed to be taken in, and ends nothing."""
        if self.address:
            signal.signal(signal.SIGHUP, self._asked)
        self._tell(f"READY=1\nMAINPID={os.getpid()}\nSTATUS=All parts run.")

    def stopping(self) -> None:
        """The parts are being stopped."""
        self._tell("STOPPING=1\nSTATUS=The parts are being stopped.")

    def alive(self) -> None:
        """The supervisor goes round: told four times in the manager's span, and not more often."""
        if self.watchdog_s and time.monotonic() - self._told_at >= min(self.watchdog_s / 4, MOST_QUIET_S):
            self._told_at = time.monotonic()
            self._tell("WATCHDOG=1")

    def asked_to_reload(self) -> bool:
        """Whether a reload was asked for since the last look."""
        asked, self.wants_reload = self.wants_reload, False
        return asked

    def _asked(self, *_: object) -> None:
        self.wants_reload = True

    def _tell(self, text: str) -> None:
        if not self.address:
            return
        address = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
                link.setblocking(False)  # A manager that hangs holds up no part.
                link.sendto(text.encode(), address)
        except OSError:  # It is gone, or hears nothing just now: the parts run on.
            return
