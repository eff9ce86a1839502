"""Reload of code, for `glasshouse dev`: when a source file changes, the parts that run it are started again.

Code that cannot be imported, models without their migration, and tables that cannot be brought up to date are told in a line with
their place; the parts then run on as they are, and the change is taken in with the one that mends it.

The supervisor's own code (`operations`, `cli`) is not reloaded: end the command, and start it again.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from glasshouse.operations import service
from glasshouse.operations.installation import Installation, InstallationError
from glasshouse.operations.processes import Part, Supervisor

SOURCE = Path(__file__).resolve().parents[2]
EVERY_S, GRACE_S = 0.5, 3.0
READ_AT_START = {".py", ".html", ".css", ".js", ".txt", ".md", ".sql", ".change"}
# What changes tables, rights or policies as a rule: the tables are brought up to date before the parts are started again. After
# any other change it is looked as well, when they run: a policy can come from anywhere, and the stamp of the tables knows.
OF_THE_TABLES = {"models.py", "policies.py", "restrictions.py", "declarations.py", "sql.py"}
OF_THE_STAMP = {".py", ".sql", ".md", ".change"}
IMPORTED_WITHIN_S, WATCHED_S = 120.0, 20.0
TRY_IMPORT = Path(__file__).with_name("try_import.py")


@dataclass(slots=True)
class Reload:
    """Looks for changed files below source, and starts again what runs them. say: called with what happens, in one line."""

    home: Installation
    supervisor: Supervisor
    say: Callable[[str], None]
    source: Path = SOURCE
    _seen: dict[Path, int] = field(default_factory=dict)
    _looked_at: float = 0.0
    _pending: set[Path] = field(default_factory=set)
    _started: list[Part] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._seen = self._times()

    def look(self) -> None:
        """Look once, unless that was done a moment ago; start again what a change reaches. Raises nothing for broken code."""
        if time.monotonic() - self._looked_at < EVERY_S:
            return
        self._looked_at, now = time.monotonic(), self._times()
        changed = {path for path in now.keys() | self._seen.keys() if now.get(path) != self._seen.get(path)}
        self._seen = now
        self._tell_ended()
        if changed:
            self._pending |= changed
            if self._take_in(sorted(self._pending)):
                self._pending.clear()

    def _times(self) -> dict[Path, int]:
        files = (path for path in self.source.rglob("*") if path.suffix in READ_AT_START)
        times = {}
        for path in files:
            try:
                times[path] = path.stat().st_mtime_ns
            except FileNotFoundError:  # An editor has just replaced it.
                continue
        return times

    def _take_in(self, changed: list[Path]) -> bool:
        """Start again what the changes reach; False if that has to wait for another change, and why is said."""
        changed_names = ", ".join(str(path.relative_to(self.source)) for path in changed[:3])
        parts = [part for part in self.supervisor.parts if _runs(part, changed, self.source)]
        if wrong := next(filter(None, map(_syntax_error, changed)), "") or self._import_error(parts, changed):
            self.say(f"{wrong}; nothing is started again until that is mended")
            return False
        tables_first = any(path.name in OF_THE_TABLES or path.parent.name == "migrations" for path in changed)
        if tables_first:
            self.say(f"{changed_names} changed; bringing the tables up to date")
            if not self._migrate():
                return False
        self.say(f"{changed_names} changed; starting again: {', '.join(part.name for part in parts)}")
        for part in reversed(parts):
            part.end(GRACE_S)
        for part in parts:
            part.failures = 0
            part.start()
        self._started = parts
        if not tables_first and any(
            _package(path, self.source) == "glasshouse" and path.suffix in OF_THE_STAMP for path in changed
        ):
            self._migrate()
        return True

    def _import_error(self, parts: list[Part], changed: list[Path]) -> str:
        """What cannot be imported of the packages that the parts run, or which migration is missing; "" if all is well."""
        if not any(path.suffix == ".py" for path in changed):
            return ""
        for package in sorted({_own_package(part) for part in parts}):
            environment = next(part.environment for part in parts if _own_package(part) == package)
            command = [sys.executable, "-P", str(TRY_IMPORT), str(self.source), "crop_contract", package]
            try:
                tried = subprocess.run(
                    command,
                    env=environment | {"PYTHONPATH": str(self.source)},
                    capture_output=True,
                    text=True,
                    timeout=IMPORTED_WITHIN_S,
                )
            except subprocess.TimeoutExpired:
                return f"{package} could not be imported within {IMPORTED_WITHIN_S:g} seconds"
            if tried.returncode:
                return (tried.stdout or tried.stderr).strip().rpartition("\n")[2] or f"{package} cannot be imported"
        return ""

    def _migrate(self) -> bool:
        """Bring the tables up to date; False if they cannot be, and why is said."""
        try:
            service.migrate(self.home)
        except InstallationError as error:
            self.say(f"The tables are as they were: {_reason(str(error))}")
            return False
        return True

    def _tell_ended(self) -> None:
        """Say which part ended soon after it was started again. The supervisor starts it once more, more and more slowly."""
        for part in list(self._started):
            has_ended = part.failures > 0 or (part.child is not None and part.child.poll() is not None)
            if has_ended:
                self.say(f"{part.name} ended at once: {_last_line(part.log)} (more in {part.log})")
            if has_ended or time.monotonic() - part.started_at > WATCHED_S:
                self._started.remove(part)


def _package(path: Path, source: Path) -> str:
    return path.relative_to(source).parts[0]


def _own_package(part: Part) -> str:
    """The package whose code the part runs; "" of the people store, which runs none of ours."""
    return {"crops": "crops", "people store": ""}.get(part.kind, "glasshouse")


def _last_line(log: Path | None) -> str:
    if log is None or not log.exists():
        return "no log"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        return file.read().decode(errors="replace").strip().rpartition("\n")[2][:500]


def _reason(text: str) -> str:
    """What a text with tracebacks says at its end, without them."""
    lines = text.rpartition("Traceback (most recent call last):\n")[2].splitlines()
    first = next((number for number, line in enumerate(lines) if line and not line.startswith(" ")), 0)
    return "\n".join(lines[first:])


def _runs(part: Part, changed: list[Path], source: Path) -> bool:
    """Whether the part runs one of the files: crops its own package, the people plane's parts theirs, both the contract."""
    packages = {_package(path, source) for path in changed}
    own = _own_package(part)
    return bool(own) and bool(packages & {own, "crop_contract"})


def _syntax_error(path: Path) -> str:
    """Where a Python file cannot be read as one; "" if it can, or is none, or is gone."""
    if path.suffix != ".py" or not path.exists():
        return ""
    try:
        compile(path.read_bytes(), str(path), "exec")
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        return f"{path}{line}: {error.msg if isinstance(error, SyntaxError) else error}"
    return ""
