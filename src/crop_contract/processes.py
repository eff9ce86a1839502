"""How a process of either plane starts."""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2)
# A server ends the process that serves, if it has not ended by itself by then: one that is told to stop while it starts never
# does, and would keep its port when the supervisor is gone.
STOPS_WITHIN_S = 15


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, so that no orphan keeps the store locked. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
