"""What the databases hold, read with raw SQL by a role that may read and do nothing else.

A check judges by it and not by the verbs that it checks. The role `glasshouse_auditor` sees every row, those of restricted
persons included; personal values are sealed in them, and it has no key.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, LiteralString, NamedTuple

import psycopg
from django.conf import settings
from psycopg import sql

from glasshouse.kernel.errors import UnavailableError

PEOPLE, VAULT = "people", "vault"
BOTH = (PEOPLE, VAULT)  # each in a store of its own


class Column(NamedTuple):
    """A column of a table in a database of this installation."""

    database: str
    table: str
    name: str
    kind: str


# Of the check that runs, by database: to sign in for each of a hundred questions takes longer than the questions.
_held: ContextVar["dict[str, psycopg.Connection[tuple[Any, ...]]] | None"] = ContextVar("held", default=None)


@contextmanager
def connections_held() -> Iterator[None]:
    """While the block lasts, `reading` signs in once to each database. Every question still sees what is stored at its time.

    A thread that the block starts signs in for itself.
    """
    links: dict[str, psycopg.Connection[tuple[Any, ...]]] = {}
    token = _held.set(links)
    try:
        yield
    finally:
        _held.reset(token)
        for link in links.values():
            link.close()


@contextmanager
def reading(database: str = PEOPLE) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
    """A connection that only reads. Raises UnavailableError."""
    links = _held.get()
    if links is None:
        with _signed_in(database) as link:
            yield link
        return
    if database not in links or links[database].closed:  # Also where the store was started again meanwhile.
        links[database] = _signed_in(database)
    yield links[database]


def _signed_in(database: str) -> "psycopg.Connection[tuple[Any, ...]]":
    try:
        return connected(settings.REACHED[database])
    except (OSError, psycopg.OperationalError) as error:
        raise UnavailableError("The auditor's role cannot sign in to the database.") from error


def connected(place: dict[str, str]) -> "psycopg.Connection[tuple[Any, ...]]":
    """As `reading`. place: where the database is, as psycopg takes it. Raises OSError, psycopg.OperationalError."""
    if "target_session_attrs" in place:
        place = place | {
            "target_session_attrs": "primary"
        }  # Our session only reads, and would not count as read-write.
    return psycopg.connect(
        **place,  # type: ignore[arg-type]
        user="glasshouse_auditor",
        password=(settings.KEYS_FOLDER / "auditor.secret").read_text(),
        autocommit=True,
        prepare_threshold=None,  # A plan that is kept does not outlive a change of its table.
        options="-c default_transaction_read_only=on -c statement_timeout=30000",
    )


def rows(question: LiteralString, *values: object, database: str = PEOPLE) -> list[tuple[Any, ...]]:
    """The rows that a question gives. Raises UnavailableError."""
    with reading(database) as link:
        return link.execute(question, list(values)).fetchall()


def value(question: LiteralString, *values: object, database: str = PEOPLE) -> Any:
    """The first value of the first row; None: there is no row. Raises UnavailableError."""
    result_rows = rows(question, *values, database=database)
    return result_rows[0][0] if result_rows else None


def columns(database: str = PEOPLE) -> list[Column]:
    """Every column of every table, from the catalogue. Raises UnavailableError."""
    question: LiteralString = (
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a "
        "JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') "
        "AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, a.attnum"
    )
    return [
        Column(database, str(table), str(name), str(kind)) for table, name, kind in rows(question, database=database)
    ]


def beside(database: str = PEOPLE) -> list[str]:
    """What can hold rows and is no table of the schema public: views, and whatever stands in another schema.

    Raises UnavailableError.
    """
    question: LiteralString = (
        "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema') "
        "AND NOT (n.nspname = 'public' AND c.relkind IN ('r', 'p')) ORDER BY 1"
    )
    return [str(name) for (name,) in rows(question, database=database)]


class Naming(NamedTuple):
    """Where a name (an id or a keyed hash) stands, in how many rows."""

    database: str
    table: str
    column: str
    rows: int


def naming(names: Sequence[str], *, but: frozenset[str] = frozenset()) -> list[Naming]:
    """Every column of every table of both databases that holds one of these ids or keyed hashes.

    but: tables not looked at. Texts, arrays and JSON are looked into. Raises UnavailableError.
    """
    places = []
    for database in (PEOPLE, VAULT):
        by_table: dict[str, list[Column]] = {}
        for column in columns(database):
            if column.table not in but and column.kind.startswith(("character varying", "text", "jsonb")):
                by_table.setdefault(column.table, []).append(column)
        with reading(database) as link:
            for table, named in by_table.items():
                places += list(_naming(link, table, named, list(names)))
    return places


def _naming(
    link: "psycopg.Connection[tuple[Any, ...]]", table: str, named: list[Column], names: list[str]
) -> Iterator[Naming]:
    parts = []
    for column in named:
        identifier = sql.Identifier(column.name)
        if column.kind.endswith("[]"):
            holds = sql.SQL("{}::text[] && {}::text[]").format(identifier, sql.Placeholder("names"))
        elif column.kind == "jsonb":
            holds = sql.SQL(
                "jsonb_path_exists({}, '$.** ? (@ == $name[*])', jsonb_build_object('name', {}::text[]))"
            ).format(identifier, sql.Placeholder("names"))
        else:
            holds = sql.SQL("{} = ANY ({})").format(identifier, sql.Placeholder("names"))
        parts.append(sql.SQL("count(*) FILTER (WHERE {})").format(holds))
    question = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(parts), sql.Identifier(table))
    row = link.execute(question, {"names": names}).fetchone() or ()
    for column, count in zip(named, row, strict=True):
        if count:
            yield Naming(column.database, table, column.name, int(count))


@contextmanager
def signed_in(role: str, database: str = PEOPLE) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
    """A connection as another role, with its own credential; whatever is done in it is undone. Raises UnavailableError."""
    try:
        secret = (settings.KEYS_FOLDER / f"{role}.secret").read_text()
        link = psycopg.connect(
            **settings.REACHED[database],  # type: ignore[arg-type]
            user=f"glasshouse_{role}",
            password=secret,
        )
    except (OSError, psycopg.OperationalError) as error:
        raise UnavailableError(f"The role {role} cannot sign in to the database {database}.") from error
    try:
        yield link
    finally:
        link.rollback()
        link.close()
