"""Which role of the people store a thread works as.

PostgreSQL cannot verify that a transaction is a background job's, or a person's own act. So it is told by the role that has
signed in, never by a setting alone, which any statement could make:

- `owner` changes tables, and does nothing else.
- `app` answers pages. The row policies look up whatever it says of itself.
- `person` runs a person's own acts: it sees that person's rows although their use is restricted.
- `job` runs background jobs: it sees an organisation's rows without being a member.

The last two have the rights of `app`, and the settings that name a person or a job count for them alone (`settings.py`).

Four more roles have one task each:

- `relay` chains events: it reads them all and writes the chain, by a connection of its own (`events`).
- `support` is what `app` becomes for a transaction of the staff (`SET LOCAL ROLE`): it sees what a live grant opens.
- `auditor` reads every row, whose personal values are sealed, and changes none. Promise checks judge by it.
- `backup` copies the files of the people store for the checks (`REPLICATION`), and may connect to no database.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from enum import StrEnum

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections

EVERYBODY = "*"  # Restricted persons' rows are seen, too. For jobs only.
_person: ContextVar[str] = ContextVar("person", default="")


class DatabaseRole(StrEnum):
    """A role that a thread may work as. Its name is that of its connection in the settings, and the end of the role's name."""

    OWNER = "owner"
    APP = "app"
    PERSON = "person"
    JOB = "job"


def current_role() -> DatabaseRole:
    """The role of this thread's connection."""
    return DatabaseRole(str(connection.settings_dict["USER"]).removeprefix("glasshouse_"))


@contextmanager
def connected_as(role: DatabaseRole) -> Iterator[None]:
    """The length of the block this thread's default connection is one of the role. Not within a transaction of another role.

    Raises RuntimeError there: what is done in the block would not be part of that transaction.
    """
    if current_role() is role or (role is DatabaseRole.PERSON and current_role() is DatabaseRole.JOB):
        yield
        return
    before = connections[DEFAULT_DB_ALIAS]
    if before.in_atomic_block:
        raise RuntimeError(f"A transaction of {current_role()} is open. Begin what {role} does before it.")
    connections[DEFAULT_DB_ALIAS] = connections[role]
    try:
        with _with_person(_person.get()):
            yield
    finally:
        connections[DEFAULT_DB_ALIAS] = before


@contextmanager
def acting_for(person: str) -> Iterator[None]:
    """The length of the block is an act of this person, or one that the law wants for them. EVERYBODY: of storing only."""
    if _person.get() == person:
        yield
        return
    with connected_as(DatabaseRole.JOB if person == EVERYBODY else DatabaseRole.PERSON):
        token = _person.set(person)
        try:
            with _with_person(person, token.old_value if isinstance(token.old_value, str) else ""):
                yield
        finally:
            _person.reset(token)


@contextmanager
def _with_person(person: str, before: str = "") -> Iterator[None]:
    """The length of the block the database knows, on this connection, whose act it is."""
    if person == before:
        yield
        return
    _set_person(person)
    try:
        yield
    finally:
        with suppress(DatabaseError):  # In a transaction that failed, its end takes the setting back.
            _set_person(before)


def _set_person(person: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('glasshouse.person', %s, false)", [person])
