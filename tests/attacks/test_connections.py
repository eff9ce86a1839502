"""Whoever opens connections and does not use them, or uses them in bad ways, delays nobody else: at both doors."""

import contextlib
import resource
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h2.config
import h2.connection
import httpx
import pytest

from glasshouse.operations.installation import Installation
from glasshouse.operations.processes import MOST_OPEN_FILES, Part
from glasshouse.promises import sockets

MANY, ANSWER_S = 400, 10.0
Door = tuple[str, int]


@pytest.fixture(params=["web", "crops"])
def door(request: pytest.FixtureRequest, home: Installation) -> Door:
    """A page that everybody is shown, and the port that it stands at."""
    crops = request.param == "crops"
    return (f"{home.crops_origin}/ping", home.crops_port) if crops else (f"{home.origin}/sign-in", home.port)


@contextlib.contextmanager
def crowd(make: Callable[[], socket.socket], count: int = MANY) -> Iterator[list[socket.socket]]:
    """So many connections of one kind, open until the end of the block. Those that the door refuses are left out."""
    opened: list[socket.socket] = []
    try:
        for _ in range(count):
            with contextlib.suppress(OSError):
                opened.append(make())
        yield opened
    finally:
        for each in opened:
            each.close()


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 5)


def encrypted(port: int, protocol: str = "http/1.1") -> ssl.SSLSocket:
    context = sockets.context()
    context.set_alpn_protocols([protocol])
    return context.wrap_socket(connected(port), server_hostname="localhost")


def others_are_served(url: str) -> None:
    """A new connection of somebody else's is answered."""
    began = time.monotonic()
    for _ in range(3):
        with httpx.Client(verify=sockets.context(), timeout=ANSWER_S) as client:
            assert client.get(url).status_code in (200, 204)
    assert time.monotonic() - began < 3 * ANSWER_S


def test_connections_that_never_begin_tls(door: Door) -> None:
    with crowd(lambda: connected(door[1])) as opened:
        assert len(opened) > MANY / 2
        others_are_served(door[0])


def test_connections_that_stop_in_the_middle_of_tls(door: Door) -> None:
    def half() -> socket.socket:
        link = connected(door[1])
        link.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # the head of a ClientHello, and no more
        return link

    with crowd(half):
        others_are_served(door[0])


def test_connections_that_ask_for_nothing(door: Door) -> None:
    with crowd(lambda: encrypted(door[1]), 150):
        others_are_served(door[0])


def test_heads_that_never_end(door: Door) -> None:
    def begun() -> socket.socket:
        link = encrypted(door[1])
        link.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        return link

    with crowd(begun, 150) as opened:
        for _ in range(3):
            for each in opened:
                with contextlib.suppress(OSError):
                    each.sendall(b"a")
            others_are_served(door[0])


@pytest.mark.long
def test_a_head_that_never_ends_is_cut_off(door: Door) -> None:
    link = encrypted(door[1])
    link.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    link.settimeout(60)
    try:
        answer = link.recv(4096)
    except ConnectionError:
        answer = b""
    assert not answer or answer.startswith(b"HTTP/1.1 4"), answer
    link.close()


def test_streams_of_http_2_that_are_begun_and_reset(door: Door) -> None:
    """CVE-2023-44487."""
    path = door[0].rpartition("/")[2]
    link = encrypted(door[1], "h2")
    assert link.selected_alpn_protocol() == "h2"
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    connection.initiate_connection()
    with contextlib.suppress(OSError):  # The door may end the connection.
        for number in range(1, 20_001, 2):
            connection.send_headers(
                number,
                [(":method", "GET"), (":path", f"/{path}"), (":scheme", "https"), (":authority", "localhost")],
                end_stream=True,
            )
            connection.reset_stream(number)
            if number % 200 == 1:
                link.sendall(connection.data_to_send())
            if number % 4_000 == 1:
                others_are_served(door[0])
    others_are_served(door[0])
    link.close()


def test_headers_of_http_2_that_go_on_and_on(door: Door) -> None:
    """CONTINUATION frames without an end (2024)."""
    link = encrypted(door[1], "h2")
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    connection.initiate_connection()
    link.sendall(connection.data_to_send())

    def frame(kind: int, flags: int, payload: bytes) -> bytes:
        return len(payload).to_bytes(3) + bytes([kind, flags]) + (1).to_bytes(4) + payload

    literal = b"\x00\x01a\x7f\x80\x7f" + b"b" * 255  # a header of 255 bytes, not compressed
    with contextlib.suppress(OSError):
        link.sendall(frame(1, 0, b"\x82\x84\x87"))
        for _ in range(2_000):
            link.sendall(frame(9, 0, literal * 40))
    others_are_served(door[0])
    link.close()


def test_a_part_may_open_as_many_files_as_the_system_lets_it(tmp_path: Path) -> None:
    program = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], flush=True)"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1_024, hard))
    try:
        part = Part("part", [sys.executable, "-c", program], {}, log=tmp_path / "part.log")
        part.start()
        assert part.child and part.child.wait(30) == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert int((tmp_path / "part.log").read_text()) == min(hard, MOST_OPEN_FILES)


def test_answers_that_nobody_reads(door: Door) -> None:
    def asked() -> socket.socket:
        link = encrypted(door[1])
        link.sendall(f"GET /{door[0].rpartition('/')[2]} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 50)
        return link

    with crowd(asked, 40):
        others_are_served(door[0])


@pytest.mark.long
@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
def test_a_connection_that_never_gets_through_tls_is_cut_off(door: Door, sent: bytes) -> None:
    link = connected(door[1])
    link.sendall(sent)
    link.settimeout(90)
    with contextlib.suppress(ConnectionError):
        assert link.recv(1) == b""
    link.close()
