"""Marks on plain columns: their entry of the data map. Sealed columns are in `fields.py`."""

from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.db import models

from glasshouse.vault.content import Content, Hash, Id
from glasshouse.vault.datamap import PUBLISHED, TECHNICAL, Basis, Class, Entry, OnErasure, Subject

ID_LENGTH, HASH_LENGTH = 16, 64
F = TypeVar("F", bound="models.Field[Any, Any]")


def blob_ref(field: F, *, key_owner: str) -> F:
    """A column that names a blob; `key owner` names the attribute with the id of the key owner whose key seals it."""
    field.entry, field.blob_key_owner = TECHNICAL, key_owner  # type: ignore[attr-defined]
    return field


def mapped(field: F, entry: Entry) -> F:
    """The field, carrying its entry."""
    field.entry = entry  # type: ignore[attr-defined]
    return field


def technical(field: F, content: Content | None = None) -> F:
    """A field that runs the service and says nothing of anybody: ids, times, states, numbers of tries.

    content: what a text in it may be; without, an id in 16 characters or a hash in 64. The database holds it.
    """
    if content is not None:
        field.content = content  # type: ignore[attr-defined]
    return mapped(field, TECHNICAL)


def content_of(field: "models.Field[Any, Any]") -> Content:
    """What a technical text field may hold. Raises ImproperlyConfigured where its declaration is missing."""
    declared: Content | None = getattr(field, "content", None)
    by_length: Content | None = {ID_LENGTH: Id(), HASH_LENGTH: Hash()}.get(field.max_length or 0)
    if declared is None and by_length is None:
        raise ImproperlyConfigured(f"{field} is a text of no declared content: say what it may hold, or seal it.")
    return declared or by_length  # type: ignore[return-value]


def published(field: F) -> F:
    """A field that is written to be shown to everybody, word for word: not sealed, so that the database can hold it unchanged."""
    return mapped(field, PUBLISHED)


def hashed(
    field: F,
    category: str,
    purpose: str,
    *,
    basis: Basis = Basis.CONTRACT,
    erasure: OnErasure = OnErasure.DELETE,
    rectified_by: str = "",
) -> F:
    """A keyed hash by which a sealed value is found: a pseudonym, so personal (GDPR recital 26)."""
    entry = Entry(
        Class.PERSONAL,
        category,
        Subject.PERSON,
        purpose,
        basis,
        "with the value it stands for",
        erasure,
        rectified_by=rectified_by,
    )
    return mapped(field, entry)
