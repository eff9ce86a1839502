import django.db.models.deletion
from django.db import migrations, models

import glasshouse.kernel.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Compartment",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("organisation_id", models.CharField(db_index=True, max_length=16)),
                ("name", models.BinaryField()),
                ("limits", models.BinaryField(null=True)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "greenhouse_compartment",
            },
        ),
        migrations.CreateModel(
            name="Site",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("organisation_id", models.CharField(db_index=True, max_length=16)),
                ("name", models.BinaryField()),
                ("facts", models.BinaryField()),
                ("limits", models.BinaryField(null=True)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "greenhouse_site",
            },
        ),
        migrations.CreateModel(
            name="Template",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("organisation_id", models.CharField(db_index=True, max_length=16)),
                ("name", models.BinaryField()),
                ("layout", models.BinaryField()),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "greenhouse_template",
            },
        ),
        migrations.CreateModel(
            name="Device",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("organisation_id", models.CharField(db_index=True, max_length=16)),
                ("name", models.BinaryField()),
                ("created_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "compartment",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, to="greenhouse.compartment"
                    ),
                ),
                ("site", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="greenhouse.site")),
            ],
            options={
                "db_table": "greenhouse_device",
            },
        ),
        migrations.AddField(
            model_name="compartment",
            name="site",
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="greenhouse.site"),
        ),
        migrations.CreateModel(
            name="Upload",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("organisation_id", models.CharField(db_index=True, max_length=16)),
                ("name", models.BinaryField()),
                ("blob", models.CharField(blank=True, max_length=16)),
                ("proposal", models.BinaryField(null=True)),
                ("layout", models.BinaryField(null=True)),
                ("report", models.BinaryField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("new", "New"),
                            ("queued", "Queued"),
                            ("reading", "Reading"),
                            ("taken", "Taken"),
                            ("failed", "Failed"),
                            ("stopped", "Stopped"),
                        ],
                        default="new",
                        max_length=10,
                    ),
                ),
                ("percent", models.PositiveSmallIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                (
                    "compartment",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, to="greenhouse.compartment"
                    ),
                ),
                ("site", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="greenhouse.site")),
            ],
            options={
                "db_table": "greenhouse_upload",
            },
        ),
    ]
