"""The table of items that failed."""

from django.db import migrations, models

import glasshouse.kernel.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Failure",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("queue", models.CharField(max_length=40)),
                ("item", models.CharField(max_length=64)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("tried_at", models.DateTimeField()),
                ("next_try_at", models.DateTimeField()),
                ("reason", models.CharField(blank=True, max_length=60)),
                ("place", models.CharField(blank=True, max_length=80)),
                ("set_aside_at", models.DateTimeField(null=True)),
                ("seen_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "queues_failure",
                "constraints": [
                    models.UniqueConstraint(fields=("queue", "item"), name="one_failure_an_item"),
                    models.CheckConstraint(
                        condition=models.Q(("seen_at__isnull", True), ("set_aside_at__isnull", False), _connector="OR"),
                        name="seen_if_set_aside",
                    ),
                ],
            },
        ),
    ]
