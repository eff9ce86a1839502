"""`glasshouse dev`: a change of the source restarts the parts that run it, and broken code restarts nothing."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from glasshouse.operations import reload, service
from glasshouse.operations.installation import Installation, InstallationError
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
    # Rights and policies can come from any of our Python files: the stamp says whether there is anything to do.
    assert ("migrated" in reloading.messages) == (file == "glasshouse/a.py")


@pytest.mark.parametrize("name", ["models.py", "sql.py", "migrations/0002_more.py"])
def test_changed_tables_and_functions_of_the_database_come_first(
    source: Path, reloading: Reloading, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ran_meanwhile: list[bool] = []
    web = reloading.parts["web"].child
    assert web is not None
    monkeypatch.setattr(service, "migrate", lambda home: ran_meanwhile.append(web.poll() is None))
    path = source / "glasshouse" / name
    path.parent.mkdir(exist_ok=True)
    _changed(path)
    assert reloading.restarted() == {"web", "worker"}
    assert ran_meanwhile == [True]


def test_broken_code_leaves_the_parts_running(source: Path, reloading: Reloading) -> None:
    _changed(source / "glasshouse" / "a.py", "def broken(:\n")
    assert reloading.restarted() == set()
    assert "a.py" in reloading.messages[-1]
    _changed(source / "glasshouse" / "a.py", "repaired = 1\n")
    assert reloading.restarted() == {"web", "worker"}


def test_code_that_cannot_be_imported_is_told_with_its_place_and_leaves_the_parts_running(
    source: Path, reloading: Reloading
) -> None:
    _changed(source / "glasshouse" / "a.py", "x = 1\n\nimport nothing_of_that_name\n")
    assert reloading.restarted() == set()
    assert f"{source / 'glasshouse' / 'a.py'}, line 3: " in reloading.messages[-1]
    assert "No module named 'nothing_of_that_name'" in reloading.messages[-1]
    _changed(source / "glasshouse" / "a.py")
    assert reloading.restarted() == {"web", "worker"}


def test_a_change_that_breaks_another_file_is_told_as_well(source: Path, reloading: Reloading) -> None:
    _changed(source / "glasshouse" / "a.py", "x = 1\n")
    _changed(source / "glasshouse" / "b.py", "from glasshouse.a import x\n")
    assert reloading.restarted() == {"web", "worker"}
    _changed(source / "glasshouse" / "a.py", "y = 1 # a comment\n")
    assert reloading.restarted() == set()
    assert f"{source / 'glasshouse' / 'b.py'}, line 1: " in reloading.messages[-1]


def test_what_was_refused_is_taken_in_with_what_mends_it(source: Path, reloading: Reloading) -> None:
    _changed(source / "crops" / "a.py")
    _changed(source / "glasshouse" / "models.py")
    _changed(source / "glasshouse" / "a.py", "def broken(:\n")
    assert reloading.restarted() == set()
    assert "migrated" not in reloading.messages
    _changed(source / "glasshouse" / "a.py", "repaired = 1\n")
    assert reloading.restarted() == {"crops", "web", "worker"}
    assert "migrated" in reloading.messages


SETTINGS = """
SECRET_KEY, INSTALLED_APPS, USE_TZ = "x", ["glasshouse.beds"], True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
"""
BED = """
from django.db import models


class Bed(models.Model):
    length_m = models.FloatField()
"""


def test_a_missing_migration_is_told_with_the_command_that_writes_it(source: Path, reloading: Reloading) -> None:
    area = source / "glasshouse" / "beds"
    (area / "migrations").mkdir(parents=True)
    for path in (area / "__init__.py", area / "migrations" / "__init__.py"):
        path.write_text("")
    (source / "glasshouse" / "settings.py").write_text(SETTINGS)
    for part in reloading.parts.values():
        part.environment = {"DJANGO_SETTINGS_MODULE": "glasshouse.settings"}
    _changed(area / "models.py", BED)
    assert reloading.restarted() == set()
    assert "./glasshouse makemigrations beds" in reloading.messages[-1]
    assert "migrated" not in reloading.messages


TRACEBACK = """The tables could not be brought up to date: Traceback (most recent call last):
  File "x.py", line 1, in <module>
    y()
psycopg.errors.SyntaxError: syntax error at or near "FORM"

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "x.py", line 2, in <module>
    z()
django.db.utils.ProgrammingError: syntax error at or near "FORM"
LINE 1: SELECT 1 FORM
                 ^"""


def test_tables_that_cannot_be_changed_leave_the_parts_running_and_show_no_traceback(
    source: Path, reloading: Reloading, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(home: Installation) -> None:
        raise InstallationError(TRACEBACK)

    monkeypatch.setattr(service, "migrate", fail)
    _changed(source / "glasshouse" / "sql.py")
    assert reloading.restarted() == set()
    assert 'syntax error at or near "FORM"\nLINE 1: SELECT 1 FORM' in reloading.messages[-1]
    assert "Traceback" not in reloading.messages[-1] and "x.py" not in reloading.messages[-1]


def test_a_part_that_ends_at_once_is_told_with_its_last_line(
    source: Path, reloading: Reloading, tmp_path: Path
) -> None:
    web = reloading.parts["web"]
    web.command, web.log = ["/bin/sh", "-c", "echo the reason; exit 3"], tmp_path / "web.log"
    _changed(source / "glasshouse" / "a.py")
    reloading.restarted()
    assert web.child is not None
    web.child.wait(10)
    reloading.restarted()
    assert "web ended" in reloading.messages[-1] and "the reason" in reloading.messages[-1]
    told = len(reloading.messages)
    reloading.restarted()
    assert len(reloading.messages) == told, "once is enough"
