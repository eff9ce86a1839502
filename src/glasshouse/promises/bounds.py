"""Parts of the check of SEC-01: connections of one client, what lies beside the tables, the reader of foreign files."""

import json
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg
from django.conf import settings

from crop_contract import sandbox
from glasshouse.kernel.doors import Door
from glasshouse.promises import oracle
from glasshouse.promises.findings import Steps
from glasshouse.promises.front_door import Visitor

# More connections than one client may have that encrypts none, from an address of its own; a handshake may take 10 s.
CROWD, CLIENT, ENDED_WITHIN_S = 120, "127.0.0.99", 6.0
# What PostgreSQL would write of statements into its log.
UNLOGGED = {"log_statement": "none", "log_min_error_statement": "panic", "log_parameter_max_length_on_error": "0"}
UNLOGGED |= {"log_min_duration_statement": "-1", "log_min_duration_sample": "-1"}
SANDBOXED = sandbox.Limits(cpu_s=5, whole_s=30, memory_bytes=512 << 20, answer_bytes=10_000)


def crowd(steps: Steps, other: Visitor) -> None:
    """One client has a bounded number of connections, and others are served meanwhile."""
    for what, door in (("the web door", settings.WEB_DOOR), ("the crops service", settings.CROPS_DOOR)):
        if ":" in door.address:  # This machine has one address of IPv6 only, and that is its own parts'.
            steps.note(f"bounds: {what} is reached over IPv6 only, where no client is like a stranger's")
            continue
        with ExitStack() as opened:
            links = [opened.enter_context(_connection(door)) for _ in range(CROWD)]
            served = other.get("/sign-in").status_code == 200
            left, ends = CROWD, time.monotonic() + ENDED_WITHIN_S
            while left == CROWD and time.monotonic() < ends:
                time.sleep(0.2)
                left = sum(_is_open(link) for link in links)
        steps.expect(
            f"bounds: {what} ends connections of a client that has too many",
            0 < left < CROWD,
            f"{left} of {CROWD} left",
        )
        steps.expect(f"bounds: while one client has many at {what}, another one is shown a page", served)


def _connection(door: Door) -> socket.socket:
    return socket.create_connection((door.address, door.port), 5, (CLIENT, 0))


def _is_open(link: socket.socket) -> bool:
    link.setblocking(False)
    try:
        return link.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def stores(steps: Steps) -> None:
    """What lies beside the tables: large objects, and logs of statements."""
    with oracle.signed_in("app") as link:
        try:
            link.execute("SELECT lo_create(0)")
            made = True
        except psycopg.errors.InsufficientPrivilege:
            made = False
    steps.expect("stores: the application's role can make no large object", not made)
    for database in (oracle.PEOPLE, oracle.VAULT):
        logged = dict(
            oracle.rows(
                "SELECT name, setting FROM pg_settings WHERE name = ANY (%s)", list(UNLOGGED), database=database
            )
        )
        wrong = sorted(name for name in UNLOGGED if logged.get(name) != UNLOGGED[name])
        steps.expect(f"stores: {database} logs nothing of a statement", not wrong, ", ".join(wrong))


def foreign_file(steps: Steps) -> None:
    """The process that reads a foreign file has no way to keys or to the network."""
    request = {"file": str(Path(settings.KEYS_FOLDER) / "lookup.key")}
    frames = sandbox.run("glasshouse.promises.sandboxed", request, [], SANDBOXED)
    could = json.loads(b"".join(frames))
    steps.expect("foreign files: their reader can open no key", could.get("file") is False)
    steps.expect("foreign files: their reader can make no connection", could.get("socket") is False)
