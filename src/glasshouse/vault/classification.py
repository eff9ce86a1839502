"""Marks on plain columns: their entry of the data map. Sealed columns are in `fields.py`."""

from typing import Any, TypeVar

from django.db import models

from glasshouse.vault.datamap import PUBLISHED, TECHNICAL, Basis, Class, Entry, OnErasure, Subject

F = TypeVar("F", bound="models.Field[Any, Any]")


def blob_ref(field: F, *, key_owner: str) -> F:
    """A column that names a blob; `key owner` names the attribute with the id of the key owner whose key seals it."""
    field.entry, field.blob_key_owner = TECHNICAL, key_owner  # type: ignore[attr-defined]
    return field


def mapped(field: F, entry: Entry) -> F:
    """The field, carrying its entry."""
    field.entry = entry  # type: ignore[attr-defined]
    return field


def technical(field: F) -> F:
    """A field that runs the service and says nothing of anybody: ids, times, states, numbers of tries."""
    return mapped(field, TECHNICAL)


def published(field: F) -> F:
    """A field that is written to be shown to everybody, word for word: not sealed, so that the database can hold it unchanged."""
    return mapped(field, PUBLISHED)


def hashed(
    field: F, category: str, purpose: str, *, erasure: OnErasure = OnErasure.DELETE, rectified_by: str = ""
) -> F:
    """A keyed hash by which a sealed value is found: a pseudonym, so personal (GDPR recital 26)."""
    entry = Entry(
        Class.PERSONAL,
        category,
        Subject.PERSON,
        purpose,
        Basis.CONTRACT,
        "with the value it stands for",
        erasure,
        rectified_by=rectified_by,
    )
    return mapped(field, entry)
