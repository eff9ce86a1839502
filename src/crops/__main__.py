"""`python -m crops`: run the crop plane, over TLS only. Settings come from CROPS_* in the environment."""

import ctypes
import os
import signal
import sys
from pathlib import Path

from fastapi import FastAPI


def die_with_parent() -> None:
    """Have the kernel end this process when its parent is gone, so that no orphan keeps the store locked. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def make() -> FastAPI:
    """The application, from the environment."""
    from crops.app import create

    die_with_parent()
    return create(Path(os.environ["CROPS_DATA"]), Path(os.environ["CROPS_KEYS"]))


def main() -> None:
    """Serve until told to stop."""
    from granian.constants import Interfaces, SSLProtocols
    from granian.server import Server

    tls = Path(os.environ["CROPS_TLS"])
    Server(
        "crops.__main__:make",
        port=int(os.environ["CROPS_PORT"]),
        interface=Interfaces.ASGI,
        factory=True,
        websockets=False,
        ssl_cert=tls / "server.crt",
        ssl_key=tls / "server.key",
        ssl_protocol_min=SSLProtocols.tls12,
        log_access=False,
    ).serve()


if __name__ == "__main__":
    main()
