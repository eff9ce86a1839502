"""Corrections of stored readings, each with its reason."""

import django.db.models.deletion
from django.db import migrations, models

import glasshouse.kernel.ids


class Migration(migrations.Migration):
    dependencies = [
        ("greenhouse", "0002_undo_of_imports"),
    ]

    operations = [
        migrations.CreateModel(
            name="Amendment",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("organisation_id", models.CharField(db_index=True, max_length=16)),
                (
                    "kind",
                    models.CharField(
                        choices=[("delete", "Delete"), ("mark", "Mark"), ("shift", "Shift"), ("convert", "Convert")],
                        max_length=10,
                    ),
                ),
                ("series", models.BinaryField()),
                ("details", models.BinaryField()),
                ("reason", models.BinaryField()),
                ("report", models.BinaryField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("shown", "Shown"),
                            ("queued", "Queued"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("undoing", "Undoing"),
                            ("undone", "Undone"),
                        ],
                        default="shown",
                        max_length=10,
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("created_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(null=True)),
                ("site", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="greenhouse.site")),
            ],
            options={
                "db_table": "greenhouse_amendment",
            },
        ),
    ]
