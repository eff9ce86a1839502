"""What an attack costs everybody else: the 95th percentile of an ordinary user's page, attacked and quiet in turn.

Runs a whole service of its own on free ports and fresh folders. The attackers are processes of lowest priority on one core, so
that what is measured is the service's own work for them, and not the attackers' use of the machine. Goal: below 2.
"""

import contextlib
import gzip
import multiprocessing
import os
import secrets
import socket
import ssl
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import h2.config
import h2.connection
import httpx
from rich.console import Console
from rich.progress import track
from rich.table import Table

ROUNDS, PAGES, SETTLE_S, PROCESSES = 5, 60, 0.5, 2
SITES = 20


class Target(NamedTuple):
    """What is attacked."""

    origin: str
    crops_origin: str
    authority: str

    def context(self) -> ssl.SSLContext:
        """Trusts the service."""
        return ssl.create_default_context(cafile=self.authority)

    def client(self) -> httpx.Client:
        """Comes from an address of its own."""
        address = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250)}.{secrets.randbelow(250) + 1}"
        transport = httpx.HTTPTransport(verify=self.context(), local_address=address)
        return httpx.Client(
            transport=transport, base_url=self.origin, headers={"Referer": f"{self.origin}/"}, timeout=30
        )

    def connection(self, *, crops: bool = False, protocol: str = "http/1.1") -> ssl.SSLSocket:
        """An encrypted connection to one of the doors."""
        port = int((self.crops_origin if crops else self.origin).rpartition(":")[2])
        context = self.context()
        context.set_alpn_protocols([protocol])
        return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 5), server_hostname="localhost")


def flood(target: Target) -> None:
    """Pages that everybody is shown, as fast as they come."""
    with target.client() as client:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                client.get("/sign-in")


def failed_sign_ins(target: Target) -> None:
    """Wrong passwords, for an account that is there and from ever other addresses."""
    while True:
        with target.client() as client, contextlib.suppress(httpx.HTTPError, KeyError):
            client.get("/sign-in")
            for _ in range(20):
                form = {"address": "ada@collina.example", "password": secrets.token_hex(8)}
                client.post("/sign-in", data=form | {"csrfmiddlewaretoken": client.cookies["__Host-csrf"]})


def slow_bodies(target: Target) -> None:
    """Forms that come a byte at a time, 200 at once."""
    kind = "Content-Type: application/x-www-form-urlencoded"
    head = f"POST /sign-in HTTP/1.1\r\nHost: localhost\r\n{kind}\r\nContent-Length: 900\r\n\r\n"
    opened: list[ssl.SSLSocket] = []
    while True:
        with contextlib.suppress(OSError):
            if len(opened) < 200:
                opened.append(target.connection())
                opened[-1].sendall(head.encode())
        for each in list(opened) if len(opened) == 200 else ():
            try:
                each.sendall(b"a")
            except OSError:
                opened.remove(each)
        time.sleep(0.005)


def bombs(target: Target) -> None:
    """Bodies for devices that unpack to a thousand times their size, without a key and with a wrong one."""
    body = gzip.compress(b"a" * (64 << 20))
    with httpx.Client(base_url=target.crops_origin, verify=target.context(), timeout=30) as client:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                head = {"Content-Encoding": "gzip", "Authorization": f"Token {secrets.token_hex(16)}"}
                client.post("/api/v2/write", content=body, headers=head)


def resets(target: Target) -> None:
    """Streams of HTTP/2 that are begun and reset at once."""
    while True:
        with contextlib.suppress(OSError), target.connection(protocol="h2") as link:
            connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
            connection.initiate_connection()
            head = [(":method", "GET"), (":path", "/sign-in"), (":scheme", "https"), (":authority", "localhost")]
            for number in range(1, 10_000, 2):
                connection.send_headers(number, head, end_stream=True)
                connection.reset_stream(number)
                link.sendall(connection.data_to_send())


def unread(target: Target) -> None:
    """Answers that nobody reads, on 100 connections."""
    opened: list[ssl.SSLSocket] = []
    while True:
        with contextlib.suppress(OSError):
            opened.append(target.connection())
            opened[-1].settimeout(0.5)
            opened[-1].sendall(b"GET /documents/notice HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
        if len(opened) > 100:
            opened.pop(0).close()


ATTACKS: dict[str, Callable[[Target], None]] = {
    "flood of pages": flood,
    "failed sign-ins": failed_sign_ins,
    "slow bodies": slow_bodies,
    "bombs at the crop plane": bombs,
    "resets of HTTP/2": resets,
    "unread answers": unread,
}


def main() -> None:
    """Run the bench and print the table."""
    from bench.whole_service import whole_service

    console = Console()
    table = Table("attack", "quiet, p95", "attacked, p95", "ratio", "refused to the user")
    with whole_service() as home:
        target = Target(home.origin, home.crops_origin, str(home.keys / "tls" / "ca.crt"))
        client, page = signed_in(target)
        with contextlib.closing(client):
            _times(client, page, PAGES)
            for name in track(ATTACKS, "Attacking …", console=Console(stderr=True)):
                table.add_row(name, *_measured(target, name, client, page))
    console.print(table)


def signed_in(target: Target) -> tuple[httpx.Client, str]:
    """A new customer at the door, and the address of a page with its sites."""
    from bench.customers import new_customer

    from glasshouse.greenhouse import api as greenhouse

    grower = new_customer()
    for number in range(SITES):
        greenhouse.create_site(grower.actor, {"name": f"Site {number}", "time_zone": "Europe/Rome"})
    client = target.client()
    client.get("/sign-in")
    form = {"address": grower.address, "password": grower.password}
    answer = client.post("/sign-in", data=form | {"csrfmiddlewaretoken": client.cookies["__Host-csrf"]})
    if answer.status_code != 302:
        raise RuntimeError(f"The sign-in was answered {answer.status_code}.")
    return client, f"/o/{grower.actor.organisation}/sites"


def _times(client: httpx.Client, page: str, count: int) -> tuple[list[float], int]:
    """How long pages took (s), and how many were refused."""
    times, refused = [], 0
    for _ in range(count):
        began = time.perf_counter()
        try:
            refused += client.get(page).status_code != 200
        except httpx.HTTPError:
            refused += 1
        times.append(time.perf_counter() - began)
    return times, refused


def _measured(target: Target, name: str, client: httpx.Client, page: str) -> tuple[str, str, str, str]:
    quiet: list[float] = []
    attacked: list[float] = []
    refused = 0
    for _ in range(ROUNDS):
        quiet += _times(client, page, PAGES)[0]
        with _under(target, name):
            times, failed = _times(client, page, PAGES)
        attacked += times
        refused += failed
        time.sleep(SETTLE_S)
    calm, loud = (statistics.quantiles(times, n=20)[18] * 1000 for times in (quiet, attacked))
    return f"{calm:.1f} ms", f"{loud:.1f} ms", f"{loud / calm:.2f}", f"{refused} of {ROUNDS * PAGES}"


@contextlib.contextmanager
def _under(target: Target, name: str) -> Iterator[None]:
    """An attack for the length of the block."""
    spawn: Any = multiprocessing.get_context("spawn")
    attackers = [spawn.Process(target=_attack, args=(target, name), daemon=True) for _ in range(PROCESSES)]
    for attacker in attackers:
        attacker.start()
    time.sleep(3 * SETTLE_S)
    try:
        yield
    finally:
        for attacker in attackers:
            attacker.kill()
            attacker.join()


def _attack(target: Target, name: str) -> None:
    os.nice(19)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    ATTACKS[name](target)
