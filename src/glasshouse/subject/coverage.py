"""Which share of the schema's personal columns each right reaches, computed from the models and the map, never listed.

Source: PRI-18, PRI-21, PRI-22, PRI-24.
"""

from django.apps import apps
from django.db import models

from glasshouse.rowsecurity.policies import hidden_by_address, restrictable
from glasshouse.subject import inventory as view
from glasshouse.vault.datamap import Class, OnErasure, Row, people_rows
from glasshouse.vault.declarations import ErasedBy, models_by_address


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
    doomed = view.tables() | {
        model._meta.db_table for model, declared in models_by_address() if declared.erased_by is not ErasedBy.NOBODY
    }
    while more := {row.table for row in rows if _goes_with(row.table, doomed)} - doomed:
        doomed |= more
    doomed |= {row.table for row in rows if row.entry and "day after" in row.entry.retention}
    return sum(row.table in doomed and row not in _kept(rows) for row in rows)


def _kept(rows: list[Row]) -> list[Row]:
    """Columns that outlive an erasure by law, or because the person wants it so, as their entries say; each with its end."""
    return [row for row in rows if row.entry and row.entry.erasure is OnErasure.KEEP]


def coverage() -> list[tuple[str, int, int]]:
    """(right, personal columns that it reaches, personal columns that there are)."""
    rows = _personal()
    total, missing = view.covered()
    seen, kept = total - len(missing), len(_kept(rows))
    hidden = set(restrictable()) | hidden_by_address()
    by_hand = sum(bool(row.entry and row.entry.rectified_by) for row in rows)
    return [
        ("view", seen, total),
        ("copy", seen, total),  # It is made of the view, value by value; a live check holds one against the other.
        ("correction by one's own hand (the rest on request)", by_hand, total),
        ("restriction (the rest: the way in, and what is unsealed)", sum(row.table in hidden for row in rows), total),
        (f"erasure, or kept by law until its end ({kept})", _erased(rows) + kept, total),
        ("a rule of retention", sum(bool(row.entry and row.entry.retention) for row in rows), total),
    ]
