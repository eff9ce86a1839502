"""Rights and policies are written although another process of the store stands in a circle of locks with them."""

import threading
import time

import psycopg
import pytest

from glasshouse.operations import service
from glasshouse.operations.installation import Installation
from tests.conftest import administering

BLOCKED = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass AND mode = 'AccessExclusiveLock'"


@pytest.mark.slow
def test_a_circle_of_locks_undoes_nothing_but_the_try(home: Installation) -> None:
    with administering(home) as ours, administering(home) as watching:
        # In the order in which the old policies are dropped.
        order = list(dict.fromkeys(row[0] for row in ours.execute("SELECT tablename FROM pg_policies").fetchall()))
        early, late = order[0], order[-1]
        before = policies_of(watching)
        ours.execute("SET deadlock_timeout = '10min'")  # The circle is found by the other, which is therefore undone.
        ended = []
        changing = threading.Thread(
            target=lambda: ended.append(service.run_module(home, "glasshouse.operations.migrate", "owner"))
        )
        with ours.transaction():
            ours.execute(f"LOCK TABLE {late} IN SHARE UPDATE EXCLUSIVE MODE")
            changing.start()
            until_blocked(watching, late, changing)
            ours.execute(f"LOCK TABLE {early} IN ACCESS SHARE MODE")
        changing.join(120)
        assert ended and ended[0].returncode == 0, ended[0].stderr[-1000:]
        assert policies_of(watching) == before


def policies_of(link: "psycopg.Connection[tuple[object, ...]]") -> list[tuple[object, ...]]:
    return link.execute(
        "SELECT tablename, policyname, roles, qual, with_check FROM pg_policies ORDER BY 1, 2"
    ).fetchall()


def until_blocked(link: "psycopg.Connection[tuple[object, ...]]", table: str, changing: threading.Thread) -> None:
    """Wait until the other waits for a table."""
    ends = time.monotonic() + 120
    while time.monotonic() < ends and changing.is_alive():
        if link.execute(BLOCKED, [table]).fetchone() != (0,):
            return
        time.sleep(0.05)
    raise AssertionError("It never waited.")
