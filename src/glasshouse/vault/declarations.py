"""What a model says of its rows, beside its fields, for the areas above that act on the rows of every table.

The data map entries of the fields are in `classification.py` and `fields.py`; rules of retention in `datamap.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from django.apps import apps
from django.db import models

from glasshouse.kernel.ids import BlobId


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


@dataclass(frozen=True, slots=True)
class WrittenBy:
    """That a row of a customer holds what one of its members wrote, who sees it among what is held of them.

    account: column with the id of the member's account. fields: those that the member wrote.
    function: SQL function that finds rows of all customers by the account, where the row policies would hide them.
    """

    account: str
    fields: tuple[str, ...]
    function: str


class SentFile(NamedTuple):
    """A file that somebody sent us, as a row of a model with a property `sent_file` holds it. name: as they named it."""

    name: str
    blob: BlobId


class Writer(StrEnum):
    """Who types what a model holds."""

    MEMBER = "member"
    STAFF = "staff"


class Owner(StrEnum):
    """Whose it is, in words for whoever typed it."""

    OPERATOR = "the operator"
    ORGANISATION = "your organisation"
    READER = "whom it was written to"


@dataclass(frozen=True, slots=True)
class Belongs:
    """That what people type into a model belongs to somebody else, with whom it stays when they are erased.

    Where a model has no `WrittenBy` too, it is in nobody's view and export, which say so.
    what: in plain words, in the plural. why: a sentence. writers: who types it.
    """

    owner: Owner
    what: str
    why: str
    writers: tuple[Writer, ...] = (Writer.MEMBER,)


def written_by(model: type[models.Model]) -> WrittenBy | None:
    """Who wrote which fields of a model's rows; None where no row knows."""
    declared: WrittenBy | None = getattr(model, "written_by_member", None)
    return declared


def belongs(model: type[models.Model]) -> Belongs | None:
    """Whose it is what people type into a model; None: theirs."""
    declared: Belongs | None = getattr(model, "belongs", None)
    return declared


def models_written_by_members() -> Iterator[tuple[type[models.Model], WrittenBy]]:
    """Every model whose rows know which member wrote them, with its declaration."""
    for model in apps.get_models():
        if declared := written_by(model):
            yield model, declared


def models_that_belong() -> Iterator[tuple[type[models.Model], Belongs]]:
    """Every model with texts of people that belong to somebody else, with its declaration."""
    for model in apps.get_models():
        if declared := belongs(model):
            yield model, declared
