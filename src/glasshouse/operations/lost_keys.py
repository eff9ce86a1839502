"""What a key store cannot open of the data: what is sealed under keys that are not in it.

Run as a program it prints where sealed values lie: `python -m glasshouse.operations.lost_keys`. It asks no database.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from glasshouse.operations import postgres, service
from glasshouse.operations.installation import Installation, InstallationError
from glasshouse.vault.keys import questions

COLUMNS = (
    "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s"
)


class Place(NamedTuple):
    """A table with sealed columns. what: its rows in plain words; columns: the sealed ones, by that of their key owner."""

    table: str
    what: str
    columns: dict[str, list[str]]


class Lost(NamedTuple):
    """What cannot be opened. owners: how many key owners have lost a key; what: how many of each kind of rows, by plain name."""

    owners: int
    what: dict[str, int]

    def __str__(self) -> str:
        return ", ".join(f"{name}: {count}" for name, count in self.what.items())


def look(home: Installation, link: "psycopg.Connection[Any]") -> Lost:
    """Look through the data, both stores running. link: the key store's administrator, in a transaction.

    What the ledger names is no loss: it is erased.
    """
    link.execute(questions.SEALED_WITH)
    places = _places(home)
    with (
        postgres.people_store(home).reading_all() as data,
        data.transaction(),
        link.cursor() as cursor,
        cursor.copy(questions.PUT_SEALED_WITH) as copy,
    ):
        for place in places:
            for row in _sealed_with(data, place):
                copy.write_row(row)
    owners = postgres.first_value(link, questions.LOST_OWNERS)
    return Lost(int(owners), {str(what): int(count) for what, count in link.execute(questions.LOST_ROWS).fetchall()})


def note(link: "psycopg.Connection[Any]") -> None:
    """Note the keys that `look` found lost as destroyed, in its transaction: so none is made anew in their place."""
    link.execute(questions.NOTE_LOST)


def _places(home: Installation) -> list[Place]:
    environment = service.people_environment(home) | {"GLASSHOUSE_ROLE": "job"}
    command = [sys.executable, "-m", "glasshouse.operations.lost_keys"]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True)
    if finished.returncode:
        raise InstallationError(f"It could not be told where sealed values lie: {finished.stderr.strip()[-500:]}")
    return [Place(*values) for values in json.loads(finished.stdout)]


def _sealed_with(data: "psycopg.Connection[Any]", place: Place) -> Iterator[tuple[str, int, str, int]]:
    """Key owner, generation, name and count of rows. The data may be an earlier version's: what it has not is left out."""
    there = {str(name): str(kind) for name, kind in data.execute(COLUMNS, [place.table]).fetchall()}
    for owner, columns in place.columns.items():
        sealed = [name for name in columns if there.get(name) == "bytea"]
        if owner not in there or not sealed:
            continue
        generations = sql.SQL(", ").join(
            sql.SQL("(CASE WHEN length({0}) > 1 THEN get_byte({0}, 1) END)").format(sql.Identifier("t", name))
            for name in sealed
        )
        question = sql.SQL(
            "SELECT {owner}, v.sealed_with, count(DISTINCT t.ctid) FROM {table} AS t, "
            "LATERAL (VALUES {generations}) AS v(sealed_with) WHERE v.sealed_with > 0 AND {owner} IS NOT NULL GROUP BY 1, 2"
        ).format(owner=sql.Identifier("t", owner), table=sql.Identifier(place.table), generations=generations)
        with data.cursor("sealed_with") as cursor:
            cursor.execute(question)
            for key_owner, generation, count in cursor:
                yield str(key_owner), int(generation), place.what, int(count)


def main() -> None:
    """Print the places as JSON."""
    import django

    django.setup()
    from django.apps import apps

    from glasshouse.vault.fields import SealedField

    places = []
    for model in apps.get_models():
        columns: dict[str, list[str]] = {}
        for field in model._meta.local_concrete_fields:
            if isinstance(field, SealedField):
                owner = str(model._meta.get_field(field.key_owner).column)  # type: ignore[union-attr]
                columns.setdefault(owner, []).append(str(field.column))
        if columns and model._meta.managed:
            places.append(Place(model._meta.db_table, str(model._meta.verbose_name_plural), columns))
    print(json.dumps(places))


if __name__ == "__main__":
    main()
