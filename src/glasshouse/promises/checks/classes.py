"""The check of the data map: PRI-02."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, LiteralString, TypeAlias

import psycopg
from psycopg import sql

from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.ids import new_id
from glasshouse.promises import evidence, held, opened, oracle
from glasshouse.promises.findings import Finding, Steps
from glasshouse.promises.front_door import Visitor
from glasshouse.promises.oracle import Column
from glasshouse.promises.registry import check
from glasshouse.promises.stage import open_stage

Link: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"
REFERENCE = "a key to another table"  # It holds what that table's key holds, whose own column is looked at.
NEWEST = 20  # rows of a table whose values are opened
LOOKED_AT = 500  # values of a sealed column, wherever in the table they stand
CLASSED = {"personal", "confidential", "crop"}
LIBRARIES = ("django_", "procrastinate_")  # Their texts are names of our own code and ids; no form reaches them.
# Readable by their nature: what the service publishes itself.
PUBLISHED = {
    ("notices_text", "body"),
    ("notices_text", "summary"),
    ("notices_version", "facts"),
    ("notices_version", "tables"),
    ("promises_result", "evidence"),
    ("promises_result", "figure"),
    ("rights_assessment", "purpose"),
}
UNSEALED = (
    r"^([0-9a-f]{64}|argon2\$argon2id\$[!-~]{40,180})$"  # of what is personal and not sealed: a hash, and nothing else
)
SENTENCES = ("Ada Lovelace lives in Delft", "ada@grower.example", "+31 6 12345678", "Überlingen")
MOST_READABLE = 6.0  # bits of entropy a byte, which sealed bytes in plenty are far above and texts below


@check(
    "PRI-02",
    steps=(
        "Every column of both databases is read from their catalogues, every column of the crop store from the store itself.",
        "Each is looked for in the record of processing, as the public page has it. What it does not list must be a number or a "
        "time, or a text column whose CHECK in the catalogue refuses a name, an address, a telephone number.",
        "Of what it lists as personal or confidential, values are read: they must be sealed bytes, or a hash. The newest "
        "are opened, a probe's among them.",
        "The documents page is opened: the terms and the notice must be there, with versions.",
    ),
    oracle="The catalogues of the databases and of the crop store; stored bytes; CHECKs, evaluated by the database with "
    "sentences; a decryption of the check's own.",
)
def classification() -> Finding:
    """Every column of every store is classed, and holds what its class lets it hold."""
    steps, visitor = Steps(), Visitor()
    try:
        answer = visitor.get("/trust/data?format=json")
        documents = visitor.get("/documents")
    finally:
        visitor.close()
    if answer.status_code != 200:
        raise UnavailableError(f"The record of processing is answered {answer.status_code}.")
    listed = _listed(answer.json()["activities"])
    columns = [*oracle.columns(oracle.PEOPLE), *oracle.columns(oracle.VAULT)]
    _listed_exist(steps, listed, columns)
    hidden = [f"{database}.{name}" for database in (oracle.PEOPLE, oracle.VAULT) for name in oracle.beside(database)]
    steps.expect("no view holds a copy, and no table stands in another schema", not hidden, _few(hidden))
    declared = {f"{row.store}.{row.table}.{row.column}" for row in evidence.whole_map() if row.entry}
    unclassed = [place for place in map(_place, columns) if place not in declared]
    steps.expect(
        f"each of {len(columns)} columns of both databases has an entry in the data map", not unclassed, _few(unclassed)
    )
    _queued(steps)
    for database in (oracle.PEOPLE, oracle.VAULT):
        with oracle.reading(database) as link:
            own = [column for column in columns if column.database == database]
            _unlisted(steps, link, database, [column for column in own if _place(column) not in listed])
            _looked_at(steps, link, database, [column for column in own if _place(column) in listed])
    _opens(steps, sorted({column.table for column in columns if column.kind == "bytea" and _place(column) in listed}))
    _crops(steps, listed)
    good = documents.status_code == 200 and "terms" in documents.text.lower() and "privacy" in documents.text.lower()
    versions = oracle.rows(
        "SELECT document, count(*) FROM notices_version WHERE in_force_at <= now() AND number > 0 GROUP BY document"
    )
    steps.expect("terms and notice are documents with a version in force", good and len(versions) >= 2)
    return steps.judged(
        f"{len(columns)} columns of both databases and those of the crop store: all classed, and as they are classed"
    )


def _queued(steps: Steps) -> None:
    """What waits in the queue of jobs: ids and words of our own code."""
    question: LiteralString = (
        "SELECT count(*) FROM procrastinate_jobs WHERE jsonb_path_exists(args, "
        """'$.** ? (@.type() == "string" && !(@ like_regex "^[a-z0-9._:-]{0,80}$"))')"""
    )
    written_texts = oracle.value(question)
    steps.expect("no queued job holds a text that somebody wrote", written_texts == 0, f"{written_texts} do")


def _place(column: Column) -> str:
    return f"{column.database}.{column.table}.{column.name}"


def _listed(activities: list[dict[str, Any]]) -> dict[str, str]:
    """Class of each column that the public record of processing names."""
    return {place: activity["classification"] for activity in activities for place in activity["columns"]}


def _listed_exist(steps: Steps, listed: dict[str, str], columns: list[Column]) -> None:
    real = {_place(column) for column in columns}
    gone = [place for place in listed if not place.startswith("crops.") and place not in real]
    steps.expect(
        f"each of {len(listed)} columns that the record of processing names is there",
        bool(listed) and not gone,
        _few(gone),
    )
    unknown = {place for place, classed in listed.items() if classed not in CLASSED}
    steps.expect("each of them has one of the classes", not unknown, _few(unknown))


def _few(places: Any) -> str:
    return ", ".join(sorted(places)[:3])


def _checks(link: Link) -> dict[tuple[str, str], list[str]]:
    """The expressions of the CHECKs on each column alone, by table and column; a foreign key's is REFERENCE."""
    question = (
        "SELECT c.conrelid::regclass::text, a.attname, coalesce(pg_get_expr(c.conbin, c.conrelid), %s) FROM pg_constraint c "
        "JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] "
        "WHERE c.contype IN ('c', 'f') AND cardinality(c.conkey) = 1 AND c.connamespace = 'public'::regnamespace"
    )
    expressions: dict[tuple[str, str], list[str]] = {}
    for table, column, expression in link.execute(question, [REFERENCE]).fetchall():
        expressions.setdefault((str(table), str(column)), []).append(str(expression))
    return expressions


def _unlisted(steps: Steps, link: Link, database: str, columns: list[Column]) -> None:
    checks, open_texts, open_bytes, texts = _checks(link), [], [], 0
    for column in columns:
        if column.table.startswith(LIBRARIES) or (column.table, column.name) in PUBLISHED:
            continue
        if column.kind == "bytea" and _place(column) != "vault.vault_data_key.wrapped":
            open_bytes.append(_place(column))
        elif _is_text(column.kind):
            texts += 1
            own = checks.get((column.table, column.name), [])
            if REFERENCE not in own and not any(_refuses(link, column, expression) for expression in own):
                open_texts.append(_place(column))
    claim = f"each of {texts} text columns of {database} that no class is told of has a CHECK that refuses what people write"
    steps.expect(claim, not open_texts, _few(open_texts))
    steps.expect(f"no column of {database} with bytes is unclassed", not open_bytes, _few(open_bytes))


def _is_text(kind: str) -> bool:
    numbers = (
        "bigint",
        "integer",
        "smallint",
        "boolean",
        "timestamp",
        "date",
        "bytea",
        "numeric",
        "double",
        "real",
        "interval",
    )
    return not kind.startswith(numbers)


def _refuses(link: Link, column: Column, expression: str) -> bool:
    """Whether a CHECK refuses every sentence, as the database itself evaluates it."""
    for sentence in SENTENCES:
        value: sql.Composable = sql.Literal(sentence)
        if column.kind.endswith("[]"):
            value = sql.SQL("ARRAY[{}]").format(value)
        elif column.kind == "jsonb":
            value = sql.SQL("jsonb_build_object('note', {}::text)").format(value)
        kind = sql.SQL(column.kind.partition("(")[0] + ("[]" if column.kind.endswith("[]") else ""))
        written = sql.SQL("SELECT CAST({} AS {}) AS {}").format(value, kind, sql.Identifier(column.name))
        question = sql.SQL("SELECT {} FROM ({}) AS written").format(sql.SQL(expression), written)
        row = link.execute(question).fetchone()
        if row is None or row[0] is not False:
            return False
    return True


def _looked_at(steps: Steps, link: Link, database: str, columns: list[Column]) -> None:
    readable, count = [], 0
    for column in columns:
        values = list(_values(link, column))
        count += len(values)
        if column.kind == "bytea":
            good = all(opened.is_sealed(value) for value in values) and not _looks_readable(values)
        else:
            good = not _unhashed(link, column)
        if not good:
            readable.append(_place(column))
    if columns:
        claim = f"what {len(columns)} personal and confidential columns of {database} hold is sealed, or a hash"
        steps.expect(claim, not readable, _few(readable))


def _opens(steps: Steps, tables: list[str]) -> None:
    """What looks sealed is: the newest values open with a key that their row names. A probe sees to it that there are some."""
    with open_stage() as stage:
        stage.site(stage.grower(), f"Probe {new_id()}")
        closed = [value for table in tables for value in held.closed_in(table, NEWEST)]
    claim = f"in each of {len(tables)} tables the newest sealed values open with a key that their row names"
    steps.expect(claim, bool(tables) and not closed, held.places(closed))


def _values(link: Link, column: Column) -> Iterator[bytes]:
    """Some values of a bytea column, wherever they stand in the table."""
    if column.kind == "bytea":
        name, table = sql.Identifier(column.name), sql.Identifier(column.table)
        question = sql.SQL("SELECT {} FROM {} WHERE {} IS NOT NULL ORDER BY ctid DESC LIMIT {}")
        for row in link.execute(question.format(name, table, name, sql.Literal(LOOKED_AT))).fetchall():
            yield bytes(row[0])


def _looks_readable(values: list[bytes]) -> bool:
    """Whether bytes in plenty have less disorder than sealed ones have."""
    body = b"".join(value[2:] for value in values)
    if len(body) < 2_000:
        return False
    shares = [count / len(body) for count in Counter(body).values()]
    return -sum(share * math.log2(share) for share in shares) < MOST_READABLE


def _unhashed(link: Link, column: Column) -> int:
    """How many values of a text column are no hash."""
    name, table = sql.Identifier(column.name), sql.Identifier(column.table)
    question = sql.SQL("SELECT count(*) FROM {} WHERE {} IS NOT NULL AND {}::text !~ {}")
    row = link.execute(question.format(table, name, name, sql.Literal(UNSEALED))).fetchone()
    return int(row[0]) if row else 0


def _crops(steps: Steps, listed: dict[str, str]) -> None:
    real = evidence.crop_columns()
    wrong = []
    for column in real:
        place = f"crops.{column.table}.{column.column}"
        as_listed = (column.classification == "crop") == (listed.get(place) == "crop")
        if not as_listed or column.classification not in ("crop", "technical"):
            wrong.append(place)
    claim = f"each of {len(real)} columns of the crop store is crop data or technical, as the record says"
    steps.expect(claim, bool(real) and not wrong, _few(wrong))
