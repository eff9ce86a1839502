"""Which customers have rows of a kind: one question a customer, whatever the number of tables.

A row policy shows a job the rows of one customer at a time, so whoever looks for rows of all customers asks once for each. To ask
for each table besides made a deletion run slow where there are many customers.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import DatabaseError, connection, models

from glasshouse.access import api as access
from glasshouse.kernel.actor import JOB, Actor
from glasshouse.queues import progress

Kind = TypeVar("Kind")
Rows = models.QuerySet[models.Model]


def all_customers() -> list[Actor]:
    """The job, acting for each customer."""
    return [JOB.for_organisation(organisation) for organisation in access.all_organisations()]


def customers_with(rows: Mapping[Kind, Rows]) -> dict[Kind, list[Actor]]:
    """Kind -> the job, acting for each customer of whom a row of that kind is there.

    Where a question fails, every kind counts as there: whoever then looks table by table finds out which one it is.
    """
    having: dict[Kind, list[Actor]] = {kind: [] for kind in rows}
    asked = {kind: question for kind, each in rows.items() if (question := _question(each))}
    if not asked:
        return having
    statement = "SELECT " + ", ".join(f"EXISTS ({sql})" for sql, _ in asked.values())
    values = [value for _, some in asked.values() for value in some]
    for actor in all_customers():
        progress.report()
        for kind in _there(actor, list(asked), statement, values):
            having[kind].append(actor)
    return having


def _question(rows: Rows) -> "tuple[str, tuple[Any, ...]] | None":
    """SQL that asks for one row, and its values; None: no row can be there."""
    try:
        return rows.order_by().values("pk")[:1].query.sql_with_params()
    except EmptyResultSet:
        return None


def _there(actor: Actor, kinds: list[Kind], statement: str, values: list[Any]) -> list[Kind]:
    try:
        with access.organisation_transaction(actor), connection.cursor() as cursor:
            cursor.execute(statement, values)
            answers = cursor.fetchone() or ()
    except DatabaseError:
        return kinds
    return [kind for kind, is_there in zip(kinds, answers, strict=True) if is_there]
