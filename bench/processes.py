"""Pages a second with one web process, and with several side by side.

Runs a whole service of its own for each count, on free ports and fresh folders. Readers are signed in and come by lasting
connections; each asks for the next page when it has the last one whole. They speak the protocol by hand, so that they need little
of the machine: what share of a core they took is told beside the pages.
"""

import multiprocessing
import os
import socket
import sys
import threading
import time
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

COUNTS, ROUNDS = (1, 2), 3
READERS, WARM_S, MEASURED_S = 16, 3.0, 20.0


class Result(NamedTuple):
    """pages: a second; refused: answers that were no page; readers_cores: how many cores the readers took.

    load: of the machine, before.
    """

    pages: float
    refused: int
    readers_cores: float
    load: float


def main(counts: tuple[int, ...] = COUNTS, rounds: int = ROUNDS) -> None:
    """Run the bench, the counts in turn, and print the table."""
    spawn: Any = multiprocessing.get_context("spawn")
    table = Table(
        "round", "web processes", "pages a second", "refused", "cores of the readers", "load of the machine before"
    )
    for number in range(rounds):
        for count in counts:
            reading, writing = spawn.Pipe(duplex=False)
            process = spawn.Process(target=_measured, args=(count, writing))
            process.start()
            result = Result(*reading.recv())
            process.join()
            cells = (f"{result.pages:.0f}", str(result.refused), f"{result.readers_cores:.2f}", f"{result.load:.1f}")
            table.add_row(str(number + 1), str(count), *cells)
            print(f"{count} web processes: {result}", file=sys.stderr)
    Console().print(table)


def _measured(count: int, told: Any) -> None:
    from bench.hostile import Target, signed_in
    from bench.whole_service import whole_service

    load = os.getloadavg()[0]
    with whole_service(web_processes=count) as home:
        target = Target(home.origin, home.crops_origin, str(home.keys / "tls" / "ca.crt"))
        client, page = signed_in(target)
        cookie = "; ".join(f"{each.name}={each.value}" for each in client.cookies.jar)
        host = f"localhost:{home.port}"
        request = f"GET {page} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nAccept: text/html\r\n\r\n".encode()
        client.close()
        counts, ending = [[0, 0] for _ in range(READERS)], threading.Event()
        readers = [threading.Thread(target=_read, args=(target, request, each, ending)) for each in counts]
        for reader in readers:
            reader.start()
        time.sleep(WARM_S)
        before, cpu, began = _sum(counts), time.process_time(), time.monotonic()
        time.sleep(MEASURED_S)
        after, took_cpu, took_s = _sum(counts), time.process_time() - cpu, time.monotonic() - began
        ending.set()
        for reader in readers:
            reader.join()
    told.send(tuple(Result((after[0] - before[0]) / took_s, after[1] - before[1], took_cpu / took_s, load)))


def _sum(counts: list[list[int]]) -> tuple[int, int]:
    return sum(each[0] for each in counts), sum(each[1] for each in counts)


def _read(target: Any, request: bytes, count: list[int], ending: threading.Event) -> None:
    """Ask for the page again and again over one connection. count: pages, and other answers."""
    with target.connection() as link:
        link.settimeout(60)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while not ending.is_set():
            link.sendall(request)
            count[0 if _answer(link).startswith(b"HTTP/1.1 200") else 1] += 1


def _answer(link: Any) -> bytes:
    """The head of an answer that was read whole. Raises RuntimeError where it says no length."""
    read = b""
    while b"\r\n\r\n" not in read:
        if not (more := link.recv(1 << 16)):
            raise RuntimeError("The connection was closed.")
        read += more
    head, _, body = read.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    if length := next((int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")), None):
        left = length - len(body)
        while left > 0:
            left -= len(link.recv(1 << 16))
    elif b"transfer-encoding: chunked" in lines:
        while not body.endswith(b"0\r\n\r\n"):
            body += link.recv(1 << 16)
    return head
