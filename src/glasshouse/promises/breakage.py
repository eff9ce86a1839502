"""What a breakage is: one change that breaks a promise on purpose, so that it can be seen whether the promise's check notices.

A breakage is data, or a small function. It is applied to a scratch service only (`operations/mutation`), and always taken back.
"""

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from glasshouse.kernel import users


class Kind(StrEnum):
    """Where a breakage changes something."""

    CODE = "code"
    DATABASE = "database"
    CONFIGURATION = "configuration"
    ENVIRONMENT = "environment"


class Place(Protocol):
    """The scratch service, as a breakage of the environment sees it. Ports are those of this machine's loopback."""

    @property
    def data(self) -> Path:
        """The data folder."""

    @property
    def keys(self) -> Path:
        """The folder of the keys."""

    @property
    def port(self) -> int:
        """Port of the web door."""

    @property
    def crops_port(self) -> int:
        """Port of the crops service."""

    @property
    def mail_port(self) -> int:
        """Port of inbound SMTP."""

    def process_of(self, part: str) -> int:
        """The process number of a part, such as "worker"."""

    def execute(self, sql: str, database: str = "people") -> None:
        """Execute SQL as the store's administrator."""

    def restart(self, parts: Sequence[str], variables: Mapping[str, str | None] = {}, user: str = "") -> None:
        """Start parts again, with other variables where some are given (None: without it), and wait for their doors.

        user: the part as whose user they run; each as its own unless named.
        """

    def without_mail_server(self) -> AbstractContextManager[None]:
        """While the block lasts, the mail server that takes outgoing mail is not there."""


@dataclass(frozen=True, slots=True)
class Code:
    """A text in a source file, replaced by another. file: below src; before: stands there exactly once; parts: start again.

    tables: whether tables, rights and policies come from what is changed.
    """

    file: str
    before: str
    after: str
    parts: tuple[str, ...] = ()
    tables: bool = False
    kind: Kind = field(default=Kind.CODE, init=False)


@dataclass(frozen=True, slots=True)
class Database:
    """SQL, as the store's administrator. undo: takes it back; empty: rights and policies are written anew."""

    sql: str
    undo: str = ""
    database: str = "people"
    kind: Kind = field(default=Kind.DATABASE, init=False)


@dataclass(frozen=True, slots=True)
class Configuration:
    """Environment variables with which parts are started again; the check is run with them too."""

    variables: Mapping[str, str]
    parts: tuple[str, ...]
    kind: Kind = field(default=Kind.CONFIGURATION, init=False)


@dataclass(frozen=True, slots=True)
class Environment:
    """A change of what surrounds the service, for the length of a block."""

    change: Callable[[Place], AbstractContextManager[None]]
    kind: Kind = field(default=Kind.ENVIRONMENT, init=False)


Change = Code | Database | Configuration | Environment


@dataclass(frozen=True, slots=True)
class Breakage:
    """One breakage of a promise. name: a plain sentence, of no other breakage. also: promises that are rightly red with it.

    quick: it needs no part to start again, and is tried in every test run. needs_root: it is none where all
    parts run as one user.
    """

    promise: str
    name: str
    change: Change
    quick: bool = False
    also: tuple[str, ...] = ()
    needs_root: bool = False

    @property
    def is_possible(self) -> bool:
        """Whether it can be applied to a service that this process starts."""
        return users.are_apart() or not self.needs_root

    @property
    def kind(self) -> Kind:
        """Where it changes something."""
        return self.change.kind


# -- what several breakages do -------------------------------------------------------------------------------------

PAST = (
    "SET session_replication_role = replica"  # past triggers and foreign keys, and as the administrator past policies
)


def changed_rows(table: str, where: str = "true", **values: str) -> Database:
    """Other values in rows of a table, past triggers and policies. where, and each column's value: SQL.

    What stood there is stored meanwhile in a schema of its own, and put back.
    """
    columns = ", ".join(values)
    new = ", ".join(f"{column} = {value}" for column, value in values.items())
    old = ", ".join(f"{column} = r.{column}" for column in values)
    return Database(
        f"{PAST}; CREATE SCHEMA broken; CREATE TABLE broken.rows AS SELECT id, {columns} FROM {table} WHERE {where}; "
        f"UPDATE {table} SET {new} WHERE id IN (SELECT id FROM broken.rows)",
        f"{PAST}; UPDATE {table} t SET {old} FROM broken.rows r WHERE r.id = t.id; DROP SCHEMA broken CASCADE",
    )


def lost_rows(table: str, where: str) -> Database:
    """Rows of a table that are not there any more, past triggers and policies; they are put back."""
    return Database(
        f"{PAST}; CREATE SCHEMA broken; CREATE TABLE broken.rows AS SELECT * FROM {table} WHERE {where}; "
        f"DELETE FROM {table} WHERE {where}",
        f"{PAST}; INSERT INTO {table} SELECT * FROM broken.rows ON CONFLICT DO NOTHING; DROP SCHEMA broken CASCADE",
    )


def triggered(table: str, before: str, body: str, database: str = "people") -> Database:
    """A trigger before each row that is written. before: INSERT, UPDATE or DELETE; body: PL/pgSQL."""
    return Database(
        "CREATE SCHEMA broken; GRANT USAGE ON SCHEMA broken TO PUBLIC; "
        f"CREATE FUNCTION broken.act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$; "
        f"CREATE TRIGGER broken BEFORE {before} ON {table} FOR EACH ROW EXECUTE FUNCTION broken.act()",
        f"DROP TRIGGER broken ON {table}; DROP SCHEMA broken CASCADE",
        database,
    )


def policy(table: str, terms: str) -> Database:
    """One more row policy on a table. terms: what follows the table's name in CREATE POLICY."""
    return Database(f"CREATE POLICY broken ON {table} {terms}", f"DROP POLICY broken ON {table}")


def answering(function: str, returns: str, body: str) -> Database:
    """A function of the database that answers something else. function: name and arguments, as they are declared."""
    simple = not returns.startswith(("SETOF", "TABLE"))
    language, text = ("plpgsql", f"BEGIN RETURN ({body}); END") if simple else ("sql", body)
    return Database(
        f"CREATE OR REPLACE FUNCTION {function} RETURNS {returns} LANGUAGE {language} STABLE SECURITY DEFINER "
        f"SET search_path = public AS $$ {text} $$"
    )


@contextmanager
def executed(place: Place, change: Database) -> Iterator[None]:
    """A change of the database, as a part of a breakage of the environment."""
    place.execute(change.sql, change.database)
    try:
        yield
    finally:
        place.execute(change.undo, change.database)


@contextmanager
def stopped(place: Place, part: str) -> Iterator[None]:
    """A part that does nothing any more, and has not ended."""
    process = place.process_of(part)
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


@contextmanager
def planted(path: Path, content: bytes) -> Iterator[None]:
    """A file that is not there otherwise."""
    path.write_bytes(content)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
