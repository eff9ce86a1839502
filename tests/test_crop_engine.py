"""The engine of the crop store: no question is compiled where memory cannot become executable; its start leaves nothing."""

import subprocess
import sys

import pytest

from crops import engine

# prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN), Linux 6.3; ends with 77 where the kernel does not know it.
REFUSING = "import ctypes, sys; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) == 0 or sys.exit(77)\n"
ASKED = """
from chdb.session import Session
from crops import engine
session = Session()
for statement in engine.settings() if {told} else ():
    session.query(statement)
sql = "SELECT sum(number * 2 + 3) FROM numbers(100) WHERE number * 5 > 7 SETTINGS min_count_to_compile_expression = 0"
for _ in range(3):
    print(session.query(sql, "CSV").bytes().decode().strip())
"""


def test_it_may_compile_here_and_is_told_nothing() -> None:
    assert engine.may_compile() and engine.settings() == ()


@pytest.mark.slow
def test_where_memory_cannot_become_executable_a_question_that_comes_often_is_answered() -> None:
    done = [
        subprocess.run(
            [sys.executable, "-c", REFUSING + ASKED.format(told=told)],
            env={"PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
        )
        for told in (True, False)
    ]
    if done[0].returncode == 77:
        pytest.skip("This kernel does not know the restriction.")
    assert done[0].stdout.split() == ["10192"] * 3, done[0].stderr
    assert "CANNOT_MPROTECT" in done[1].stderr  # What the settings are for.


GIVING_BACK = """
from pathlib import Path
from chdb.session import Session
from crops import engine

def anonymous_kb():
    return sum(piece.anonymous_kb for piece in engine._pieces(Path("/proc/self/smaps").read_text()) if "/_chdb" in piece.path)

session = Session()
before = anonymous_kb()
print(engine.give_back() > 0, anonymous_kb() >= before > 0)
print(session.query("SELECT sum(number) FROM numbers(100)", "CSV").bytes().decode().strip())
"""


@pytest.mark.slow
def test_what_only_the_start_used_is_given_back_and_what_was_written_to_stays() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GIVING_BACK],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["True", "True", "4950"], done.stderr
