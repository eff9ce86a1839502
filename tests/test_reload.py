"""`glasshouse dev`: a change of the source starts again what runs it, and broken code starts nothing."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from glasshouse.operations import reload, service
from glasshouse.operations.installation import Installation
from glasshouse.operations.processes import Part, Supervisor
from glasshouse.operations.reload import Reload

NAMES = ("people store", "crops", "web", "worker")


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
def reloading(parts: dict[str, Part], source: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Reload, list[str]]:
    said: list[str] = []
    monkeypatch.setattr(reload, "EVERY_S", 0.0)
    monkeypatch.setattr(service, "migrate", lambda home: said.append("migrated"))
    home = Installation(source / "data", source / "keys", 1, 2, 3, demo=True)
    return Reload(home, Supervisor(parts=list(parts.values())), said.append, source), said


def _changed(path: Path, text: str = "x = 1\n") -> None:
    path.write_text(text)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000_000))  # Whatever the steps of the file system's clock.


def _restarted(parts: dict[str, Part], one: Reload) -> set[str]:
    before = {name: part.child and part.child.pid for name, part in parts.items()}
    one.look()
    return {name for name, part in parts.items() if part.child and part.child.pid != before[name]}


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("glasshouse/a.py", {"web", "worker"}),
        ("glasshouse/page.html", {"web", "worker"}),
        ("crops/a.py", {"crops"}),
        ("crop_contract/a.py", {"crops", "web", "worker"}),
    ],
)
def test_a_change_starts_again_what_runs_it(
    parts: dict[str, Part], source: Path, reloading: tuple[Reload, list[str]], file: str, wanted: set[str]
) -> None:
    one, said = reloading
    assert _restarted(parts, one) == set(), "nothing has changed"
    _changed(source / file)
    assert _restarted(parts, one) == wanted
    assert _restarted(parts, one) == set()
    assert "migrated" not in said


def test_changed_models_change_the_tables_first(
    parts: dict[str, Part], source: Path, reloading: tuple[Reload, list[str]]
) -> None:
    one, said = reloading
    _changed(source / "glasshouse" / "models.py")
    assert _restarted(parts, one) == {"web", "worker"}
    assert said[-1] == "migrated"


def test_broken_code_leaves_the_parts_running(
    parts: dict[str, Part], source: Path, reloading: tuple[Reload, list[str]]
) -> None:
    one, said = reloading
    _changed(source / "glasshouse" / "a.py", "def broken(:\n")
    assert _restarted(parts, one) == set()
    assert "a.py" in said[-1]
    _changed(source / "glasshouse" / "a.py", "mended = 1\n")
    assert _restarted(parts, one) == {"web", "worker"}
