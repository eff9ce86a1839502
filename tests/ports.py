"""Ports for the services that tests start: no two test processes of this machine are given the same ones."""

import fcntl
import os
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO

# Below the ports that systems give to outgoing connections, so that nobody's connection takes one meanwhile.
FIRST, LAST, STEP = 20_000, 31_990, 10
_held: list[IO[str]] = []  # until this process ends


def free_ports() -> int:
    """The first of three free ports side by side, held for this process until it ends. Raises RuntimeError."""
    locks = Path(tempfile.gettempdir()) / f"glasshouse-test-ports-{os.getuid()}"
    locks.mkdir(mode=0o700, exist_ok=True)
    for port in range(FIRST, LAST, STEP):
        lock = (locks / str(port)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        if all(map(_is_free, range(port, port + 3))):
            _held.append(lock)
            return port
        lock.close()
    raise RuntimeError("No three free ports side by side are left for tests.")


def _is_free(port: int) -> bool:
    with ExitStack() as stack:
        for kind, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            try:
                stack.enter_context(socket.socket(kind)).bind((address, port))
            except OSError as error:
                if kind == socket.AF_INET or error.errno == 98:  # taken; a machine without IPv6 says otherwise
                    return False
    return True
