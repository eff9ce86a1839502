"""Log files of the parts stay small, whoever writes into them, and nothing but the oldest is lost."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from glasshouse.operations import log_files
from glasshouse.operations.processes import Part, Supervisor


def test_a_small_log_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    assert not log_files.keep_small(log), "there is none yet"
    log.write_text("a line\n")
    assert not log_files.keep_small(log)
    assert [path.name for path in tmp_path.iterdir()] == ["web.log"]


def test_a_log_that_has_grown_is_put_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    for number in range(8):
        log.write_text(f"line {number}\n")
        assert log_files.keep_small(log, most_bytes=1, most_files=3)
    assert log.read_text() == ""
    assert {path.name: path.read_text() for path in tmp_path.glob("web.log.*")} == {
        "web.log.1": "line 7\n",
        "web.log.2": "line 6\n",
        "web.log.3": "line 5\n",
    }
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.glob("web.log.*"))


def test_a_part_goes_on_writing_into_the_log_that_was_emptied(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    program = "import sys, time\nfor n in range(400): print(n, flush=True); time.sleep(0.002)"
    with log.open("ab") as output:
        child = subprocess.Popen([sys.executable, "-c", program], stdout=output)
    while child.poll() is None:
        log_files.keep_small(log, most_bytes=200, most_files=50)
        time.sleep(0.01)
    files = sorted(tmp_path.glob("part.log.*"), key=lambda path: -int(path.suffix[1:]))
    lines = "".join(path.read_text() for path in [*files, log]).split()
    assert len(files) > 3 and "\0" not in log.read_text()
    assert lines == sorted(set(lines), key=int) and len(lines) > 390 and lines[-1] == "399", "in order, none twice"


def test_the_supervisor_does_so_and_says_when_it_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    supervisor = Supervisor(say=said.append)
    log = tmp_path / "part.log"
    turns = 0

    def turn() -> None:
        nonlocal turns
        turns += 1
        if turns == 2:
            assert (tmp_path / "part.log.1").read_text().startswith("x") and log.read_bytes() == b""
            log.write_text("y" * 2_000)
            (tmp_path / "part.log.new").mkdir()  # Nothing can be written there.
        if turns == 5:
            supervisor.ending = True

    monkeypatch.setattr(log_files.keep_small, "__defaults__", (1_000, 5))
    supervisor.add(
        Part("part", [sys.executable, "-c", "print('x' * 5000, flush=True); import time; time.sleep(60)"], {}, log=log)
    )
    try:
        while not log.stat().st_size:
            time.sleep(0.02)
        supervisor.watch(turn)
    finally:
        supervisor.stop()
    assert len([text for text in said if "cannot be put aside" in text]) == 1
    assert log.read_text() == "y" * 2_000, "nothing is lost where it cannot be put aside"
