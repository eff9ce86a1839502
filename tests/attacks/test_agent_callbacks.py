"""Callbacks of agents under attack: whoever names a URL that we call must not reach our own network by it."""

import http.server
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from glasshouse.kernel import networks
from glasshouse.operations import tls
from glasshouse.requests import drp_callbacks, drp_rules
from tests.agents import Agent, some_address
from tests.conftest import Customer

Web = Callable[..., httpx.Client]
HOST = "agent.example"
STATE = {"request_id": "1", "status": "fulfilled"}


class Server(http.server.ThreadingHTTPServer):
    """The agent's server, with a certificate for HOST; what it was sent, and how it answers."""

    def __init__(self, folder: Path, address: str = "127.0.0.1", hosts: tuple[str, ...] = (HOST,)) -> None:
        super().__init__((address, 0), Handler)
        tls.ensure(folder, hosts)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.crt", folder / "server.key")
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.authority = folder / "ca.crt"
        self.received: list[tuple[str, str, Any]] = []
        self.answers: Callable[[Handler], None] = lambda handler: handler.send_response(200)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.server_address[1]}/hook?a=1"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust the certificate is expected."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Notes what came."""

    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.received.append((self.path, self.headers["Host"], body))
        self.server.answers(self)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is written."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.shutdown()
    made.server_close()


def names(monkeypatch: pytest.MonkeyPatch, *answers: tuple[str, ...]) -> list[str]:
    """Have each lookup of HOST answer with the next of these addresses, the last one again and again; returns who asked."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def answer(host: str, port: int, *args: Any, **more: Any) -> Any:
        if host != HOST:
            return real(host, port, *args, **more)
        asked.append(host)
        addresses = answers[min(len(asked), len(answers)) - 1]
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


def only_outside(monkeypatch: pytest.MonkeyPatch, address: str, server: Server) -> None:
    """Have one address of loopback count as one outside, as the server's must, and its authority count."""
    monkeypatch.setattr(networks, "is_outside", lambda each: each == address)
    monkeypatch.setattr(drp_callbacks, "_is_own", lambda each: each != address)
    context = ssl.create_default_context(cafile=server.authority)
    monkeypatch.setattr(drp_callbacks, "authorities", lambda: context)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "0.0.0.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1",
        "2002:7f00:1::", "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "::7f00:1", "", "localhost", "1", "0x7f000001",
    ],
)  # fmt: skip
def test_an_address_inside_is_known_however_it_is_written(address: str) -> None:
    assert not networks.is_outside(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_a_public_address_is_outside(address: str) -> None:
    assert networks.is_outside(address)


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:127.0.0.1"])
def test_a_name_that_leads_inside_is_not_called(monkeypatch: pytest.MonkeyPatch, server: Server, inside: str) -> None:
    for addresses in ((inside,), ("93.184.216.34", inside), (inside, "93.184.216.34")):
        names(monkeypatch, addresses)
        with pytest.raises(drp_callbacks.InsideError):
            drp_callbacks.call(server.url, STATE)
    assert server.received == []


def test_an_address_of_this_machine_is_not_called_though_it_is_public(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    names(monkeypatch, ("127.0.0.1",))
    monkeypatch.setattr(networks, "is_outside", lambda address: True)
    with pytest.raises(drp_callbacks.InsideError):
        drp_callbacks.call(server.url, STATE)
    assert server.received == []


def test_a_name_is_resolved_once_and_called_where_it_was_looked_at(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    asked = names(monkeypatch, ("127.0.0.1",), ("127.0.0.9",))
    only_outside(monkeypatch, "127.0.0.1", server)
    drp_callbacks.call(server.url, STATE)
    assert asked == [HOST], "a name that leads elsewhere later is not asked again"
    port = server.server_address[1]
    assert server.received == [("/hook?a=1", f"{HOST}:{port}", STATE)]


def test_no_redirect_is_followed(monkeypatch: pytest.MonkeyPatch, server: Server, tmp_path: Path) -> None:
    names(monkeypatch, ("127.0.0.1",))
    only_outside(monkeypatch, "127.0.0.1", server)
    inside = Server(tmp_path / "inside")

    def redirect(handler: Handler) -> None:
        handler.send_response(307)
        handler.send_header("Location", inside.url)

    server.answers = redirect
    with pytest.raises(httpx.HTTPStatusError):
        drp_callbacks.call(server.url, STATE)
    assert (len(server.received), inside.received) == (1, [])
    inside.shutdown()
    inside.server_close()


def test_a_server_without_the_certificate_of_its_name_is_told_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = Server(tmp_path / "other", hosts=("other.example",))
    names(monkeypatch, ("127.0.0.1",))
    only_outside(monkeypatch, "127.0.0.1", other)
    with pytest.raises(httpx.ConnectError):
        drp_callbacks.call(other.url, STATE)
    assert other.received == []
    other.shutdown()
    other.server_close()


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    names(monkeypatch, ("127.0.0.1",))
    only_outside(monkeypatch, "127.0.0.1", server)
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(0.2)
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        drp_callbacks.call(server.url, STATE)
        with pytest.raises(TimeoutError):
            proxy.accept()
    assert len(server.received) == 1


def test_an_answer_without_end_is_not_read(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    names(monkeypatch, ("127.0.0.1",))
    only_outside(monkeypatch, "127.0.0.1", server)
    written = []

    def flood(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(4096):
                written.append(handler.wfile.write(b"x" * (1 << 16)))
        except OSError:
            return

    server.answers = flood
    drp_callbacks.call(server.url, STATE)
    assert sum(written) < 64 << 20, "of 256 MiB"


@pytest.mark.parametrize(
    "url",
    [
        "http://agent.example/x", "https://agent.example.evil.example/x", "https://agent.example@10.0.0.1/",
        "https://u:p@agent.example/", "https://agent.example:444/", "https://agent.example\\@evil.example/",
        "https://agent.example\t/x", "https://agent.example\n.evil.example/", "https://agent.example /", "//agent.example/",
        "https:agent.example", "https:///agent.example", "https://ágent.example/", "javascript:alert(1)//https://agent.example",
        "https://[::1]/", "https://agent.example%00.evil.example/", "https://agent.example/" + "x" * 400,
        " https://agent.example/", "https://[agent.example/", "",
    ],
)  # fmt: skip
def test_only_the_registered_host_counts_in_a_url(url: str) -> None:
    assert not drp_rules.is_at(HOST, url)


def test_urls_at_the_registered_host_count() -> None:
    for url in ("https://agent.example", "https://agent.example/a?b=c#d", "https://AGENT.example/"):
        assert drp_rules.is_at(HOST, url)
    assert drp_rules.is_at("agent.example:8443", "https://agent.example:8443/")
    assert not drp_rules.is_at(None, "https://agent.example") and not drp_rules.is_at("", "https:///x")


def test_hosts_that_are_no_agents_own_are_not_registered(officer: Customer) -> None:
    from django.conf import settings

    from glasshouse.kernel.errors import InvalidError

    for host in (
        "https://agent.example",
        "agent.example/x",
        "a b",
        "agent@example",
        settings.ORIGIN.partition("//")[2],
    ):
        with pytest.raises(InvalidError):
            Agent(officer, host)


def test_a_request_with_a_foreign_callback_is_refused_and_nothing_is_stored(officer: Customer, web: Web) -> None:
    client = web()
    agent = Agent(officer, HOST).paired(client)
    for callback in (
        "https://10.0.0.1/",
        "https://localhost/x",
        f"https://{HOST}.evil.example/",
        7,
        ["https://agent.example"],
    ):
        assert agent.asks(client, email=some_address(), status_callback=callback).status_code == 400, callback
    assert agent.asks(client, email=some_address(), status_callback=f"https://{HOST}/hook").status_code == 200
