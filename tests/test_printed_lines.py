"""Commands print paths and addresses as they are, at any width of the terminal: they are copied from there."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from glasshouse.cli import __main__ as cli
from glasshouse.cli import demo
from glasshouse.operations import service
from glasshouse.operations.installation import Installation

ROOT = Path(__file__).parents[1]
LONG = "a long name of a folder, as people have them " * 3


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("width", ["20", "80"])
@pytest.mark.parametrize("is_demo", [True, False])
def test_an_opened_service_prints_each_address_and_path_in_one_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: str, is_demo: bool
) -> None:
    @contextmanager
    def running(*_: object) -> Iterator[object]:
        yield SimpleNamespace(watch=_interrupt)

    sign_in = f"Sign in as {'somebody.with.a.long.name.' * 5}@grower.example with the password [/x]"
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setattr(service, "running", running)
    monkeypatch.setattr(demo, "begin", lambda home: [sign_in])
    home = Installation(tmp_path / "data", tmp_path / f"{LONG}[" / "keys]", 8443, 8444, 8445, demo=is_demo)
    cli._run(home)
    printed = capsys.readouterr().out
    assert f"(certificate authority: {home.keys / 'tls' / 'ca.crt'})" in printed
    assert f"Devices write to {home.crops_origin}/api/v2/write\n" in printed
    assert (sign_in in printed) == is_demo


def test_what_dev_says_is_printed_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = f"{tmp_path / LONG / 'a.py'}, line 3: TypeError: list[/int] is [bold]no type"
    cli.say(text)
    assert capsys.readouterr().out == f"{text}\n"


def test_an_error_names_a_folder_in_one_piece(tmp_path: Path) -> None:
    folder = tmp_path / f"{LONG}[" / "data]"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "COLUMNS": "80"}
    finished = subprocess.run(
        [sys.executable, "-m", "glasshouse.cli", "up", "--data", str(folder), "--keys", str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 2
    assert f"Not done: Data ({folder}) and keys ({folder}) must not be in the same folder" in finished.stderr
