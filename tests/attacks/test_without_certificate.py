"""Whoever has no certificate, at the door that demands one, holds few connections, and for some seconds only.

The watch is told when to look, so that nothing depends on how fast the machine is.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from crop_contract.connections import EVERY_S, Bounds, Watch
from crop_contract.first_requests import FirstRequests
from glasshouse.operations.installation import Installation
from tests.attacks.test_connections import crowd, is_open, open_after
from tests.hosting.test_proxy_door import made_by_the_document, proxy_door, visitor

BOUNDS = Bounds(silent=4, all_silent=6)
PROXY, OTHER, THIRD = "127.0.1.1", "127.0.1.2", "127.0.1.3"


class Door:
    """A door of this process, its watch, and where requests come from."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.requests = FirstRequests()
        self.accepted: list[socket.socket] = []
        self.clients: list[socket.socket] = []
        self.watch = Watch(self.server.getsockname()[1], BOUNDS, (), self.requests)

    def connect(self, address: str) -> socket.socket:
        """A new connection from an address."""
        client = socket.create_connection(self.server.getsockname(), 5, (address, 0))
        self.clients.append(client)
        self.accepted.append(self.server.accept()[0])
        return client

    def bring_request(self, client: socket.socket) -> None:
        """What the server does with a request of a connection."""

        async def answer(scope: object, receive: object, send: object) -> None:
            answered.append(scope)

        answered: list[object] = []
        scope = {"type": "http", "client": client.getsockname()}
        asyncio.run(self.requests.noting(answer)(scope, None, None))  # type: ignore[arg-type]
        assert answered == [scope]

    def close(self) -> None:
        for each in (*self.clients, *self.accepted, self.server):
            each.close()


@pytest.fixture
def door() -> Iterator[Door]:
    opened = Door()
    yield opened
    opened.close()


def test_one_address_holds_few_connections_without_a_certificate(door: Door) -> None:
    proven = door.connect(PROXY)
    door.bring_request(proven)
    silent = [door.connect(PROXY) for _ in range(BOUNDS.silent + 3)]
    assert door.watch.look() == 3
    assert [is_open(each) for each in silent] == [False] * 3 + [True] * BOUNDS.silent, "the newest stay"
    assert is_open(proven)


def test_all_addresses_together_hold_few(door: Door) -> None:
    silent = [door.connect(address) for address in (OTHER, THIRD) for _ in range(BOUNDS.silent)]
    assert door.watch.look() == 2 * BOUNDS.silent - BOUNDS.all_silent
    assert sum(is_open(each) for each in silent) == BOUNDS.all_silent


def test_a_connection_that_brings_no_request_is_ended_soon(door: Door) -> None:
    silent, proven, late = door.connect(OTHER), door.connect(PROXY), door.connect(PROXY)
    door.bring_request(proven)
    looks = int(BOUNDS.silent_s / EVERY_S)
    for _ in range(looks):
        assert door.watch.look() == 0
    door.bring_request(late)
    assert door.watch.look() == 1
    assert not is_open(silent)
    for _ in range(2 * looks):
        assert door.watch.look() == 0, "who has brought one may wait for as long as the server lets it"
    assert is_open(proven) and is_open(late)


def test_a_request_proves_its_own_connection_only(door: Door) -> None:
    """Neither another one of the address, nor the one that has its port later."""
    first, second = door.connect(PROXY), door.connect(PROXY)
    door.bring_request(first)
    for _ in range(int(BOUNDS.silent_s / EVERY_S) + 1):
        door.watch.look()
    assert is_open(first) and not is_open(second)
    gone = door.connect(PROXY)
    door.bring_request(gone)
    peer = gone.getsockname()
    gone.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
    )  # It is reset, and its port is free at once.
    gone.close()
    door.watch.look()
    door.clients.append(again := socket.create_connection(door.server.getsockname(), 5, peer))
    door.accepted.append(door.server.accept()[0])
    for _ in range(int(BOUNDS.silent_s / EVERY_S) + 1):
        door.watch.look()
    assert not is_open(again)


@pytest.mark.slow
def test_at_the_proxys_door(home: Installation, tmp_path: Path) -> None:
    """Connections that never begin TLS, stop in it, or have begun it and show nothing; the proxy is served meanwhile."""
    tmp_path.chmod(0o755)
    made_by_the_document(tmp_path)
    bounds, ca = Bounds(), home.keys / "tls" / "ca.crt"

    def begun(port: int, sent: bytes) -> socket.socket:
        link = socket.create_connection(("127.0.0.1", port), 5, (OTHER, 0))
        link.sendall(sent)
        return link

    with proxy_door(home, tmp_path / "glasshouse-proxy-ca.crt") as port:
        for sent in (b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", client_hello()):
            with crowd(lambda sent=sent: begun(port, sent), bounds.silent + 100) as opened:
                assert open_after(opened, bounds.silent, 30) <= bounds.silent
                with visitor(f"https://localhost:{port}", ca, tmp_path / "glasshouse-proxy.pem") as proxy:
                    answer = proxy.get("/trust", headers={"Host": f"localhost:{home.port}"})
                    assert answer.status_code == 200
                    assert open_after(opened, 0, 60) == 0
                    assert proxy.get("/trust", headers={"Host": f"localhost:{home.port}"}).status_code == 200


def client_hello() -> bytes:
    """What a client sends first: the server answers with its own part of the handshake, and waits for the certificate."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()
