from django.db import migrations, models

import glasshouse.kernel.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="DeletionRun",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("at", models.DateTimeField(db_index=True)),
                ("rows", models.JSONField(default=dict)),
                ("keys", models.PositiveIntegerField(default=0)),
            ],
            options={
                "db_table": "retention_sweep",
            },
        ),
        migrations.CreateModel(
            name="LegalHold",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("key_owner", models.CharField(db_index=True, max_length=16)),
                ("owner", models.CharField(max_length=16)),
                ("reason", models.BinaryField()),
                ("created_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
            ],
            options={
                "db_table": "retention_hold",
            },
        ),
        migrations.CreateModel(
            name="Statistic",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("table", models.CharField(max_length=60)),
                ("year", models.PositiveSmallIntegerField()),
                ("group", models.JSONField(default=dict)),
                ("count", models.PositiveIntegerField()),
            ],
            options={
                "db_table": "retention_statistic",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("count__gte", 5)), name="nobody_alone"),
                    models.UniqueConstraint(fields=("table", "year", "group"), name="one_count_a_group"),
                ],
            },
        ),
    ]
