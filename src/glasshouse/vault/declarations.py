"""What a model says of its rows, beside its fields, for the areas above that act on the rows of every table.

The data map entries of the fields are in `classification.py` and `fields.py`; rules of retention in `datamap.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from django.apps import apps
from django.db import models


class ErasedBy(StrEnum):
    """Whose erasure deletes rows that are found by the person's address."""

    NOBODY = "nobody"  # The law or the address's owner wants them to stay; the field's entry says until when.
    PERSON = "person"  # That of a person with an account. A guest may see them, and asks whoever entered them.
    ANYBODY = "anybody"  # A guest's too, who has no account.


@dataclass(frozen=True, slots=True)
class ByAddress:
    """How rows that speak of an address, under other keys than the person's, are found by its keyed hash.

    hash: lookup of the column with the hash.
    once_filled: lookup of a column; rows where it is empty are not shown: nobody confirmed the address, or may be told yet. An
        erasure takes them all the same.
    hidden: whether a restriction of the address hides them.
    function: SQL function that finds rows of all customers by the hash, where the row policies would hide them.
    """

    erased_by: ErasedBy
    hash: str = "address_hash"
    once_filled: str = ""
    hidden: bool = False
    function: str = ""


def by_address(model: type[models.Model]) -> ByAddress | None:
    """How a model's rows are found by an address; None where they speak of none."""
    declared: ByAddress | None = getattr(model, "by_address", None)
    return declared


class ModelByAddress(NamedTuple):
    """A model whose rows are found by an address, and how."""

    model: type[models.Model]
    declared: ByAddress


def models_by_address() -> Iterator[ModelByAddress]:
    """Every model whose rows are found by an address, with its declaration."""
    for model in apps.get_models():
        if declared := by_address(model):
            yield ModelByAddress(model, declared)


def shows_nobody(model: type[models.Model]) -> str:
    """Why the personal columns of a model stand in nobody's view, as its `shows_nobody` says; "": they do."""
    reason: str = getattr(model, "shows_nobody", "")
    return reason
