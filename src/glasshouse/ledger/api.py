"""Verbs of the ledger of erasures: enter a line before anything goes, mark it when the data has carried it out.

Rules:

1. The line is written, and durable, before the first row goes and before the key does.
2. A mark is written in the transaction that carries the line out. So a line without a mark is work that is left.
3. Probes of promise checks leave no line. The database refuses to destroy any other key that the ledger does not name.

Source: PRI-19, PRI-24; docs/adr/0028.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

import psycopg
from django.db import OperationalError, connection, connections, models

from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.ledger.models import LedgerMark
from glasshouse.ledger.rules import Line, verify
from glasshouse.probes import api as probes
from glasshouse.vault import api as vault
from glasshouse.vault.keys.guards import LEDGER
from glasshouse.vault.keys.kinds import LineKind
from glasshouse.vault.keys.models import LedgerLine

BATCH = 5_000
TOO_MANY = (
    "More was erased within an hour than pages may erase, so nothing more is begun. Try again in an hour; "
    "what was begun is finished without you."
)


def enter(kind: LineKind, subject: str) -> Line | None:
    """Enter a line, durable before this returns; the one that is there where it was entered before. None: it is a probe's.

    Raises UnavailableError in a process that takes what comes from outside, where too many were entered within an hour.
    """
    if probes.key_owners_among([subject]):
        return None
    try:
        with connections[LEDGER].cursor() as cursor:
            cursor.execute("SELECT glasshouse_enter(%s, %s)", [str(kind), subject])
            number = cursor.fetchone()[0]
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.ConfigurationLimitExceeded):
            raise UnavailableError(TOO_MANY) from error
        raise
    return _line(LedgerLine.objects.using(LEDGER).get(number=number))


def mark(line: Line | None) -> None:
    """Note that the data has carried a line out; in the caller's transaction. Nothing for a probe's."""
    if line is not None:
        row = LedgerMark(
            number=line.number,
            kind=line.kind,
            subject=line.subject,
            at=line.at,
            previous=line.previous,
            hash=line.hash,
        )
        LedgerMark.objects.bulk_create([row], ignore_conflicts=True)


def destroy_keys(key_owners: Iterable[str], kind: LineKind = LineKind.ERASURE, *, clean: bool = True) -> None:
    """Destroy keys, each after its line; then rewrite the table, so that nothing of them is left on the disk. Safe to repeat.

    clean: False where the caller has the table rewritten after the last of many (`vault.clean`).
    Call it after the rows that the keys sealed are gone, and outside a transaction that may be rolled back.
    """
    owners = sorted(set(key_owners))
    for owner in owners:
        line = enter(kind, owner)
        vault.destroy(KeyOwnerId(owner))
        mark(line)
    if owners and clean:
        vault.clean()


def unmarked() -> list[Line]:
    """Lines that this data has not carried out, the oldest first."""
    last = _without_gap()
    lines = LedgerLine.objects.filter(number__gt=last).order_by("number")
    marked = set(LedgerMark.objects.filter(number__gt=last).values_list("number", flat=True))
    return [_line(line) for line in lines.iterator(chunk_size=BATCH) if line.number not in marked]


def older_lines(kinds: Iterable[LineKind], before: datetime) -> Iterator[list[Line]]:
    """The lines of some kinds that were entered before a moment, carried out or not, the oldest first, in batches."""
    rows, last = LedgerLine.objects.filter(kind__in=list(kinds), at__lt=before).order_by("number"), 0
    while batch := list(_page(rows, last)):
        yield [_line(row) for row in batch]
        last = batch[-1].number


def _without_gap() -> int:
    """Up to which number every line has its mark."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(number) - 1 FROM (SELECT 1 AS number UNION ALL SELECT number + 1 FROM ledger_mark) AS next "
            "WHERE NOT EXISTS (SELECT FROM ledger_mark m WHERE m.number = next.number)"
        )
        return int(cursor.fetchone()[0])


def has_lines(subject: str = "") -> bool:
    """Whether anybody was ever erased here, or anything closed or destroyed. subject: of these lines only."""
    lines = LedgerLine.objects.filter(subject=subject) if subject else LedgerLine.objects.all()
    return lines.exists()


def verify_lines() -> int:
    """Read the whole ledger and check its chain; returns how many lines there are. Raises LedgerError."""
    before: Line | None = None
    count = 0
    while batch := list(_page(LedgerLine.objects.order_by("number"), count)):
        lines = [_line(line) for line in batch]
        verify(lines, [line.hash for line in batch], after=before)
        before, count = lines[-1], count + len(lines)
    return count


def _page(lines: "models.QuerySet[LedgerLine]", start: int) -> "models.QuerySet[LedgerLine]":
    return lines.filter(number__gt=start)[:BATCH]


def _line(row: LedgerLine) -> Line:
    return Line(row.number, LineKind(row.kind), row.subject, row.at, row.previous)
