"""From what a technical column may hold (`vault.content`) to a CHECK of the database.

A constraint is not made anew where it is there with the same condition: its comment tells. Rows of earlier versions that do not
meet it stay as they are (NOT VALID); none is written or changed against it any more.
"""

from collections.abc import Iterator

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.backends.utils import CursorWrapper

from glasshouse.vault.classification import content_of
from glasshouse.vault.content import quoted
from glasshouse.vault.datamap import Class, entry_of

TEXTS = (models.CharField, models.TextField, models.JSONField, ArrayField)
PREFIX = "holds_"


def technical_texts() -> Iterator[tuple[type[models.Model], "models.Field[object, object]"]]:
    """Each field of ours in which a text could stand, though it is neither sealed nor published, with its model."""
    for model in apps.get_models():
        if model.__module__.startswith("glasshouse."):
            for field in model._meta.local_concrete_fields:
                entry = entry_of(field)
                if isinstance(field, TEXTS) and entry and entry.classification is Class.TECHNICAL:
                    yield model, field


def condition(field: "models.Field[object, object]") -> str:
    """What the database checks of a technical text column. An empty text is let in where the field may be blank."""
    column = f'"{field.column}"'
    rule = content_of(field).condition(column)
    return (
        f"({column} = '' OR {rule})" if field.blank and not isinstance(field, models.JSONField | ArrayField) else rule
    )


def constraints(database: str) -> dict[tuple[str, str], str]:
    """(table, name) -> condition, of one database: "default" or "vault"."""
    return {
        (model._meta.db_table, f"{PREFIX}{field.column}"): condition(field)
        for model, field in technical_texts()
        if (model._meta.app_label == "vault_keys") == (database == "vault")
    }


def apply(cursor: CursorWrapper, database: str) -> None:
    """Give a database the constraints that are declared, and take away those that are not any more."""
    cursor.execute(
        "SELECT conrelid::regclass::text, conname, obj_description(oid, 'pg_constraint') FROM pg_constraint "
        "WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND starts_with(conname, %s)",
        [PREFIX],
    )
    there = {(str(table), str(name)): str(rule) for table, name, rule in cursor.fetchall()}
    wanted = constraints(database)
    for table, name in there.keys() - {place for place in there if wanted.get(place) == there[place]}:
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    for (table, name), rule in wanted.items():
        if there.get((table, name)) != rule:
            cursor.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" CHECK ({rule}) NOT VALID')
            cursor.execute(f'COMMENT ON CONSTRAINT "{name}" ON {table} IS {quoted(rule)}')
