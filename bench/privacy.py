"""What a person's rights cost: view, export and erasure of somebody with many rows; how much of the schema they reach.

Runs a whole service of its own on free ports and fresh folders. There is no peer to run beside it: no other product that we know
keeps a person's rows sealed and gives view, export and erasure from one map.
"""

import resource
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

BATCH = 5000


def main(rows: int) -> None:
    """Run the bench with somebody of so many rows, and print the table."""
    from bench.whole_service import whole_service

    console = Console()
    table = Table("", "figure", "target")
    with whole_service() as home:
        for figure in (*_person(home, rows), *_coverage()):
            table.add_row(*figure)
    console.print(table)


class Figure(NamedTuple):
    """A row of the printed table: what was measured, the figure with its unit, and what is aimed at."""

    name: str
    text: str
    target: str


class Timed(NamedTuple):
    """How long an act took, and what it gave."""

    seconds: float
    result: Any


def _timed(act: Callable[[], Any]) -> Timed:
    started = time.perf_counter()
    result = act()
    return Timed(time.perf_counter() - started, result)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _person(home: Any, rows: int) -> list[Figure]:
    from bench.customers import new_customer

    from glasshouse.kernel.ids import new_id
    from glasshouse.promises import readable
    from glasshouse.subject.inventory import view

    target = "under 10 s" if rows == 10_000 else ""
    began, canary = time.time(), f"canary{new_id()}"
    grower = new_customer(canary)
    actor = grower.actor.alone
    _plant(grower, canary, rows)
    before = readable.look([canary], began=began).places
    view_timed = _timed(lambda: sum(1 for _ in view(actor)))
    export_timed = _timed(lambda: _exported(actor))
    erasure_timed = _timed(lambda: _erased(actor))
    after = readable.look([canary], began=began).places
    size = f"{export_timed.result / 1e6:.1f} MB"
    return [
        Figure(f"everything held, {view_timed.result:,} values", f"{view_timed.seconds:.2f} s", ""),
        Figure(f"an export, sealed and fetched, {size}", f"{export_timed.seconds:.2f} s", target),
        Figure(f"an erasure, {erasure_timed.result:,} rows", f"{erasure_timed.seconds:.2f} s", target),
        Figure("memory of the process at its peak", f"{_peak_mib():.0f} MiB", "under 500 MiB"),
        Figure("files with readable personal bytes, while it was held", str(len(before)), "0"),
        Figure("files with readable personal bytes, after the erasure", str(len(after)), "0"),
    ]


def _exported(actor: Any) -> int:
    """Make an export and fetch it; returns its bytes."""
    from glasshouse.subject import exports

    number = exports.make_export(actor)
    exports.fill(number)  # What is left to the worker otherwise, here.
    return sum(len(piece) for piece in exports.fetch_export(actor, number).body)


def _erased(actor: Any) -> int:
    """Erase; returns how many rows went."""
    from glasshouse.subject import erasure
    from glasshouse.subject.models import Erasure

    erasure.erase(actor)
    erasure.finish_erasures()
    return int(Erasure.objects.get(person=actor.person).rows)


def _plant(grower: Any, canary: str, rows: int) -> None:
    from glasshouse.kernel import clock
    from glasshouse.mail.models import Message

    now = clock.now()
    with Progress() as bar:
        task = bar.add_task("Sealing rows", total=rows)
        for start in range(0, rows, BATCH):
            batch = [
                Message(
                    key_owner=grower.actor.person,
                    kind="bench",
                    address=grower.address,
                    subject=f"{canary} {number}",
                    body="x" * 200,
                    created_at=now,
                    next_try_at=now,
                    sent_at=now,
                )
                for number in range(start, min(rows, start + BATCH))
            ]
            Message.objects.bulk_create(batch)
            bar.update(task, advance=len(batch))


def _coverage() -> list[Figure]:
    from glasshouse.subject.coverage import coverage

    return [
        Figure(
            f"personal columns reached by {right}",
            f"{reached} of {total} ({reached / total:.0%})",
            "100 %" if right[:4] in ("view", "expo", "eras", "a re") else "",
        )
        for right, reached, total in coverage()
    ]
