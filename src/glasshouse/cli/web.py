"""The web part: the people plane's pages, over TLS only."""

from pathlib import Path

from crops.__main__ import die_with_parent


def make() -> object:
    """The WSGI application, in the worker process."""
    die_with_parent()
    from glasshouse.web.wsgi import application

    return application


def main() -> None:
    """Serve until told to stop."""
    import os
    from urllib.parse import urlsplit

    from granian.constants import Interfaces, SSLProtocols
    from granian.server import Server

    tls = Path(os.environ["GLASSHOUSE_TLS"])
    Server(
        "glasshouse.cli.web:make",
        port=urlsplit(os.environ["GLASSHOUSE_ORIGIN"]).port or 443,
        interface=Interfaces.WSGI,
        factory=True,
        blocking_threads=8,
        ssl_cert=tls / "server.crt",
        ssl_key=tls / "server.key",
        ssl_protocol_min=SSLProtocols.tls12,
        log_access=False,
    ).serve()


if __name__ == "__main__":
    main()
