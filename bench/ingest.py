"""Readings in and questions out, against Debian's InfluxDB and VictoriaMetrics on this machine, in this minute, same bodies.

Ours goes over TLS, authenticated, sealed and fsynced before the answer; the peers over plain HTTP, as they come. A peer not
installed is left out and named. It prints a table with ratios, also where we lose.
"""

import http.client
import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from rich.console import Console
from rich.table import Table

LINES, SERIES, STEP_S = 5_000, 400, 60


class Request(NamedTuple):
    """What is sent to a server to ask it."""

    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]


@dataclass
class Peer:
    """One server under test: how to reach it, where its bytes lie, and how it is asked."""

    name: str
    port: int
    write_path: str
    headers: dict[str, str]
    folder: Path
    ask: Callable[[str, int], Request]
    trust: ssl.SSLContext | None = None
    settle: Callable[[], None] = lambda: None

    def connect(self) -> http.client.HTTPConnection:
        if self.trust:
            return http.client.HTTPSConnection("localhost", self.port, context=self.trust, timeout=120)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bodies(count: int, end_s: int) -> list[bytes]:
    """`count` readings with two decimals, walking, minute by minute, in bodies of LINES lines."""
    chance, values, out, lines = random.Random(1), [20.0] * SERIES, [], []
    start = end_s - count // SERIES * STEP_S
    for number in range(count):
        series = number % SERIES
        values[series] += chance.gauss(0, 0.05)
        at = (start + number // SERIES * STEP_S) * 1_000_000_000
        lines.append(
            f"climate,site=north,compartment=c{series % 10},sensor=s{series} air_temp={values[series]:.2f} {at}"
        )
        if len(lines) == LINES:
            out.append("\n".join(lines).encode())
            lines = []
    return out


def pour(peer: Peer, work: list[bytes], clients: int) -> float:
    """Lines per second with so many clients; every answer must be a good one."""
    todo, lock, wrong = iter(work), threading.Lock(), []

    def client() -> None:
        link = peer.connect()
        while True:
            with lock:
                body = next(todo, None)
            if body is None:
                return
            link.request("POST", peer.write_path, body, peer.headers)
            answer = link.getresponse()
            text = answer.read()
            if answer.status not in (200, 204):
                wrong.append((answer.status, text[:200]))
                return

    threads = [threading.Thread(target=client) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise RuntimeError(f"{peer.name} refused: {wrong[0]}")
    return len(work) * LINES / (time.perf_counter() - began)


def small(peer: Peer, end_s: int, clients: int = 32, seconds: float = 4.0) -> float:
    """Requests per second of ten lines each."""
    counts, ends = [0] * clients, time.monotonic() + seconds

    def client(number: int) -> None:
        link = peer.connect()
        while time.monotonic() < ends:
            at = (end_s + counts[number]) * 1_000_000_000
            lines = "\n".join(f"small,sensor=s{number}-{i} air_temp={20 + i / 10} {at}" for i in range(10))
            link.request("POST", peer.write_path, lines.encode(), peer.headers)
            answer = link.getresponse()
            answer.read()
            if answer.status not in (200, 204):
                raise RuntimeError(f"{peer.name} refused a small request: {answer.status}")
            counts[number] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def asked_ms(peer: Peer, what: str, end_s: int) -> float:
    """Median of seven answers, in milliseconds, after one that warms up."""
    times_ms = []
    for _ in range(8):
        link = peer.connect()
        link.connect()
        request = peer.ask(what, end_s)
        began = time.perf_counter()
        link.request(*request)
        answer = link.getresponse()
        text = answer.read()
        times_ms.append((time.perf_counter() - began) * 1000)
        if answer.status != 200 or len(text) < 100:
            raise RuntimeError(f"{peer.name} {what}: {answer.status} {text[:200]!r}")
        link.close()
    return sorted(times_ms[1:])[3]


def weight(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@contextmanager
def child(command: list[str], environment: dict[str, str], port: int) -> Iterator[None]:
    """Runs a program for the length of the block, which begins once the port answers."""
    process = subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


TENANT, SITE, DEVICE = "t" * 16, "s" * 16, "d" * 16


def _headers(key: bytes, verb: str) -> dict[str, str]:
    """The headers of a question with a capability for one verb."""
    from crop_contract.capability import Capability, sign

    text = sign(key, Capability(TENANT, (SITE,), (verb,), "bench", int(time.time()) + 50))
    return {"Authorization": f"Capability {text}", "Content-Type": "application/json"}


def _ask_glasshouse(key: bytes, what: str, end_s: int) -> Request:
    if what == "last":
        return Request("GET", "/v1/series", None, _headers(key, "readings:read"))
    question = {"series": ["1"], "start": end_s - 30 * 86_400, "end": end_s, "points": 300}
    if what == "daily":
        question |= {
            "series": [str(number) for number in range(1, SERIES + 1)],
            "start": end_s - 35 * 86_400,
            "step": 86_400,
        }
    return Request("POST", "/v1/readings", json.dumps(question).encode(), _headers(key, "readings:read"))


@contextmanager
def ours(scratch: Path) -> Iterator[Peer]:
    """The crops service of this source, with one registered device."""
    from glasshouse.operations import tls
    from glasshouse.operations.installation import Installation
    from glasshouse.operations.processes import Part
    from glasshouse.operations.service import _answers, base_environment

    port = free_port()
    home = Installation(scratch / "data", scratch / "keys", port, port, port, demo=False)
    home.prepare()
    tls.ensure(home.keys / "tls")
    environment = base_environment() | home.crops_environment()
    part = Part("crops", [sys.executable, "-m", "crops"], environment, log=scratch / "log")
    part.start()
    while not _answers(home, port):
        time.sleep(0.05)
    trust = ssl.create_default_context(cafile=home.keys / "tls" / "ca.crt")
    key = (home.keys / "people" / "capability.key").read_bytes()
    link = http.client.HTTPSConnection("localhost", port, context=trust)
    body = json.dumps({"device": DEVICE, "site": SITE}).encode()
    link.request("POST", "/v1/devices", body, _headers(key, "devices:write"))
    token = json.loads(link.getresponse().read())["token"]
    headers, folder = {"Authorization": f"Token {token}"}, home.data / "crops" / "raw"
    try:
        yield Peer("Glasshouse", port, "/api/v2/write", headers, folder, partial(_ask_glasshouse, key), trust)
    finally:
        part.end()


@contextmanager
def influx(scratch: Path) -> Iterator[Peer]:
    """InfluxDB 1, as installed, with fresh folders."""
    port, rpc = free_port(), free_port()
    environment = {
        "INFLUXDB_META_DIR": str(scratch / "meta"),
        "INFLUXDB_DATA_DIR": str(scratch / "data"),
        "INFLUXDB_DATA_WAL_DIR": str(scratch / "wal"),
        "INFLUXDB_HTTP_BIND_ADDRESS": f"127.0.0.1:{port}",
        "INFLUXDB_BIND_ADDRESS": f"127.0.0.1:{rpc}",
        "INFLUXDB_REPORTING_DISABLED": "true",
        "INFLUXDB_HTTP_LOG_ENABLED": "false",
    }

    def ask(what: str, end_s: int) -> Request:
        start = f"time >= {end_s - 30 * 86_400}s AND time < {end_s}s"
        text = {
            "last": "SELECT last(air_temp) FROM climate GROUP BY sensor",
            "range": "SELECT min(air_temp), mean(air_temp), max(air_temp) FROM climate "
            f"WHERE sensor = 's0' AND {start} GROUP BY time(8640s) fill(none)",
            "daily": "SELECT min(air_temp), mean(air_temp), max(air_temp) FROM climate "
            f"WHERE time >= {end_s - 35 * 86_400}s GROUP BY time(1d), sensor fill(none)",
        }[what]
        return Request("GET", f"/query?db=bench&q={quote(text)}", None, {})

    with child(["influxd"], environment, port):
        link = http.client.HTTPConnection("127.0.0.1", port)
        link.request("POST", f"/query?q={quote('CREATE DATABASE bench')}")
        link.getresponse().read()
        yield Peer("InfluxDB", port, "/write?db=bench", {}, scratch, ask)


@contextmanager
def victoria(scratch: Path) -> Iterator[Peer]:
    """VictoriaMetrics, as installed, with a fresh folder."""
    port = free_port()
    command = [
        "victoria-metrics",
        f"-storageDataPath={scratch}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=100y",
    ]

    def ask(what: str, end_s: int) -> Request:
        if what == "last":
            query = quote("last_over_time(climate_air_temp[30d])")
            return Request("GET", f"/api/v1/query?query={query}&time={end_s}&nocache=1", None, {})
        days, step, which = (35, 86_400, "") if what == "daily" else (30, 8640, '{sensor="s0"}')
        query = quote(f"rollup(climate_air_temp{which}[{step}s])")
        span = f"start={end_s - days * 86_400}&end={end_s}&step={step}"
        return Request("GET", f"/api/v1/query_range?query={query}&{span}&nocache=1", None, {})

    def settle() -> None:
        link = http.client.HTTPConnection("127.0.0.1", port)
        link.request("GET", "/internal/force_flush")
        link.getresponse().read()

    with child(command, {}, port):
        yield Peer("VictoriaMetrics", port, "/write", {}, scratch, ask, settle=settle)


def measure(peer: Peer, work: list[bytes], end_s: int) -> dict[str, float]:
    """All figures of one server."""
    half = len(work) // 2
    figures = {"1 client, lines/s": pour(peer, work[:half], 1), "4 clients, lines/s": pour(peer, work[half:], 4)}
    peer.settle()
    time.sleep(2)
    figures["30 days of one series, ms"] = asked_ms(peer, "range", end_s)
    figures["last value of 400 series, ms"] = asked_ms(peer, "last", end_s)
    figures["daily min, mean, max of 400 series, ms"] = asked_ms(peer, "daily", end_s)
    time.sleep(20)
    figures["bytes a reading at rest"] = weight(peer.folder) / (len(work) * LINES)
    figures["32 clients of 10 lines, requests/s"] = small(peer, end_s)
    return figures


def main(readings: int) -> None:
    """Run the bench over so many readings and print the table."""
    console, end_s = Console(), int(time.time()) // STEP_S * STEP_S
    console.print(f"Making {readings:,} readings in bodies of {LINES:,} lines …")
    work, figures = bodies(readings, end_s), {}
    servers = (
        ("Glasshouse", "", ours),
        ("InfluxDB", "influxd", influx),
        ("VictoriaMetrics", "victoria-metrics", victoria),
    )
    for name, program, server in servers:
        if program and not shutil.which(program):
            console.print(
                f"{name} is not installed: left out. (apt-get install {program.replace('influxd', 'influxdb')})"
            )
            continue
        with tempfile.TemporaryDirectory(prefix="glasshouse-bench-") as scratch, server(Path(scratch)) as peer:
            figures[name] = measure(peer, work, end_s)
    table = Table("", *figures, *(f"ours to {name}'s" for name in figures if name != "Glasshouse"))
    of_glasshouse = figures["Glasshouse"]
    for figure, value in of_glasshouse.items():
        others = [all_[figure] for name, all_ in figures.items() if name != "Glasshouse"]
        table.add_row(
            figure,
            *(f"{all_[figure]:,.2f}" for all_ in figures.values()),
            *(f"{value / other:.2f}" for other in others),
        )
    console.print(table)
