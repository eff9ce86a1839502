"""The engine of the crop store compiles no question where memory cannot become executable, as under a hardened unit."""

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
