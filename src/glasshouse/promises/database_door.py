"""The database as the application's own role meets it, so that a check sees what holds whatever the code does."""

from collections.abc import Sequence

from django.db import DatabaseError, connection, transaction

from glasshouse.access import api as access
from glasshouse.kernel.actor import Actor, ActorKind
from glasshouse.kernel.ids import AccountId, OrganisationId, PersonId
from glasshouse.promises.stage import Resident
from glasshouse.rowsecurity.connections import DatabaseRole, connected_as

Statement = tuple[str, Sequence[object]]


def seen_by(resident: Resident, question: str, *values: object) -> list[tuple[object, ...]]:
    """The rows that the database shows to a probe in its organisation."""
    actor = Actor(
        ActorKind.PERSON, AccountId(resident.account), PersonId(resident.person), OrganisationId(resident.organisation)
    )
    with (
        connected_as(DatabaseRole.APP),
        access.organisation_transaction(actor),
        connection.cursor() as cursor,
    ):
        cursor.execute(question, list(values))
        return [tuple(row) for row in cursor.fetchall()]


def seen_as(role: str, question: str, *values: object) -> list[tuple[object, ...]]:
    """The rows that the database shows to a role that acts for nobody. role: `app`, or `support`, which app may become."""
    with connected_as(DatabaseRole.APP), transaction.atomic(), connection.cursor() as cursor:
        if role == "support":
            cursor.execute("SET LOCAL ROLE glasshouse_support")
        cursor.execute(question, list(values))
        return [tuple(row) for row in cursor.fetchall()]


def refusal(*statements: Statement) -> str:
    """Why the database refuses what the application's role writes: a constraint or a code; "" where it takes all.

    Nothing is kept, whatever the database says.
    """
    try:
        with connected_as(DatabaseRole.APP), transaction.atomic(), connection.cursor() as cursor:
            for statement, values in statements:
                cursor.execute(statement, list(values))
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            transaction.set_rollback(True)
    except DatabaseError as error:
        cause = error.__cause__
        details = getattr(cause, "diag", None)
        return str(getattr(details, "constraint_name", "") or getattr(cause, "sqlstate", "") or type(error).__name__)
    return ""
