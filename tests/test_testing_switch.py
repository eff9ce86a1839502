"""What makes the tests' own service quick, and that no real service can run that way."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, get_hasher

from glasshouse.cli.options import home_of
from glasshouse.operations import service
from glasshouse.operations.installation import Installation

SOURCE = Path(__file__).resolve().parents[1] / "src"
COST = """
import django
django.setup()
from django.contrib.auth.hashers import get_hasher, make_password
print(type(get_hasher()).__name__, make_password("word of twelve"), sep="|")
"""


def _told_by(home: Installation, **changed: str) -> subprocess.CompletedProcess[str]:
    home.prepare()
    environment = service.people_environment(home) | {"PYTHONPATH": str(SOURCE)} | changed
    return subprocess.run([sys.executable, "-c", COST], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_real_service_hashes_passwords_at_full_cost(tmp_path: Path) -> None:
    for demo in (False, True):
        folder = tmp_path / str(demo)
        told = _told_by(Installation(folder / "data", folder / "keys", 1, 2, 3, demo=demo)).stdout.strip()
        assert told.startswith("Argon2PasswordHasher|argon2$argon2id$v=19$m=102400,t=2,p=8$"), told


@pytest.mark.slow
def test_the_switch_is_refused_outside_a_demo(tmp_path: Path) -> None:
    told = _told_by(Installation(tmp_path / "data", tmp_path / "keys", 1, 2, 3, demo=False, testing=True))
    assert told.returncode != 0
    assert "no real service runs that way" in told.stderr


def test_the_switch_is_taken_from_no_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSHOUSE_TESTING", "1")
    monkeypatch.setenv("GLASSHOUSE_DEMO", "1")
    for demo in (False, True):
        home = home_of(tmp_path / "data", tmp_path / "keys", 8443, demo=demo)
        assert service.people_environment(home)["GLASSHOUSE_TESTING"] == ""
        assert (os.environ | home.environment())["GLASSHOUSE_TESTING"] == "", "commands become clients this way"


def test_these_tests_hash_at_the_least_cost_that_is_recommended() -> None:
    assert settings.TESTING
    hasher = get_hasher()
    assert isinstance(hasher, Argon2PasswordHasher)
    assert (hasher.memory_cost, hasher.time_cost, hasher.parallelism) == (19_456, 2, 1)
