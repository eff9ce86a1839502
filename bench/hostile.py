"""What an attack costs everybody else: the 95th percentile of an ordinary user's page, attacked and quiet in turn.

Runs a whole service of its own on free ports and fresh folders. The attackers are processes of lowest priority on one core, so
that what is measured is the service's own work for them, and not the attackers' use of the machine. Goal: below 2.

It goes round all attacks several times, each time with a quiet phase and an attacked one, so that what else the machine does
weighs on all alike. A phase lasts as long as it is told, however slow the pages are. Each result is printed as it comes; Ctrl-C,
and the end of the time that the whole may take, end with what is there by then.
"""

import contextlib
import gzip
import multiprocessing
import os
import secrets
import signal
import socket
import ssl
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NamedTuple

import h2.config
import h2.connection
import httpx
from rich.console import Console
from rich.table import Table

PROCESSES, SITES = 2, 20


class Effort(NamedTuple):
    """How much is measured. All but rounds in seconds.

    rounds: how often each attack; phase_s: quiet and attacked; settle_s: for an attack to begin or end; patience_s: for one page;
    whole_s: for all measurements, after which nothing new is begun.
    """

    rounds: int
    phase_s: float
    settle_s: float
    patience_s: float
    whole_s: float


WHOLE, QUICK = Effort(5, 6.0, 1.0, 10.0, 1_800.0), Effort(2, 2.0, 0.5, 5.0, 95.0)


class Times(NamedTuple):
    """What pages took (s), and how many of them were refused, or not answered in time."""

    taken: list[float]
    refused: int


class Result(NamedTuple):
    """What an attack costs."""

    attack: str
    quiet: Times
    attacked: Times

    def cells(self) -> tuple[str, ...]:
        """As a row of the table."""
        calm, loud = (p95(times.taken) * 1000 for times in (self.quiet, self.attacked))
        refused = f"{self.attacked.refused} of {len(self.attacked.taken)}"
        return self.attack, f"{calm:.1f} ms", f"{loud:.1f} ms", f"{loud / calm:.2f}", refused


def p95(times: list[float]) -> float:
    """The 95th percentile; of a single time, that one."""
    return statistics.quantiles(times, n=20)[18] if len(times) > 1 else times[0]


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


def main(quick: bool = False) -> None:
    """Run the bench and print the table. quick: 95 seconds after the service is up, for a look; not for the record."""
    from bench.whole_service import whole_service

    signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell may have it ignored in the background.
    effort, progress = QUICK if quick else WHOLE, Console(stderr=True)
    results: dict[str, Result] = {}
    steps, is_cut_off = 0, False
    with whole_service() as home:
        target = Target(home.origin, home.crops_origin, str(home.keys / "tls" / "ca.crt"))
        until = time.monotonic() + effort.whole_s
        try:
            client, page = signed_in(target)
            with contextlib.closing(client):
                ask = partial(answered, client, page, effort.patience_s)
                times_of(ask, effort.phase_s)  # The first pages take longer.
                for result in measured(ATTACKS, effort, ask, partial(_under, target), until):
                    results[result.attack] = result
                    steps += 1
                    progress.print(f"{steps} of {effort.rounds * len(ATTACKS)}: {', '.join(result.cells())}")
        except KeyboardInterrupt:
            is_cut_off = True
    Console().print(_table(results.values()))
    if steps < effort.rounds * len(ATTACKS):
        progress.print(
            f"Ended after {steps} of {effort.rounds * len(ATTACKS)} measurements: these figures are a first look."
        )
    if is_cut_off:
        sys.exit(130)


def _table(results: Iterable[Result]) -> Table:
    table = Table("attack", "quiet, p95", "attacked, p95", "ratio", "refused to the user")
    for result in results:
        table.add_row(*result.cells())
    return table


def measured(
    attacks: Iterable[str],
    effort: Effort,
    ask: Callable[[], bool],
    under: Callable[[str], AbstractContextManager[None]],
    until: float,
) -> Iterator[Result]:
    """Measure all attacks, round after round; of each what is known of it so far.

    ask: for a page; under: an attack for a block; until: by time.monotonic(), when nothing new is begun.
    """
    results = {name: Result(name, Times([], 0), Times([], 0)) for name in attacks}
    for _ in range(effort.rounds):
        for name, before in results.items():
            if time.monotonic() > until:
                return
            time.sleep(effort.settle_s)
            quiet = times_of(ask, effort.phase_s)
            with under(name):
                time.sleep(effort.settle_s)
                attacked = times_of(ask, effort.phase_s)
            results[name] = Result(name, _joined(before.quiet, quiet), _joined(before.attacked, attacked))
            yield results[name]


def _joined(first: Times, second: Times) -> Times:
    return Times(first.taken + second.taken, first.refused + second.refused)


def times_of(ask: Callable[[], bool], phase_s: float) -> Times:
    """What pages take, one after the other, until a phase is over; one page at least."""
    taken, refused, ends = list[float](), 0, time.monotonic() + phase_s
    while not taken or time.monotonic() < ends:
        began = time.perf_counter()
        refused += not ask()
        taken.append(time.perf_counter() - began)
    return Times(taken, refused)


def answered(client: httpx.Client, page: str, patience_s: float) -> bool:
    """Whether a user's page is shown in time."""
    try:
        return client.get(page, timeout=patience_s).status_code == 200
    except httpx.HTTPError:
        return False


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


@contextlib.contextmanager
def _under(target: Target, name: str) -> Iterator[None]:
    """An attack for the length of the block."""
    spawn: Any = multiprocessing.get_context("spawn")
    begun = [spawn.Event() for _ in range(PROCESSES)]
    attackers = [spawn.Process(target=_attack, args=(target, name, each), daemon=True) for each in begun]
    try:
        for attacker in attackers:
            attacker.start()
        for each in begun:
            each.wait(5)
        yield
    finally:
        for attacker in attackers:
            if attacker.pid:
                attacker.kill()
                attacker.join()


def _attack(target: Target, name: str, begun: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the bench, which ends us.
    os.nice(19)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    begun.set()
    ATTACKS[name](target)
