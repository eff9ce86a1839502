"""Seal columns that an older version kept in the clear: for migrations, which run as the owner of the tables.

The rules of this module:

1. A migration renames the clear column, adds the sealed one, calls `seal_columns`, removes the clear one, in one transaction:
   whenever it is cut off, it begins again, and a value is never in neither column.
2. Keys are made in the key database, outside that transaction; a key of a run that was cut off is used by the next one.
3. A removed column stays in the old pages of the table. `seal_columns` marks the table, in the same transaction, and
   `rewrite_marked` writes every marked table anew afterwards; a mark stays until that is done.
Source: docs/adr/0018-sealing-existing-columns.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections, migrations, models
from django.db.migrations.operations.base import Operation

from glasshouse.vault import api
from glasshouse.vault.envelope import KeyDestroyedError

BATCH = 500
MARK = "glasshouse: to be written anew, clear text was removed"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that gets sealed. clear: its name while it holds clear text. required: an empty text is sealed too, not null."""

    name: str
    required: bool = False

    @property
    def clear(self) -> str:
        """The clear column's name while both are there."""
        return f"{self.name}_clear"


def begin(model: str, names: Sequence[str]) -> Iterator[Operation]:
    """The steps of a migration that come before `seal_columns`: the clear columns renamed, the sealed ones added."""
    for name in names:
        yield migrations.RenameField(model, name, Column(name).clear)
        yield migrations.AddField(model, name, models.BinaryField(null=True))


def finish(model: str, names: Sequence[str], *, required: Sequence[str] = ()) -> Iterator[Operation]:
    """The steps that come after it: the clear columns removed; required: sealed columns that are never null."""
    for name in names:
        yield migrations.RemoveField(model, Column(name).clear)
    for name in required:
        yield migrations.AlterField(model, name, models.BinaryField())


def seal_columns(cursor: Any, table: str, key_owner: str, columns: Sequence[Column]) -> int:
    """Seal each row's clear values under the key that the column key_owner names; returns how many rows; marks the table.

    A value whose key is destroyed is dropped: it may not be read any more. Empty texts become null.
    """
    clear, count, last = ", ".join(f'"{column.clear}"' for column in columns), 0, ""
    select = f'SELECT id, "{key_owner}", {clear} FROM {table} WHERE id > %s ORDER BY id LIMIT {BATCH}'
    assigned = ", ".join(f'"{column.name}" = %s' for column in columns)
    update = f"UPDATE {table} SET {assigned} WHERE id = %s"
    while True:
        cursor.execute(select, [last])
        rows = cursor.fetchall()
        for row_id, owner, *values in rows:
            pairs = zip(columns, values, strict=True)
            sealed = [_sealed(table, column, str(owner), value) for column, value in pairs]
            if any(value is not None for value in sealed):
                cursor.execute(update, [*sealed, row_id])
                count += 1
        if len(rows) < BATCH:
            break
        last = rows[-1][0]
    cursor.execute(f"COMMENT ON TABLE {table} IS '{MARK}'")
    return count


def _sealed(table: str, column: Column, owner: str, value: str | None) -> bytes | None:
    if not value and not column.required:
        return None
    try:
        return api.seal((value or "").encode(), place=(table, column.name, owner))
    except KeyDestroyedError:
        return None


def rewrite_marked(database: str = "default") -> list[str]:
    """Write every marked table anew, with the planner's statistics, which hold samples of values; returns their names.

    Needs the connection of the tables' owner, outside a transaction. Safe to stop and to run again.
    """
    with connections[database].cursor() as cursor:
        cursor.execute(
            "SELECT d.objoid::regclass::text FROM pg_description d "
            "WHERE d.classoid = 'pg_class'::regclass AND d.objsubid = 0 AND d.description = %s ORDER BY 1",
            [MARK],
        )
        tables = [str(row[0]) for row in cursor.fetchall()]
        for table in tables:
            cursor.execute(f"VACUUM (FULL, ANALYZE) {table}")
        if tables:
            cursor.execute("VACUUM (FULL) pg_catalog.pg_statistic")
        for table in tables:
            cursor.execute(f"COMMENT ON TABLE {table} IS NULL")
    return tables
