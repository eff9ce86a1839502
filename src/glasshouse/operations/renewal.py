"""Certificates are renewed while the service runs: once an hour they are brought up to date, and the doors show what is new."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from glasshouse.kernel.doors import OWN, PUBLIC
from glasshouse.kernel.users import CROPS, MAIL, WEB
from glasshouse.operations import owners, tls
from glasshouse.operations.installation import Installation, InstallationError
from glasshouse.operations.processes import Part, Supervisor

EVERY_S, MOST_S = 3600.0, 30.0
DOORS = (WEB, CROPS)


@dataclass(slots=True)
class Renewal:
    """Looks after the certificates of a running installation. say: called with what happens, in one line."""

    home: Installation
    supervisor: Supervisor
    say: Callable[[str], None]
    every_s: float = EVERY_S
    _looked_at: float = field(default_factory=time.monotonic)

    def look(self) -> None:
        """Look once, unless that was done in the last hour; start again what shows a certificate that was renewed."""
        if time.monotonic() - self._looked_at >= self.every_s:
            self.look_at_once()

    def look_at_once(self) -> None:
        """As `look`, whenever that was done last: a service manager asks for it, after a certificate was renewed."""
        self._looked_at = time.monotonic()
        try:
            new = tls.ensure(self.home.keys / "tls", self.home.hosts, self.home.doors.certificate)
            owners.settle_certificates(self.home)
        except (InstallationError, OSError) as error:
            self.say(f"The certificate was not renewed: {error}")
            return
        for part in self.supervisor.parts:
            if part.kind in self._showing(new):
                self._begin_again(part)

    def _showing(self, new: frozenset[str]) -> set[str]:
        """Which parts show a certificate that is new. The mail listener always shows that of our own authority."""
        shown = PUBLIC if self.home.doors.certificate else OWN
        names = set(DOORS) if shown in new or PUBLIC in new else set()
        return names | ({MAIL} if OWN in new else set())

    def _begin_again(self, part: Part) -> None:
        self.say(f"{part.name} starts again, with the new certificate")
        part.end()
        part.start()
        if part.kind == WEB and self.home.web_processes > 1:
            self._until_well(part)

    def _until_well(self, part: Part) -> None:
        """Wait until a part answers again, so that of several web processes one is there at any time; not longer than MOST_S."""
        ends = time.monotonic() + MOST_S
        while part.probe and not part.probe.was_well and time.monotonic() < ends:
            time.sleep(0.2)
            part.probe.ask()
