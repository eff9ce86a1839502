"""The database as the application's own role meets it, so that a check sees what holds whatever the code does."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings

from glasshouse.kernel.errors import UnavailableError
from glasshouse.promises.stage import Resident

Statement = tuple[str, Sequence[object]]
Link = psycopg.Connection[tuple[Any, ...]]


@contextmanager
def _as_app() -> Iterator[Link]:
    """A transaction of the application's role, of which nothing is kept. Raises UnavailableError."""
    try:
        link: Link = psycopg.connect(
            **settings.REACHED["people"],  # type: ignore[arg-type]
            user="glasshouse_app",
            password=(settings.KEYS_FOLDER / "app.secret").read_text(),
            options="-c statement_timeout=30000",
        )
    except (OSError, psycopg.OperationalError) as error:
        raise UnavailableError("The application's role cannot sign in to the database.") from error
    try:
        yield link
    finally:
        link.rollback()
        link.close()


def _asked(link: Link, question: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
    return link.execute(question, list(values)).fetchall()


def seen_by(resident: Resident, question: str, *values: object) -> list[tuple[Any, ...]]:
    """The rows that the database shows to a probe in its organisation."""
    with _as_app() as link:
        act(link, resident.organisation, resident.account)
        return _asked(link, question, values)


def act(link: Link, organisation: str, account: str, *, kind: str = "person") -> None:
    """Let a role say for whom it acts, until the transaction ends: an account, in an organisation. kind: `person` or `staff`."""
    for name, value in (("organisation", organisation), ("account", account), ("kind", kind)):
        link.execute("SELECT set_config(%s, %s, true)", [f"glasshouse.{name}", value])


def seen_as(role: str, question: str, *values: object) -> list[tuple[Any, ...]]:
    """The rows that the database shows to a role that acts for nobody. role: `app`, or `support`, which app may become.

    A table that it may not read at all shows none.
    """
    with _as_app() as link:
        if role == "support":
            link.execute("SET LOCAL ROLE glasshouse_support")
        try:
            return _asked(link, question, values)
        except psycopg.errors.InsufficientPrivilege:
            return [(0,)]


def refusal(*statements: Statement) -> str:
    """Why the database refuses what the application's role writes: a constraint or a code; "" where it takes all.

    Nothing is kept, whatever the database says.
    """
    with _as_app() as link:
        try:
            for statement, values in statements:
                link.execute(statement, list(values))
            link.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except psycopg.Error as error:
            return error.diag.constraint_name or error.sqlstate or type(error).__name__
    return ""
