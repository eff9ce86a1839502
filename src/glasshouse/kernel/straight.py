"""The way of a client of ours to a door. A module of its own: most processes ask no door, and need no HTTP client.

Source: httpcore's documentation, "Network Backends".
"""

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from glasshouse.kernel.doors import Door


class _Straight(httpcore.NetworkBackend):
    """Connects to the door, whatever host an address names."""

    def __init__(self, door: Door) -> None:
        self._door, self._network = door, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return self._network.connect_tcp(self._door.address, self._door.port, timeout, local_address, socket_options)


class Straight(httpx.HTTPTransport):
    """A client's way to a door: requests name the public address, and go to where the door listens."""

    def __init__(self, door: Door, context: ssl.SSLContext, *, local_address: str | None = None) -> None:
        super().__init__(verify=context)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            local_address=local_address,
            network_backend=_Straight(door),
        )
