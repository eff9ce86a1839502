"""Breakages of the listeners: SEC-07."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from glasshouse.promises.breakage import Breakage, Code, Environment, Place

SMTP, WEB, CROPS = "glasshouse/operations/inbound_smtp.py", "glasshouse/operations/web.py", "crops/__main__.py"
TLS_1_1 = 'context.minimum_version = ssl.TLSVersion.TLSv1\n    context.set_ciphers("ALL:@SECLEVEL=0")\n'


@contextmanager
def _plain_listener(place: Place) -> Iterator[None]:
    """A process of this installation that answers plain HTTP."""
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(place.port + 4)]
    environment = {"PATH": os.environ.get("PATH", ""), "GLASSHOUSE_DATA": str(place.data)}
    process = subprocess.Popen(
        command, env=environment, cwd=place.data / "logs", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


BREAKAGES = (
    Breakage(
        "SEC-07",
        "inbound SMTP takes mail in the clear",
        Code(SMTP, "require_starttls=True", "require_starttls=False", ("inbound smtp",)),
    ),
    Breakage(
        "SEC-07",
        "inbound SMTP speaks TLS 1.1",
        Code(SMTP, "context.minimum_version = ssl.TLSVersion.TLSv1_2\n", TLS_1_1, ("inbound smtp",)),
    ),
    Breakage(
        "SEC-07",
        "the web door speaks no TLS",
        Code(WEB, "        ssl_cert=chain,\n        ssl_key=key,\n", "", ("web",)),
        also=("SEC-01", "SEC-03", "SEC-06", "SEC-08", "PRI-05"),
    ),
    Breakage("SEC-07", "a part answers plain HTTP on another port", Environment(_plain_listener)),
)
