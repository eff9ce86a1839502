"""Whoever opens connections and does not use them, or uses them in bad ways, delays nobody else: at both doors."""

import contextlib
import resource
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h2.config
import h2.connection
import httpx
import pytest

from crop_contract import connections
from glasshouse.operations.installation import Installation
from glasshouse.operations.processes import MOST_OPEN_FILES, Part
from glasshouse.promises import sockets

MANY, ANSWER_S, CUT_S = 400, 10.0, 5.0
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


def connected(port: int, client: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 5, (client, 0))


def encrypted(port: int, protocol: str = "http/1.1", client: str = "127.0.0.1") -> ssl.SSLSocket:
    context = sockets.context()
    context.set_alpn_protocols([protocol])
    return context.wrap_socket(connected(port, client), server_hostname="localhost")


def is_open(link: socket.socket) -> bool:
    """Whether the door has not closed a connection; what it sent is read."""
    link.setblocking(False)
    try:
        return link.recv(1 << 16) != b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    finally:
        link.setblocking(True)


def open_after(opened: list[socket.socket], most: int, within_s: float) -> int:
    """How many connections are open once there are no more than so many, or that time is over."""
    ends = time.monotonic() + within_s
    while (count := sum(is_open(link) for link in opened)) > most and time.monotonic() < ends:
        time.sleep(0.1)
    return count


def others_are_served(url: str, client: str = "127.0.0.1") -> None:
    """A new connection of somebody else's is answered."""
    began = time.monotonic()
    for _ in range(3):
        road = httpx.HTTPTransport(verify=sockets.context(), local_address=client)
        with httpx.Client(transport=road, timeout=ANSWER_S) as client_of_page:
            assert client_of_page.get(url).status_code in (200, 204)
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


def test_one_client_has_a_bounded_number_of_connections(door: Door) -> None:
    """Its oldest stay; other clients are served meanwhile, and it again once it closes some."""
    bound = connections.Bounds().of_client
    with crowd(lambda: encrypted(door[1], client="127.0.0.2"), bound + 100) as opened:
        assert bound / 2 < open_after(opened, bound, CUT_S) <= bound
        assert all(is_open(link) for link in opened[: bound // 2])
        others_are_served(door[0], "127.0.0.3")
        with crowd(lambda: encrypted(door[1], client="127.0.0.3"), 20) as others:
            time.sleep(1)
            assert all(is_open(link) for link in others)
    time.sleep(1)
    others_are_served(door[0], "127.0.0.2")


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
def test_one_client_has_a_bounded_number_of_connections_that_are_not_encrypted_yet(door: Door, sent: bytes) -> None:
    def begun() -> socket.socket:
        link = connected(door[1], "127.0.0.4")
        link.sendall(sent)
        return link

    bound = connections.Bounds().unanswered
    with encrypted(door[1], client="127.0.0.4") as used, crowd(begun, bound + 100) as opened:
        assert bound / 2 < open_after(opened, bound, CUT_S) <= bound
        assert is_open(used)
        others_are_served(door[0], "127.0.0.4")
        others_are_served(door[0], "127.0.0.5")


def test_a_proxy_on_this_machine_has_more_connections_than_a_client(door: Door) -> None:
    with crowd(lambda: encrypted(door[1]), connections.Bounds().of_client + 50) as opened:
        time.sleep(1)
        assert all(is_open(link) for link in opened)
        others_are_served(door[0])


def test_who_opens_connections_again_and_again_delays_nobody(door: Door) -> None:
    """Each is cut off, and opened anew at once."""
    opened: list[socket.socket] = []
    is_over = threading.Event()

    def again() -> None:
        while not is_over.is_set():
            with contextlib.suppress(OSError):
                opened.append(connected(door[1], "127.0.0.6"))
            if len(opened) > MANY:
                opened.pop(0).close()

    attacker = threading.Thread(target=again)
    attacker.start()
    try:
        time.sleep(0.5)
        for _ in range(3):
            others_are_served(door[0], "127.0.0.7")
    finally:
        is_over.set()
        attacker.join()
        for each in opened:
            each.close()


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


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::1"),
    ],
)
def test_by_what_a_client_counts(address: str, key: str) -> None:
    assert connections.client_key(address) == key


def test_the_bounds_are_settings_and_a_trusted_proxy_has_the_higher_one() -> None:
    """Each listener that this process makes is a door, and looked at when the test says so."""
    variables = {"X_CONNECTIONS_A_CLIENT": "3", "X_CONNECTIONS_A_PROXY": "5"}
    bounds = connections.Bounds.of(variables, "X_")
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        watch = connections.Watch(listener.getsockname()[1], bounds, connections.networks("127.0.8.0/24"))
        for client, stay in (("127.0.7.1", 3), ("127.0.8.1", 5), ("127.0.0.1", 5)):
            with crowd(
                lambda client=client: socket.create_connection(listener.getsockname(), 5, (client, 0)), 8
            ) as opened:
                taken = [listener.accept()[0] for _ in opened]
                for each in taken[2:]:
                    each.sendall(b"an answer")
                time.sleep(0.2)
                assert watch.look() == 8 - stay and watch.look() == 0
                # Those to which nothing was sent go first, and then the newest.
                assert [is_open(each) for each in taken] == [False] * 2 + [True] * stay + [False] * (6 - stay)
                for each in taken:
                    each.close()
    with pytest.raises(ValueError, match="X_CONNECTIONS_A_PROXY"):
        connections.Bounds.of({"X_CONNECTIONS_A_PROXY": "0"}, "X_")
