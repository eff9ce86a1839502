"""Which share of the schema's personal columns each right reaches, computed from the models and the data map, never listed.

Source: PRI-18, PRI-21, PRI-22, PRI-24.
"""

from typing import NamedTuple

from django.apps import apps
from django.db import models

from glasshouse.rowsecurity.policies import hidden_by_address, restrictable
from glasshouse.subject import inventory
from glasshouse.vault.datamap import Class, OnErasure, Row, people_rows
from glasshouse.vault.declarations import ErasedBy, models_by_address


class Coverage(NamedTuple):
    """How many personal columns a right reaches, of how many there are."""

    right: str
    reached: int
    total: int


def _personal() -> list[Row]:
    return [row for row in people_rows([]) if row.entry and row.entry.classification is Class.PERSONAL]


def _models() -> dict[str, type[models.Model]]:
    return {model._meta.db_table: model for model in apps.get_models()}


def _goes_with(table: str, doomed: set[str]) -> bool:
    """Whether a table's rows go with rows that are deleted: by a key that cascades."""
    model = _models()[table]
    return any(
        field.remote_field.model._meta.db_table in doomed and field.remote_field.on_delete is models.CASCADE
        for field in model._meta.local_concrete_fields
        if field.is_relation and field.remote_field is not None
    )


def _erased(rows: list[Row]) -> int:
    """Columns whose rows an erasure deletes, or whose key it destroys; a hash on nobody's row ends by its rule within a day."""
    doomed = inventory.tables() | {
        model._meta.db_table for model, declared in models_by_address() if declared.erased_by is not ErasedBy.NOBODY
    }
    while more := {row.table for row in rows if _goes_with(row.table, doomed)} - doomed:
        doomed |= more
    doomed |= {row.table for row in rows if row.entry and "day after" in row.entry.retention}
    return sum(row.table in doomed and row not in _outlasting(rows) for row in rows)


def _outlasting(rows: list[Row]) -> list[Row]:
    """Columns that outlive an erasure by law, or because the person wants it so, as their entries say; each with its end."""
    return [row for row in rows if row.entry and row.entry.erasure is OnErasure.KEEP]


def coverage() -> list[Coverage]:
    """How far each right reaches. Source: PRI-18, PRI-21, PRI-22, PRI-24."""
    rows = _personal()
    total, missing = inventory.view_coverage()
    in_view, outlasting = total - len(missing), len(_outlasting(rows))
    hidden = set(restrictable()) | hidden_by_address()
    hidden_count = sum(row.table in hidden for row in rows)
    by_hand = sum(bool(row.entry and row.entry.rectified_by) for row in rows)
    return [
        Coverage("view", in_view, total),
        Coverage("export", in_view, total),  # It is made of the view, value by value; a live check compares the two.
        Coverage("rectification by the person (the rest on request)", by_hand, total),
        Coverage("restriction (the rest: the way in, and what is unsealed)", hidden_count, total),
        Coverage(f"erasure, or stored until the law lets it end ({outlasting})", _erased(rows) + outlasting, total),
        Coverage("a retention rule", sum(bool(row.entry and row.entry.retention) for row in rows), total),
    ]
