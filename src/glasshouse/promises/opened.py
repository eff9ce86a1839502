"""Opens sealed values without the product's code for it: from the bytes in the tables, the wrapped keys and the root keys' files.

Written from the format's description (at the head of vault/envelope.py), so that a fault in `vault` shows here as a value that
does not open.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from psycopg import sql

from glasshouse.promises import oracle

HEAD, NONCE, TAG, SEALED = 2, 12, 16, 1
EMPTY = HEAD + NONCE + TAG  # bytes of a sealed value that holds nothing
APART = (
    "probes_",
    "events_",
    "django_",
    "procrastinate_",
)  # They hold ids only, and the longest tables are among them.


class Row(NamedTuple):
    """A row that names somebody: its values by column."""

    table: str
    values: dict[str, Any]


class Held(NamedTuple):
    """A value of a bytea column of a row that names somebody. key: of its row, as text."""

    table: str
    column: str
    key: str
    body: bytes


def keys_of(key_owner: str) -> dict[int, bytes]:
    """The opened data keys of a key owner by generation; empty where they are destroyed or missing. Raises OSError."""
    question = (
        "SELECT generation, wrapped, root_generation FROM vault_data_key WHERE key_owner = %s AND length(wrapped) > 0"
    )
    keys = {}
    for generation, wrapped, root in oracle.rows(question, key_owner, database=oracle.VAULT):
        root_key = (settings.KEYS_FOLDER / f"root-{root}.key").read_bytes()
        bound_to = b"\x1f".join((b"data-key", key_owner.encode(), str(generation).encode()))
        keys[int(generation)] = AESGCM(root_key).decrypt(wrapped[:NONCE], wrapped[NONCE:], bound_to)
    return keys


def is_sealed(body: bytes) -> bool:
    """Whether bytes have the form of a sealed value."""
    return len(body) >= EMPTY and body[0] == SEALED and body[1] > 0


def open_value(value: Held, key_owner: str, keys: dict[int, bytes]) -> bytes | None:
    """The plain bytes of a value that is sealed under a key owner's keys; None: it is not."""
    key = keys.get(value.body[1]) if is_sealed(value.body) else None
    if key is None:
        return None
    head, nonce, rest = value.body[:HEAD], value.body[HEAD : HEAD + NONCE], value.body[HEAD + NONCE :]
    try:
        return AESGCM(key).decrypt(
            nonce, rest, head + b"\x1f".join(map(str.encode, (value.table, value.column, key_owner)))
        )
    except InvalidTag:
        return None


def rows_naming(names: Sequence[str]) -> list[Row]:
    """Each row, of whichever table of the people store, of which a column that may hold an id or a keyed hash holds a name."""
    with oracle.reading() as link:
        return rows_in(link, names)


def rows_in(link: "psycopg.Connection[tuple[Any, ...]]", names: Sequence[str]) -> list[Row]:
    """As `rows_naming`, of the people store that a connection leads to, which may be a copy."""
    by_table: dict[str, list[oracle.Column]] = {}
    for column in oracle.columns():
        if not column.table.startswith(APART):
            by_table.setdefault(column.table, []).append(column)
    return [row for table, columns in by_table.items() for row in _of_table(link, table, columns, list(names))]


def _of_table(
    link: "psycopg.Connection[tuple[Any, ...]]", table: str, columns: list[oracle.Column], names: list[str]
) -> Iterator[Row]:
    texts = [
        column.name for column in columns if column.kind in ("text", "character varying(16)", "character varying(64)")
    ]
    holds = [sql.SQL("{} = ANY (%(names)s)").format(sql.Identifier(name)) for name in texts]
    if holds:
        question = sql.SQL("SELECT * FROM {} WHERE {}").format(sql.Identifier(table), sql.SQL(" OR ").join(holds))
        cursor = link.execute(question, {"names": names})
        titles = [title.name for title in cursor.description or ()]
        for row in cursor.fetchall():
            yield Row(table, dict(zip(titles, row, strict=True)))


def newest_rows(table: str, count: int) -> list[Row]:
    """So many rows of a table, those that were written last as far as their places in it tell."""
    question = sql.SQL("SELECT * FROM {} ORDER BY ctid DESC LIMIT {}").format(sql.Identifier(table), sql.Literal(count))
    with oracle.reading() as link:
        cursor = link.execute(question)
        titles = [title.name for title in cursor.description or ()]
        return [Row(table, dict(zip(titles, row, strict=True))) for row in cursor.fetchall()]


def held(rows: Sequence[Row]) -> list[Held]:
    """Each value of the bytea columns of rows."""
    return [
        Held(row.table, column, str(next(iter(row.values.values()))), value)
        for row in rows
        for column, value in row.values.items()
        if isinstance(value, bytes)
    ]
