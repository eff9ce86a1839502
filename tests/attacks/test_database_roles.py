"""No role that works for the service has a place to put things where nobody looks: large objects, other databases, own tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from glasshouse.operations import postgres
from glasshouse.operations.installation import Installation

PLACES = [(postgres.PEOPLE, role) for role in ("app", "person", "job", "relay", "support", "auditor")] + [
    (postgres.VAULT, role) for role in ("vault", "auditor")
]
LARGE_OBJECTS = (
    "lo_creat(-1)",
    "lo_create(0)",
    "lo_from_bytea(0, 'x')",
    "lo_put(1, 0, 'x')",
    "lo_open(1, 131072)",
    "lowrite(0, 'x')",
    "lo_unlink(1)",
    "lo_get(1)",
    "lo_import('/etc/hostname')",
    "lo_export(1, '/tmp/x')",
)


@contextmanager
def entered(home: Installation, database: str, role: str, other: str = "") -> Iterator["psycopg.Connection[Any]"]:
    """A connection as a role of a store. other: a database that is not its own."""
    cluster = postgres.store_of(home, database)
    password = cluster.secret(role).read_text()
    name = f"glasshouse_{role}"
    with psycopg.connect(
        host=str(cluster.sockets), user=name, password=password, dbname=other or database, autocommit=True
    ) as link:
        yield link


@pytest.mark.parametrize(("database", "role"), PLACES)
def test_a_role_makes_no_large_object(home: Installation, database: str, role: str) -> None:
    with entered(home, database, role) as link:
        for call in LARGE_OBJECTS:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                link.execute(f"SELECT {call}".encode())


@pytest.mark.parametrize(("database", "role"), PLACES)
@pytest.mark.parametrize("other", ["postgres", "template1"])
def test_a_role_enters_no_other_database(home: Installation, database: str, role: str, other: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied"), entered(home, database, role, other):
        pass


@pytest.mark.parametrize(("database", "role"), PLACES)
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE public.mine (a int)",
        "CREATE TEMP TABLE mine (a int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE DATABASE mine",
        "CREATE ROLE mine",
        "CREATE EXTENSION file_fdw",
        "COPY (SELECT 1) TO '/tmp/mine'",
        "COPY (SELECT 1) TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/hostname')",
        "ALTER SYSTEM SET log_min_messages = 'debug5'",
    ],
)
def test_a_role_makes_nothing_of_its_own(home: Installation, database: str, role: str, statement: str) -> None:
    refusals = (psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile)
    with entered(home, database, role) as link, pytest.raises(refusals):
        link.execute(statement.encode())
