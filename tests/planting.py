"""Rows of any model, made from its declarations alone: so that a test meets each table, and each that will come.

They are written past the application, as the owner of the database does: row policies and verbs are not asked.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from psycopg import sql

from glasshouse.kernel import clock
from glasshouse.kernel.ids import BlobId, KeyOwnerId, new_id
from glasshouse.operations.installation import Installation
from glasshouse.vault import blobs
from glasshouse.vault.classification import HASH_LENGTH, ID_LENGTH, content_of
from glasshouse.vault.content import Facts, Hash, Id, Matching, OneOf
from glasshouse.vault.fields import SealedField, SealedJson, key_owner_column
from tests.conftest import administering

# Texts of which one fits each form that a technical column may have.
FORMS = ("planted", "nl", "NL", "PRI-01", "/planted", "planted:1", "planted.py:1", "hash:" + "0" * 64)
# What constraints of a table want beside.
BESIDE: dict[str, Callable[[], dict[str, object]]] = {
    "Statistic": lambda: {"count": 5},
    "Failure": lambda: {"item": new_id()},
    "Ruled": lambda: {"verdict": "objected"},  # That a mail may go is written for a mail that may.
}


def ours() -> list[type[models.Model]]:
    """Every model of ours in the people store."""
    return [
        model
        for model in apps.get_models()
        if model.__module__.startswith("glasshouse.") and model._meta.app_label != "vault_keys" and model._meta.managed
    ]


def sealing_models() -> list[type[models.Model]]:
    """Every model with a sealed field."""
    return [model for model in ours() if key_owner_column(model)]


@dataclass
class Planter:
    """Plants rows. owner: whose key seals them, where the model names one; organisation: whose they are, if a customer's.

    word: what is written into each sealed field. parents: rows of other models that new ones belong to, instead of planted ones.
    planted: (table, key) of each row, in order.
    """

    home: Installation
    owner: str
    organisation: str = ""
    word: str = "What somebody wrote"
    parents: dict[type[models.Model], object] = field(default_factory=dict)
    planted: list[tuple[str, object]] = field(default_factory=list)

    def plant(self, model: type[models.Model], **values: object) -> models.Model:
        """A row of a model, with these values and some that fit everywhere else."""
        given = BESIDE.get(model.__name__, dict)() | values
        row = model(**{part.attname: self._value(model, part, given) for part in model._meta.local_concrete_fields})
        columns = {
            str(part.column): part.get_db_prep_save(part.pre_save(row, True), connection)
            for part in model._meta.local_concrete_fields
            if not isinstance(part, models.AutoField)
        }
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING {}").format(
            sql.Identifier(model._meta.db_table),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(sql.Placeholder() * len(columns)),
            sql.Identifier(model._meta.pk.column),
        )
        with administering(self.home) as link:
            written = link.execute(statement, list(columns.values())).fetchone()
        row.pk = written[0] if written else None
        self.planted.append((model._meta.db_table, row.pk))
        return row

    def _value(self, model: type[models.Model], part: Any, given: Mapping[str, object]) -> object:
        if part.attname in given or part.name in given:
            return given.get(part.attname, given.get(part.name))
        if part.is_relation:
            return None if part.null else self._parent(part.remote_field.model)
        if isinstance(part, SealedField):
            return {"planted": self.word} if isinstance(part, SealedJson) else self.word
        if part.column == "organisation_id":
            return self.organisation or None
        if part.attname == key_owner_column(model):
            return self.owner if not part.primary_key else new_id()
        if hasattr(part, "blob_key_owner"):
            return ""
        return None if part.null else _plain(part)

    def _parent(self, model: type[models.Model]) -> object:
        if model not in self.parents:
            self.parents[model] = self.plant(model).pk
        return self.parents[model]

    def file(self, owner: str) -> BlobId:
        """A sealed file of a key owner."""
        return blobs.store([self.word.encode()], KeyOwnerId(owner))

    def pull(self) -> None:
        """Take away what was planted and is there still, the newest first."""
        with administering(self.home) as link:
            link.execute("SET session_replication_role = replica")  # No trigger asks whether it may go.
            for table, key in reversed(self.planted):
                primary = next(model._meta.pk.column for model in ours() if model._meta.db_table == table)
                link.execute(
                    sql.SQL("DELETE FROM {} WHERE {} = %s").format(sql.Identifier(table), sql.Identifier(primary)),
                    [key],
                )


def _plain(part: Any) -> object:
    """A value of a technical or published column that may not be empty."""
    if isinstance(part, models.DateTimeField):
        return clock.now()
    if isinstance(part, models.DateField):
        return clock.now().date()
    if isinstance(part, models.BooleanField):
        return False
    if isinstance(part, models.JSONField):
        return {}
    if isinstance(part, ArrayField):
        return []
    if isinstance(part, models.IntegerField):
        return 1
    return _text(part)


def _text(part: Any) -> str:
    if part.blank:
        return ""
    if getattr(part.entry, "classification", "") != "technical" and part.max_length not in (ID_LENGTH, HASH_LENGTH):
        return "planted"
    if part.max_length == HASH_LENGTH and not hasattr(part, "content"):
        return new_id().encode().hex() * 2
    content = content_of(part)
    if isinstance(content, OneOf):
        return str(content.values[0])
    if isinstance(content, Id):
        return new_id()
    if isinstance(content, Hash):
        return new_id().encode().hex() * 2
    assert isinstance(content, Matching) and not isinstance(content, Facts)
    return next(form for form in FORMS if re.fullmatch(content.pattern, form))


def time_columns(model: type[models.Model]) -> list[str]:
    """Names of a model's columns with a time."""
    return [str(part.name) for part in model._meta.local_concrete_fields if isinstance(part, models.DateTimeField)]


def dated(model: type[models.Model], column: str, at: datetime) -> dict[str, object]:
    """Values of a row whose one time is `at`, and that else began a moment ago and lasts."""
    later = {name: None if model._meta.get_field(name).null else clock.now() for name in time_columns(model)}  # type: ignore[union-attr]
    return {**later, column: at}
