"""A people store of its own, without the other parts: for tests that fill tables or change the schema.

Code runs in processes of its own, against this store, so that nothing of it reaches the service that the other tests share.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from glasshouse.operations import postgres, service
from glasshouse.operations.installation import Installation
from tests import prepared

SOURCE = Path(__file__).resolve().parents[1] / "src"
HELP = """
import json, os, sys
import django
django.setup()
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from glasshouse.kernel import clock
def answer(value):
    print("ANSWER " + json.dumps(value, default=str))
"""


@dataclass(frozen=True)
class Store:
    """A running people store with its tables, rights and policies."""

    home: Installation

    def run(self, code: str, source: Path = SOURCE, **environment: str) -> Any:
        """What `code` gives to `answer(...)`, run as the application (GLASSHOUSE_ROLE="owner": as the owner of the tables)."""
        given = (
            service.people_environment(self.home) | {"PYTHONPATH": f"{source}{os.pathsep}{source.parent}"} | environment
        )
        done = subprocess.run(
            [sys.executable, "-c", HELP + code], env=given, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]
        lines = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
        return json.loads(lines[-1].removeprefix("ANSWER ")) if lines else None

    @contextmanager
    def administering(self, base: str = "people") -> Iterator["psycopg.Connection[Any]"]:
        """A database of its store as the superuser."""
        with postgres.store_of(self.home, base).administering(base) as link:
            yield link


@contextmanager
def people_store(*, tables: bool = True) -> Iterator[Store]:
    """A fresh store on folders of its own; tables=False: with its roles and databases only."""
    with tempfile.TemporaryDirectory(
        prefix="glasshouse-growth-", dir=prepared.apart(), ignore_cleanup_errors=True
    ) as scratch:
        Path(scratch).chmod(0o755)
        home = Installation(Path(scratch) / "data", Path(scratch) / "keys", 1, 2, 3, demo=True)
        if tables:
            prepared.take(home)
        with prepared.store(home):
            if tables:
                service.migrate(home)
            yield Store(home)


def plan_of(cursor: Any, sql: str, values: object = None) -> str:
    """How PostgreSQL carries a query out, with the rows and pages that it visited."""
    cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) {sql}", values)
    return "\n".join(row[0] for row in cursor.fetchall())


EVENTS = """
INSERT INTO events_event (id, at, kind, actor, organisation_id, subject, facts)
SELECT 'e' || lpad(n::text, 15, '0'), {at}, 'greenhouse:site:create', 'a' || lpad((n % 997)::text, 15, '0'),
  'r' || lpad((CASE WHEN n % 2 = 0 THEN 0 ELSE n % 1000 END)::text, 15, '0'), 'unknown', '{{}}'
FROM generate_series(1, {count}) AS n ORDER BY n
"""
# The digest of `events.rules`, in SQL: of ASCII texts and whole seconds.
LINKS = """
CREATE FUNCTION pg_temp.link_hash(before text, e events_event, chained_at timestamptz) RETURNS text LANGUAGE sql AS $$
  SELECT encode(sha256(convert_to(format('["%s",["%s","%s","%s","%s","%s","%s",{}],"%s"]', before, e.id,
    to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'), e.kind, e.actor, e.organisation_id, e.subject,
    to_char(chained_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"')), 'UTF8')), 'hex') $$;
DO $$
DECLARE event events_event; latest text := repeat('0', 64); number bigint := 0; hashed text;
BEGIN
  FOR event IN SELECT * FROM events_event ORDER BY id LOOP
    number := number + 1;
    hashed := pg_temp.link_hash(latest, event, event.at + interval '1 second');
    INSERT INTO events_link (number, event_id, before, hash, chained_at)
      VALUES (number, event.id, latest, hashed, event.at + interval '1 second');
    latest := hashed;
  END LOOP;
END $$
"""


UNVERIFIABLE_LINKS = """
INSERT INTO events_link (number, event_id, before, hash, chained_at)
SELECT row_number() OVER (ORDER BY id), id, repeat(md5(id), 2), repeat(md5(id), 2), at FROM events_event
"""


def chained_events(store: Store, count: int, *, verifiable: bool = True) -> None:
    """Fill an empty store with so many chained events, one a second, the newest of them an hour old.

    verifiable=False: with hashes of nothing, which is quicker.
    """
    at = f"date_trunc('second', now()) - interval '1 hour' - interval '1 second' * ({count} - n)"
    with store.administering() as link:
        link.execute("SET session_replication_role = replica")  # no trigger: the outbox stays empty
        link.execute(EVENTS.format(at=at, count=count))
        link.execute(LINKS if verifiable else UNVERIFIABLE_LINKS)
        link.execute("VACUUM ANALYZE events_event, events_link")


def rows_visited(store: Store, *tables: str) -> int:
    """How many rows of these tables PostgreSQL has read since the store began, by any plan."""
    with store.administering() as link:
        row = link.execute(
            "SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint FROM pg_stat_user_tables "
            "WHERE relname = ANY (%s)",
            [list(tables)],
        ).fetchone()
    return int(row[0]) if row else 0
