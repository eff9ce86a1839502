"""`python -m crops`: run the crop plane, over TLS only. Its settings are the CROPS_* variables of the environment."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from crop_contract import logs
from crop_contract.processes import die_with_parent

if TYPE_CHECKING:
    from crop_contract.requests import Application


def make() -> "Application":
    """The application, with the settings of the environment."""
    from crop_contract.requests import numbered
    from crops.app import create

    die_with_parent()
    logs.configure()
    body_timeout_s = float(os.environ.get("CROPS_BODY_SECONDS", "60"))
    application = create(Path(os.environ["CROPS_DATA"]), Path(os.environ["CROPS_KEYS"]), body_timeout_s)
    logs.take_uncaught()
    return numbered(application)


def main() -> None:
    """Serve until a signal ends the process."""
    from granian.constants import Interfaces, SSLProtocols
    from granian.http import HTTP1Settings, HTTP2Settings
    from granian.server import Server

    logs.configure()
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
        log_dictconfig=logs.OF_GRANIAN,
        http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=128 << 10),
        http2_settings=HTTP2Settings(max_concurrent_streams=64, max_headers_size=64 << 10),
    ).serve()


if __name__ == "__main__":
    main()
