"""Where the installations of tests lie."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import prepared

ROOT = Path(__file__).resolve().parents[1]
ASKED = "from tests import prepared; print(prepared.apart().is_mount())"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")]


def is_in_memory(**variables: str) -> bool:
    """Of a run of tests that begins now, without the mounts of this one."""
    environment = {name: value for name, value in os.environ.items() if name != prepared.ON_DISK} | variables
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    outside = ["unshare", "--mount", "sh", "-c", 'umount --lazy "$0" 2>/dev/null; exec "$@"', str(prepared.apart())]
    asked = subprocess.run(
        [*outside, sys.executable, "-c", ASKED],
        env=environment | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare failed" in asked.stderr:
        pytest.skip("this machine lets nobody mount")
    return asked.stdout.strip() == "True"


def test_what_is_in_memory_is_seen_by_no_other_process() -> None:
    assert is_in_memory() is (prepared._available_bytes() > prepared.MEMORY_LEAST_BYTES)
    assert str(prepared.apart()) not in Path("/proc/1/mounts").read_text()


def test_what_the_long_run_writes_stays_on_the_disk() -> None:
    assert not is_in_memory(**{prepared.ON_DISK: "1"})
