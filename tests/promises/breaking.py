"""Ways to break a running service in its database, for tests of promise checks, each put back at the end."""

from collections.abc import Iterator
from contextlib import contextmanager

from glasshouse.operations.installation import Installation
from tests.conftest import administering


@contextmanager
def done_and_undone(home: Installation, do: str, undo: str, database: str = "people") -> Iterator[None]:
    """A statement is in force for the length of the block."""
    with administering(home, database) as link:
        link.execute(do)  # type: ignore[arg-type]
        try:
            yield
        finally:
            link.execute(undo)  # type: ignore[arg-type]


@contextmanager
def trigger(home: Installation, table: str, when: str, body: str, database: str = "people") -> Iterator[None]:
    """A trigger does something to each row: when is such as BEFORE DELETE, body PL/pgSQL that returns."""
    function = (
        f"CREATE FUNCTION sabotage() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN {body} END$$; "
        f"CREATE TRIGGER a_sabotage {when} ON {table} FOR EACH ROW EXECUTE FUNCTION sabotage()"
    )
    with done_and_undone(home, function, "DROP FUNCTION sabotage() CASCADE", database):
        yield
