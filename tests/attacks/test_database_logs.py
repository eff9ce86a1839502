"""What a statement fails on is in no log of the stores: neither the row, nor the value, nor the statement."""

import secrets

import psycopg
import pytest

from glasshouse.operations.installation import Installation
from tests.conftest import administering

FAILING = {
    "a value that stands there already": "INSERT INTO {table} VALUES ('{secret}', 1), ('{secret}', 1)",
    "a row that breaks a rule": "INSERT INTO {table} VALUES ('{secret}', -1)",
    "a row that lacks a value": "INSERT INTO {table} VALUES ('{secret}', NULL)",
    "a text that is no number": "SELECT '{secret}'::int",
    "a text that is no JSON": "SELECT '{{\"{secret}'::json",
    "an error of a function's own": "DO $$ BEGIN RAISE EXCEPTION 'no %', '{secret}'; END $$",
    "a warning": "DO $$ BEGIN RAISE WARNING 'mind %', '{secret}'; END $$",
    "a syntax that is none": "SELECT FROM {secret} WHERE",
    "a statement that takes too long": "SET statement_timeout = 30; SELECT '{secret}', pg_sleep(5)",
}


@pytest.mark.parametrize("database", ["people", "vault"])
def test_no_log_of_a_store_holds_what_a_statement_failed_on(home: Installation, database: str) -> None:
    written = {}
    with administering(home, database) as link:
        link.execute("CREATE TEMP TABLE attacked (name text PRIMARY KEY, number int NOT NULL CHECK (number > 0))")
        for kind, statement in FAILING.items():
            written[kind] = secret = f"marker{secrets.token_hex(8)}"
            try:
                link.execute(statement.format(table="attacked", secret=secret).encode())
            except psycopg.Error:
                continue
            assert kind == "a warning", "it fails"
    logs = "".join(path.read_text(errors="replace") for path in (home.data / "logs").iterdir())
    assert [kind for kind, secret in written.items() if secret in logs] == []
