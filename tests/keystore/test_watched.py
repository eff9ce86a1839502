"""What a start waits for may take long, but not hang: PRI-24, the catching up with the ledger of erasures."""

import os
import sys
import time

import pytest

from glasshouse.operations import watched

TALKS = "import time\nfor _ in range(8):\n    print('.', flush=True); time.sleep(0.25)"
SAYS_WHY = "import sys\nsys.exit('the reason')"
CLOSES_AND_HANGS = "import os, time\nos.close(1)\ntime.sleep(60)"


def run(code: str, quiet_s: float) -> watched.Ended:
    return watched.run([sys.executable, "-c", code], os.environ, quiet_s=quiet_s)


def test_what_makes_progress_may_take_longer_than_it_may_be_quiet() -> None:
    assert run(TALKS, 1.5) == watched.Ended(0, "")


@pytest.mark.parametrize("hangs", ["import time\ntime.sleep(60)", CLOSES_AND_HANGS])
def test_what_makes_no_progress_is_stopped(hangs: str) -> None:
    began = time.monotonic()
    assert run(f"import os, sys\nprint(os.getpid(), file=sys.stderr, flush=True)\n{hangs}", 1.5).code is None
    assert time.monotonic() - began < 20


def test_nothing_of_what_is_stopped_goes_on() -> None:
    ended = run("import os, sys, time\nprint(os.getpid(), file=sys.stderr, flush=True)\ntime.sleep(60)", 1.5)
    with pytest.raises(ProcessLookupError):
        os.kill(int(ended.errors), 0)


def test_what_fails_says_why() -> None:
    assert run(SAYS_WHY, 20) == watched.Ended(1, "the reason")
