"""What a breakage is: one change that breaks a promise on purpose, so that it can be seen whether the promise's check notices.

A breakage is data, or a small function. It is applied to a scratch service only (`operations/mutation`), and always taken back.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol


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

    quick: it needs no part to start again, and is tried in every test run.
    """

    promise: str
    name: str
    change: Change
    quick: bool = False
    also: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """Where it changes something."""
        return self.change.kind


def changed_rows(table: str, column: str, value: str, where: str = "true") -> Database:
    """A value in rows of a table, changed past triggers and policies, and put back. value, where: SQL.

    What stood there is stored meanwhile in a schema of its own.
    """
    past = "SET session_replication_role = replica"
    return Database(
        f"{past}; CREATE SCHEMA broken; CREATE TABLE broken.rows AS SELECT id, {column} AS value FROM {table} WHERE {where}; "
        f"UPDATE {table} SET {column} = {value} WHERE {where}",
        f"{past}; UPDATE {table} t SET {column} = r.value FROM broken.rows r WHERE r.id = t.id; DROP SCHEMA broken CASCADE",
    )
