"""Seal columns that an older version kept in the clear: for migrations, which run as the owner of the tables.

The rules of this module:

1. A migration renames the clear column, adds the sealed one, calls `seal_columns`, removes the clear one, in one transaction:
   whenever it is cut off, it begins again, and a value is never in neither column.
2. Keys are made in the key database, outside that transaction; a key of a run that was cut off is used by the next one, or
   replaced, where the old version ran on for a day and destroyed it as unused.
3. A removed column stays in the old pages of the table. `seal_columns` marks the table, in the same transaction, and
   `rewrite_marked` writes every marked table anew afterwards; a mark stays until that is done.
Source: docs/adr/0018-sealing-existing-columns.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections, migrations, models
from django.db.migrations.operations.base import Operation

from glasshouse.kernel.errors import GlasshouseError
from glasshouse.kernel.ids import KeyOwnerId
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


@dataclass(frozen=True, slots=True)
class _Row:
    """A row that gets sealed. owner: whose key seals it; clear: the clear value of each column."""

    table: str
    id: str
    owner: str
    clear: dict[Column, str | None]


class UnsealableRowError(GlasshouseError):
    """A row cannot be sealed. The message names table and id, never a value, and says what to do."""

    status = 500

    def __init__(self, row: _Row, reason: str) -> None:
        super().__init__(
            f"The row {row.id} of {row.table} cannot be sealed: {reason}. Then start again; this table is as it was."
        )


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

    Empty texts become null. Where the key is destroyed, values that may be null are dropped: they may not be read any more. A row
    with a required value gets a new key, if nothing of it is sealed yet. Raises UnsealableRowError.
    """
    clear, count, last_key = ", ".join(f'"{column.clear}"' for column in columns), 0, ""
    select = f'SELECT id, "{key_owner}", {clear} FROM {table} WHERE id > %s ORDER BY id LIMIT {BATCH}'
    assigned = ", ".join(f'"{column.name}" = %s' for column in columns)
    update = f"UPDATE {table} SET {assigned} WHERE id = %s"
    while True:
        cursor.execute(select, [last_key])
        rows = cursor.fetchall()
        for row_id, owner, *values in rows:
            row = _Row(table, str(row_id), str(owner), dict(zip(columns, values, strict=True)))
            sealed = _sealed_or_named(cursor, row)
            if any(value is not None for value in sealed):
                cursor.execute(update, [*sealed, row_id])
                count += 1
        if len(rows) < BATCH:
            break
        last_key = rows[-1][0]
    cursor.execute(f"COMMENT ON TABLE {table} IS '{MARK}'")
    return count


def _sealed_or_named(cursor: Any, row: _Row) -> list[bytes | None]:
    try:
        return _sealed(row)
    except KeyDestroyedError:
        if not any(column.required for column in row.clear):
            return [None] * len(row.clear)
    except GlasshouseError as error:
        raise UnsealableRowError(
            row, f"its key does not open ({error}) Restore the key database, root keys and people store of one backup"
        ) from error
    if _holds_sealed(cursor, row):
        raise UnsealableRowError(
            row,
            "its key is destroyed, with which other values of it are sealed. Restore the key database of a backup in which "
            f"it is not, or remove the row as the tables' owner (DELETE FROM {row.table} WHERE id = '{row.id}')",
        )
    # A run that was cut off made the key, and the old version, which ran on, destroyed it as unused.
    api.replace_destroyed(KeyOwnerId(row.owner))
    return _sealed(row)


def _sealed(row: _Row) -> list[bytes | None]:
    """The row's values sealed, null for an empty one that is not required. Raises KeyDestroyedError, SealBrokenError."""
    return [
        api.seal((value or "").encode(), place=(row.table, column.name, row.owner))
        if value or column.required
        else None
        for column, value in row.clear.items()
    ]


def _holds_sealed(cursor: Any, row: _Row) -> bool:
    """Whether the row has sealed values in other columns than those that are being sealed."""
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND atttypid = 'bytea'::regtype "
        "AND attnum > 0 AND NOT attisdropped",
        [row.table],
    )
    sealed_columns = {str(name) for (name,) in cursor.fetchall()} - {column.name for column in row.clear}
    if not sealed_columns:
        return False
    has_sealed = " OR ".join(f'"{name}" IS NOT NULL' for name in sorted(sealed_columns))
    cursor.execute(f"SELECT {has_sealed} FROM {row.table} WHERE id = %s", [row.id])
    return bool(cursor.fetchone()[0])


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
