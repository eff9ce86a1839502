"""`python -m crops`: run the crop plane, over TLS only. Its settings are the CROPS_* variables of the environment."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from crop_contract import logs, processes
from crop_contract.connections import MOST_AT_ONCE
from crop_contract.processes import die_with_parent

if TYPE_CHECKING:
    from crop_contract.requests import Application


def make() -> "Application":
    """The application, with the settings of the environment."""
    from crop_contract.connections import Bounds, Watch, networks
    from crop_contract.requests import numbered
    from crops.app import create

    die_with_parent()
    logs.configure()
    body_timeout_s = float(os.environ.get("CROPS_BODY_SECONDS", "60"))
    name = os.environ.get("CROPS_HOST", "localhost")
    # On this machine alone it is reached by addresses, too, and has no name of its own.
    host = "" if name == "localhost" else name
    application = create(Path(os.environ["CROPS_DATA"]), Path(os.environ["CROPS_KEYS"]), body_timeout_s, host)
    logs.take_uncaught()
    proxies = networks(os.environ.get("CROPS_TRUSTED_PROXIES", ""))
    Watch(int(os.environ["CROPS_PORT"]), Bounds.of(os.environ, "CROPS_"), proxies).start()
    return numbered(application)


def main() -> None:
    """Serve until a signal ends the process."""
    from granian.constants import Interfaces, SSLProtocols
    from granian.http import HTTP1Settings, HTTP2Settings
    from granian.server import Server

    logs.configure()
    tls = Path(os.environ["CROPS_TLS"])
    # The operator's own certificate, if there is one; else that of the installation's authority.
    shown = "public" if (tls / "public.crt").exists() else "server"
    Server(
        "crops.__main__:make",
        address=os.environ.get("CROPS_BIND", "127.0.0.1"),
        port=int(os.environ["CROPS_PORT"]),
        interface=Interfaces.ASGI,
        factory=True,
        websockets=False,
        backpressure=MOST_AT_ONCE,
        ssl_cert=tls / f"{shown}.crt",
        ssl_key=tls / f"{shown}.key",
        ssl_protocol_min=SSLProtocols.tls12,
        log_access=False,
        workers_kill_timeout=processes.STOPS_WITHIN_S,
        log_dictconfig=logs.OF_GRANIAN,
        http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=128 << 10),
        http2_settings=HTTP2Settings(max_concurrent_streams=64, max_headers_size=64 << 10),
    ).serve()


if __name__ == "__main__":
    main()
