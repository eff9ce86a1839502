"""What access control costs: a page with rights and row policies against the same page without; sign-ins a second; the table.

Runs a whole service of its own on free ports and fresh folders. Both ways of the page are measured in turn, in this process,
through the same view and templates; "without" means row security disabled and every right granted without a look.
"""

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

ROUNDS, PAGES = 8, 150


def main() -> None:
    """Run the bench and print the table."""
    from bench.whole_service import whole_service

    console = Console()
    table = Table("", "figure")
    with whole_service() as home:
        for figure in (*_page(home), *_sign_ins(), *_matrix()):
            table.add_row(*figure)
    console.print(table)


class Figure(NamedTuple):
    """A row of the printed table: what was measured, and the figure with its unit."""

    name: str
    text: str


def _customer_with_sites() -> Any:
    """A customer with 20 sites of 3 compartments each."""
    from bench.customers import new_customer

    from glasshouse.greenhouse import api as greenhouse

    grower = new_customer()
    for number in range(20):
        site = greenhouse.create_site(grower.actor, {"name": f"Site {number}", "time_zone": "Europe/Rome"})
        for compartment in range(3):
            greenhouse.create_compartment(grower.actor, site, f"Room {compartment}")
    return grower


@contextmanager
def _switch(home: Any) -> Iterator[Callable[[bool], None]]:
    """Turns row policies and the look-up of rights off and on; both are on after the block."""
    from glasshouse.access import api as access
    from glasshouse.access.permissions import CUSTOMER_PERMISSIONS
    from glasshouse.access.rules import Rights
    from glasshouse.operations import postgres
    from glasshouse.rowsecurity.policies import customer_tables

    everything, honest = Rights(CUSTOMER_PERMISSIONS, None, "all", "bench"), access.rights_of
    with postgres.people_store(home).administering(postgres.PEOPLE) as admin:

        def switch(on: bool) -> None:
            verb = "ENABLE" if on else "DISABLE"
            for name in customer_tables():
                admin.execute(f"ALTER TABLE {name} {verb} ROW LEVEL SECURITY")
            access.rights_of = honest if on else lambda actor: everything  # type: ignore[assignment]

        try:
            yield switch
        finally:
            switch(True)


def _page_ms(grower: Any) -> float:
    """Mean time that the page Sites takes, in milliseconds."""
    from django.test import RequestFactory
    from django.urls import resolve

    request = RequestFactory().get(f"/o/{grower.organisation}/sites")
    request.actor = grower.actor  # type: ignore[attr-defined]
    match = resolve(request.path)
    began = time.perf_counter()
    for _ in range(PAGES):
        if match.func(request, **match.kwargs).status_code != 200:
            raise RuntimeError("the page failed")
    return (time.perf_counter() - began) / PAGES * 1000


def _page(home: Any) -> list[Figure]:
    figures: dict[bool, list[float]] = {True: [], False: []}
    grower = _customer_with_sites()
    with _switch(home) as switch:
        for turn in range(ROUNDS):
            on = turn % 2 == 0
            switch(on)
            if turn < 2:
                _page_ms(grower)  # warms up
            figures[on].append(_page_ms(grower))
    with_ms, without_ms = (statistics.median(figures[on]) for on in (True, False))
    return [
        Figure("the page Sites (20 sites, 60 compartments), with rights and row policies", f"{with_ms:.2f} ms"),
        Figure("the same without them", f"{without_ms:.2f} ms"),
        Figure("cost of access control", f"{(with_ms / without_ms - 1) * 100:+.1f} %"),
    ]


def _sign_ins() -> list[Figure]:
    from bench.customers import new_customer

    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.rules import Visit

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
    grower = new_customer()
    return [Figure(f"sign-ins a second, {n} at once ({setting})", f"{rate(n):.1f}") for n in (1, 2)]


def _matrix() -> list[Figure]:
    from glasshouse.promises.checks.access import permissions

    began = time.perf_counter()
    finding = permissions()
    return [
        Figure(
            "role × route × customer, walked at the live door", f"{finding.figure}; {time.perf_counter() - began:.1f} s"
        )
    ]
