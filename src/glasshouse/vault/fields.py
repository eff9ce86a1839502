"""Model fields that carry their entry of the data map; sealed ones keep their value encrypted in the column.

    name = SealedText(personal("user.name", "addressing the person", retention="..."), key owner="person_id")

In Python the attribute is plain text; in the database it is a sealed value bound to (table, column, key owner).
"""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from django.db import models

from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.vault import api
from glasshouse.vault.datamap import Entry
from glasshouse.vault.envelope import SealPlace, generation_of

M = TypeVar("M", bound=models.Model)
AT_ONCE = 200  # rows that `each_readable` opens together


class _Sealed:
    """A value as it came from the database, not yet opened."""

    __slots__ = ("body",)

    def __init__(self, body: bytes) -> None:
        self.body = body


class _Opening:
    """Descriptor: opens the sealed value when it is first read, and keeps the plain one on the instance."""

    def __init__(self, field: "SealedField") -> None:
        self.field = field

    def __get__(self, instance: models.Model | None, owner: type) -> Any:
        if instance is None:
            return self
        value = instance.__dict__.get(self.field.attname)
        if isinstance(value, _Sealed):
            plain = api.open_sealed(value.body, place=self.field.place(instance))
            value = instance.__dict__[self.field.attname] = self.field.decode(plain)
        return value

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class SealedField(models.BinaryField):  # type: ignore[type-arg]
    """A column of sealed values. `key owner` names the attribute that holds the id of the key owner whose key seals it."""

    is_sealed = True

    def __init__(self, entry: Entry | None = None, *, key_owner: str = "", **kwargs: Any) -> None:
        self.entry, self.key_owner = entry, key_owner
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.BinaryField", args, kwargs

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, name, _Opening(self))

    def place(self, instance: models.Model) -> SealPlace:
        """The associated data of this field on this row: table, column, key owner."""
        return SealPlace(instance._meta.db_table, str(self.column), str(getattr(instance, self.key_owner)))

    def generation(self, instance: models.Model) -> int:
        """Generation of the data key that the stored value is sealed with; 0 where there is none."""
        value = instance.__dict__.get(self.attname)
        return generation_of(value.body) if isinstance(value, _Sealed) else 0

    def from_db_value(self, value: Any, expression: object, connection: object) -> _Sealed | None:
        return None if value is None else _Sealed(bytes(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = model_instance.__dict__.get(self.attname)
        if value is None:
            return None
        if isinstance(value, _Sealed):
            return value.body
        return api.seal(self.encode(value), place=self.place(model_instance))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if isinstance(
            value, str | dict | list
        ):  # An update() or a filter with a plain value would write or ask in the clear.
            raise TypeError(f"{self.model.__name__}.{self.name} is sealed: assign it to an instance and save that.")
        return super().get_db_prep_value(value, connection, prepared)

    def encode(self, value: Any) -> bytes:
        """Plain bytes of a value."""
        return bytes(value)

    def decode(self, plain: bytes) -> Any:
        """The value in plain bytes."""
        return plain


def unreadable(length: int) -> Any:
    """A value of so many bytes that never opens, in place of a sealed one: for probes of the database's own rules."""
    return _Sealed(bytes(length))


def key_owner_column(model: type[models.Model]) -> str:
    """The column that names whose key seals a row; "" where nothing is sealed."""
    return next(iter(key_owner_columns(model)), "")


def key_owner_columns(model: type[models.Model]) -> list[str]:
    """Every column that names whose key seals something of a row, each once, in the order of the fields that they are for."""
    fields = [field for field in model._meta.local_concrete_fields if isinstance(field, SealedField)]
    return list(dict.fromkeys(field.key_owner for field in fields))


class SealedText(SealedField):
    """Sealed text."""

    def encode(self, value: Any) -> bytes:
        return str(value).encode()

    def decode(self, plain: bytes) -> Any:
        return plain.decode()


class SealedJson(SealedField):
    """Sealed JSON value."""

    def encode(self, value: Any) -> bytes:
        return json.dumps(value, separators=(",", ":")).encode()

    def decode(self, plain: bytes) -> Any:
        return json.loads(plain)


def readable(rows: Iterable[M]) -> list[M]:
    """The rows whose sealed values may be read, in their order; their keys are opened together.

    A row under a destroyed key speaks of somebody who is erased: a backup, or a process that held the key, brought it back. A row
    under a lost key is newer than the backup of the key store that was brought back. Both are left out of every list, and keep
    nobody else's row from being shown. The rows of related models are not looked at.
    """
    listed = list(rows)
    api.open_keys({KeyOwnerId(field.place(row).key_owner) for row in listed for field in _closed(row)})
    return [row for row in listed if all(_is_readable(row, field) for field in _closed(row))]


def each_readable(rows: Iterable[M]) -> Iterator[M]:
    """As `readable`, little by little: of however many rows no more than AT_ONCE are in memory."""
    remaining = iter(rows)
    while piece := list(islice(remaining, AT_ONCE)):
        yield from readable(piece)


def _closed(row: models.Model) -> list[SealedField]:
    """The sealed fields of a row that are read from the database, and not opened yet."""
    fields = [field for field in row._meta.local_concrete_fields if isinstance(field, SealedField)]
    return [field for field in fields if isinstance(row.__dict__.get(field.attname), _Sealed)]


def _is_readable(row: models.Model, field: SealedField) -> bool:
    return api.is_readable(KeyOwnerId(field.place(row).key_owner), field.generation(row))
