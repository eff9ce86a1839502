"""The web part: the people plane's pages, over TLS only."""

from pathlib import Path

from crop_contract import logs
from crop_contract.processes import die_with_parent


def make() -> object:
    """The ASGI application, in the worker process."""
    die_with_parent()
    from crop_contract.requests import numbered
    from glasshouse.web.asgi import application

    logs.take_uncaught()
    return numbered(application)


def main() -> None:
    """Serve until told to stop."""
    import os
    from urllib.parse import urlsplit

    from granian.constants import Interfaces, SSLProtocols
    from granian.http import HTTP1Settings, HTTP2Settings
    from granian.server import Server

    logs.configure()
    tls = Path(os.environ["GLASSHOUSE_TLS"])
    Server(
        "glasshouse.operations.web:make",
        port=urlsplit(os.environ["GLASSHOUSE_ORIGIN"]).port or 443,
        interface=Interfaces.ASGINL,
        factory=True,
        websockets=False,
        # `web/asgi.py` draws closer bounds, with a page that says so.
        http1_settings=HTTP1Settings(max_buffer_size=128 << 10),
        http2_settings=HTTP2Settings(max_headers_size=128 << 10, max_concurrent_streams=100),
        ssl_cert=tls / "server.crt",
        ssl_key=tls / "server.key",
        ssl_protocol_min=SSLProtocols.tls12,
        log_access=False,
        log_dictconfig=logs.OF_GRANIAN,
    ).serve()


if __name__ == "__main__":
    main()
