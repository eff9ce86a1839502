"""`glasshouse dev`: a change of the source restarts the parts that run it, and broken code restarts nothing."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from glasshouse.operations import reload, service
from glasshouse.operations.installation import Installation
from glasshouse.operations.processes import Part, Supervisor
from glasshouse.operations.reload import Reload

NAMES = ("people store", "crops", "web", "worker")


@dataclass(frozen=True, slots=True)
class Reloading:
    """A reload of `parts`, and the lines that it has printed."""

    reload: Reload
    messages: list[str]
    parts: dict[str, Part]

    def restarted(self) -> set[str]:
        """Look for changes once; the names of the parts that were restarted."""
        pids_before = {name: part.child and part.child.pid for name, part in self.parts.items()}
        self.reload.look()
        return {name for name, part in self.parts.items() if part.child and part.child.pid != pids_before[name]}


@pytest.fixture
def parts() -> Iterator[dict[str, Part]]:
    supervisor = Supervisor(parts=[Part(name, ["/bin/sleep", "60"], {}) for name in NAMES], say=lambda text: None)
    for part in supervisor.parts:
        part.start()
    yield {part.name: part for part in supervisor.parts}
    supervisor.stop()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for package in ("crops", "crop_contract", "glasshouse"):
        (tmp_path / package).mkdir()
        for name in ("a.py", "models.py", "page.html"):
            (tmp_path / package / name).write_text("")
    return tmp_path


@pytest.fixture
def reloading(parts: dict[str, Part], source: Path, monkeypatch: pytest.MonkeyPatch) -> Reloading:
    messages: list[str] = []
    monkeypatch.setattr(reload, "EVERY_S", 0.0)
    monkeypatch.setattr(service, "migrate", lambda home: messages.append("migrated"))
    home = Installation(source / "data", source / "keys", 1, 2, 3, demo=True)
    supervisor = Supervisor(parts=list(parts.values()))
    return Reloading(Reload(home, supervisor, messages.append, source), messages, parts)


def _changed(path: Path, text: str = "x = 1\n") -> None:
    path.write_text(text)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000_000))  # The file system's clock may be coarse.


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("glasshouse/a.py", {"web", "worker"}),
        ("glasshouse/page.html", {"web", "worker"}),
        ("crops/a.py", {"crops"}),
        ("crop_contract/a.py", {"crops", "web", "worker"}),
    ],
)
def test_a_change_restarts_the_parts_that_run_it(
    source: Path, reloading: Reloading, file: str, expected: set[str]
) -> None:
    assert reloading.restarted() == set(), "nothing has changed"
    _changed(source / file)
    assert reloading.restarted() == expected
    assert reloading.restarted() == set()
    assert "migrated" not in reloading.messages


def test_changed_models_change_the_tables_first(source: Path, reloading: Reloading) -> None:
    _changed(source / "glasshouse" / "models.py")
    assert reloading.restarted() == {"web", "worker"}
    assert reloading.messages[-1] == "migrated"


def test_broken_code_leaves_the_parts_running(source: Path, reloading: Reloading) -> None:
    _changed(source / "glasshouse" / "a.py", "def broken(:\n")
    assert reloading.restarted() == set()
    assert "a.py" in reloading.messages[-1]
    _changed(source / "glasshouse" / "a.py", "repaired = 1\n")
    assert reloading.restarted() == {"web", "worker"}
