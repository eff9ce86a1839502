"""Seal the name, licence and purpose of sources of third-party data."""

from typing import Any

from django.db import migrations, models
from django.db.models.functions import Length
from django.db.models.lookups import GreaterThan

from glasshouse.vault.sealing import Column, begin, finish, seal_columns

NAMES = ("name", "licence", "purpose")
EMPTY_BYTES = 30


def seal(apps: Any, schema_editor: Any) -> None:
    """Seal the rows that are there."""
    with schema_editor.connection.cursor() as cursor:
        seal_columns(cursor, "sources_source", "id", [Column(name, required=True) for name in NAMES])


class Migration(migrations.Migration):
    dependencies = [("sources", "0001_initial")]

    operations = [
        migrations.RemoveConstraint("source", "source_says_all"),
        *begin("source", NAMES),
        migrations.RunPython(seal),
        *finish("source", NAMES, required=NAMES),
        migrations.AddConstraint(
            "source",
            models.CheckConstraint(
                condition=models.Q(GreaterThan(Length("name"), EMPTY_BYTES))
                & models.Q(GreaterThan(Length("licence"), EMPTY_BYTES))
                & models.Q(GreaterThan(Length("purpose"), EMPTY_BYTES)),
                name="source_says_all",
            ),
        ),
    ]
