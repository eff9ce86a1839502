"""Columns that end before their row does (`emptied` of a model): found, emptied, and their files removed. Source: PRI-18."""

from datetime import timedelta

from django.db import models

from glasshouse.kernel import clock
from glasshouse.kernel.ids import BlobId
from glasshouse.vault import blobs
from glasshouse.vault.datamap import emptied_of


def _nothing_in(field: "models.Field[object, object]") -> object:
    return None if field.null else ""


def due(model: type[models.Model]) -> "models.QuerySet[models.Model]":
    """Rows of a model in which a column that has ended is not empty yet; none where no column ends before its row."""
    emptied = emptied_of(model)
    if emptied is None:
        return model._default_manager.none()
    is_filled = models.Q()
    for name in emptied.columns:
        is_filled |= ~models.Q(**{name: _nothing_in(model._meta.get_field(name))})  # type: ignore[arg-type]
    ended = {f"{emptied.column}__lt": clock.now() - timedelta(days=emptied.days)}
    return model._default_manager.filter(is_filled, **ended).order_by("pk")


def empty(rows: "models.QuerySet[models.Model]") -> int:
    """Empty the columns of rows that have ended, in the caller's transaction, then remove their files; returns how many rows."""
    emptied = emptied_of(rows.model)
    if emptied is None:
        return 0
    fields = [rows.model._meta.get_field(name) for name in emptied.columns]
    files = [field.name for field in fields if hasattr(field, "blob_key_owner")]
    keys, names = [], []
    for values in rows.values("pk", *files):
        keys.append(values["pk"])
        names += [str(values[name]) for name in files if values[name]]
    rows.model._default_manager.filter(pk__in=keys).update(
        **{field.name: _nothing_in(field) for field in fields}  # type: ignore[arg-type]
    )
    for name in names:  # After the rows: what the database keeps has its file still.
        blobs.remove(BlobId(name))
    return len(keys)
