"""What access control costs: a page with rights and row policies against the same page without; sign-ins a second; the table.

Runs a whole service of its own on free ports and fresh folders. Both ways of the page are measured in turn, in this process,
through the same view and templates; "without" means row security disabled and every right granted without a look.
"""

import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROUNDS, PAGES = 8, 150


def main() -> None:
    """Run the bench and print the table."""
    from bench.ingest import free_port

    from glasshouse.operations.installation import Installation
    from glasshouse.operations.service import running

    console = Console()
    with tempfile.TemporaryDirectory(prefix="glasshouse-bench-", ignore_cleanup_errors=True) as scratch:
        Path(scratch).chmod(0o755)
        home = Installation(
            Path(scratch) / "data", Path(scratch) / "keys", free_port(), free_port(), free_port(), demo=True
        )
        with running(home, lambda text: print(f"Starting: {text} …", file=sys.stderr)):
            os.environ.update(home.environment())
            import django

            django.setup()
            table = Table("", "figure")
            for name, figure in (*_page(home), *_sign_ins(), *_matrix()):
                table.add_row(name, figure)
    console.print(table)


def _page(home: Any) -> list[tuple[str, str]]:
    import psycopg
    from django.test import RequestFactory
    from django.urls import resolve

    from glasshouse.access import api as access
    from glasshouse.access.permissions import CUSTOMER_PERMISSIONS
    from glasshouse.access.rules import Rights
    from glasshouse.greenhouse import api as greenhouse
    from glasshouse.kernel.places import socket_folder
    from glasshouse.promises import probe
    from glasshouse.rowsecurity.policies import customer_tables

    secret = (home.keys / "store" / "admin.secret").read_text()
    socket = str(socket_folder(home.data))
    everything, honest = Rights(CUSTOMER_PERMISSIONS, None, "all", "bench"), access.rights_of
    with (
        probe.customers(1) as (grower,),
        psycopg.connect(
            host=socket, user="glasshouse_admin", password=secret, dbname="people", autocommit=True
        ) as admin,
    ):
        for number in range(20):
            site = greenhouse.create_site(grower.actor, {"name": f"Site {number}", "time_zone": "Europe/Rome"})
            for room in range(3):
                greenhouse.create_compartment(grower.actor, site, f"Room {room}")
        request = RequestFactory().get(f"/o/{grower.organisation}/sites")
        request.actor = grower.actor  # type: ignore[attr-defined]
        match = resolve(request.path)

        def pages() -> float:
            began = time.perf_counter()
            for _ in range(PAGES):
                if match.func(request, **match.kwargs).status_code != 200:
                    raise RuntimeError("the page failed")
            return (time.perf_counter() - began) / PAGES * 1000

        def switch(on: bool) -> None:
            verb = "ENABLE" if on else "DISABLE"
            for name in customer_tables():
                admin.execute(f"ALTER TABLE {name} {verb} ROW LEVEL SECURITY")
            access.rights_of = honest if on else lambda actor: everything  # type: ignore[assignment]

        figures: dict[bool, list[float]] = {True: [], False: []}
        try:
            for turn in range(ROUNDS):
                switch(turn % 2 == 0)
                pages() if turn < 2 else None  # warms up
                figures[turn % 2 == 0].append(pages())
        finally:
            switch(True)
    with_, without = (statistics.median(figures[on]) for on in (True, False))
    return [
        ("the page Sites (20 sites, 60 compartments), with rights and row policies", f"{with_:.2f} ms"),
        ("the same without them", f"{without:.2f} ms"),
        ("cost of access control", f"{(with_ / without - 1) * 100:+.1f} %"),
    ]


def _sign_ins() -> list[tuple[str, str]]:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.rules import Visit
    from glasshouse.promises import probe

    def rate(threads: int, seconds: float = 5.0) -> float:
        from django.db import connections

        from glasshouse.accounts import throttle

        counts, ends, honest = [0] * threads, time.monotonic() + seconds, throttle.take
        throttle.take = lambda *_, **__: None  # type: ignore[assignment]

        def work(number: int) -> None:
            while time.monotonic() < ends:
                accounts.sign_in(grower.address, grower.password, Visit("bench"))
                counts[number] += 1
            connections.close_all()

        running: list[threading.Thread] = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        throttle.take = honest
        return sum(counts) / seconds

    from django.contrib.auth.hashers import get_hasher

    hasher = get_hasher("argon2")
    setting = f"m={hasher.memory_cost} KiB, t={hasher.time_cost}, p={hasher.parallelism}"  # type: ignore[attr-defined]
    with probe.customers(1) as (grower,):
        return [(f"sign-ins a second, {n} at once ({setting})", f"{rate(n):.1f}") for n in (1, 2)]


def _matrix() -> list[tuple[str, str]]:
    from glasshouse.promises.checks.access import permissions

    began = time.perf_counter()
    finding = permissions()
    return [
        ("role × route × customer, walked at the live door", f"{finding.figure}; {time.perf_counter() - began:.1f} s")
    ]
