"""What the check of SEC-01 has tried in the sandbox for foreign files, as a file would that took its reader over."""

import socket
from pathlib import Path
from typing import Any

from crop_contract.sandbox_work import Answer


def work(request: dict[str, Any], body: bytes, answer: Answer) -> None:
    """Tell which of two things could be done: reading the file that the request names, and making a socket."""
    answer.json({"file": _reads(request["file"]), "socket": _makes_socket()})


def _reads(path: str) -> bool:
    try:
        Path(path).read_bytes()
    except OSError:
        return False
    return True


def _makes_socket() -> bool:
    try:
        socket.socket().close()
    except OSError:
        return False
    return True
