"""Reload of code, for `glasshouse dev`: when a source file changes, the parts that run it are started again.

The supervisor's own code (`operations`, `cli`) is not reloaded: end the command, and start it again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from glasshouse.operations import service
from glasshouse.operations.installation import Installation, InstallationError
from glasshouse.operations.processes import Part, Supervisor

SOURCE = Path(__file__).resolve().parents[2]
EVERY_S, GRACE_S = 0.5, 3.0
READ_AT_START = {".py", ".html", ".css", ".js", ".txt", ".md"}
# What changes tables, rights or policies: the tables are brought up to date before the parts start.
OF_THE_TABLES = {"models.py", "policies.py", "restrictions.py", "declarations.py"}


@dataclass(slots=True)
class Reload:
    """Looks for changed files below source, and starts again what runs them. say: called with what happens, in one line."""

    home: Installation
    supervisor: Supervisor
    say: Callable[[str], None]
    source: Path = SOURCE
    _seen: dict[Path, int] = field(default_factory=dict)
    _looked_at: float = 0.0

    def __post_init__(self) -> None:
        self._seen = self._times()

    def look(self) -> None:
        """Look once, unless that was done a moment ago; start again what a change reaches. Raises nothing for broken code."""
        if time.monotonic() - self._looked_at < EVERY_S:
            return
        self._looked_at, now = time.monotonic(), self._times()
        changed = sorted(path for path in now.keys() | self._seen.keys() if now.get(path) != self._seen.get(path))
        self._seen = now
        if changed:
            self._take_in(changed)

    def _times(self) -> dict[Path, int]:
        files = (path for path in self.source.rglob("*") if path.suffix in READ_AT_START)
        times = {}
        for path in files:
            try:
                times[path] = path.stat().st_mtime_ns
            except FileNotFoundError:  # An editor has just replaced it.
                continue
        return times

    def _take_in(self, changed: list[Path]) -> None:
        changed_names = ", ".join(str(path.relative_to(self.source)) for path in changed[:3])
        if wrong := next(filter(None, map(_syntax_error, changed)), ""):
            self.say(f"{wrong}; nothing is started again until that is mended")
            return
        parts = [part for part in self.supervisor.parts if _runs(part, changed, self.source)]
        self.say(f"{changed_names} changed; starting again: {', '.join(part.name for part in parts)}")
        for part in reversed(parts):
            part.end(GRACE_S)
        try:
            if any(path.name in OF_THE_TABLES or path.parent.name == "migrations" for path in changed):
                service.migrate(self.home)
        except InstallationError as error:
            self.say(str(error))
        for part in parts:
            part.failures = 0
            part.start()


def _runs(part: Part, changed: list[Path], source: Path) -> bool:
    """Whether the part runs one of the files: crops its own package, the people plane's parts theirs, both the contract."""
    packages = {path.relative_to(source).parts[0] for path in changed}
    own = {"crops": "crops", "people store": ""}.get(part.name, "glasshouse")
    return bool(own) and bool(packages & {own, "crop_contract"})


def _syntax_error(path: Path) -> str:
    """Where a Python file cannot be read as one; "" if it can, or is none, or is gone."""
    if path.suffix != ".py" or not path.exists():
        return ""
    try:
        compile(path.read_bytes(), str(path), "exec")
    except (SyntaxError, ValueError) as error:
        return f"{path}: {error}"
    return ""
