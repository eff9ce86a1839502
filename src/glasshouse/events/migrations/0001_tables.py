from django.db import migrations, models

import glasshouse.kernel.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Root",
            fields=[
                ("day", models.DateField(primary_key=True, serialize=False)),
                ("number", models.BigIntegerField()),
                ("hash", models.CharField(max_length=64)),
                ("published_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "events_root",
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("at", models.DateTimeField()),
                ("kind", models.CharField(max_length=60)),
                ("actor", models.CharField(max_length=16)),
                ("organisation_id", models.CharField(max_length=16, null=True)),
                ("subject", models.CharField(max_length=16)),
                ("facts", models.JSONField(default=dict)),
            ],
            options={
                "db_table": "events_event",
                "indexes": [
                    models.Index(fields=["organisation_id", "-at", "-id"], name="events_index_organisation"),
                    models.Index(fields=["actor", "-at", "-id"], name="events_index_actor"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Link",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("event_id", models.CharField(max_length=16, unique=True)),
                ("before", models.CharField(max_length=64)),
                ("hash", models.CharField(max_length=64)),
                ("chained_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "events_link",
                "indexes": [models.Index(fields=["chained_at", "number"], name="events_index_chained_at")],
            },
        ),
        migrations.CreateModel(
            name="Unchained",
            fields=[
                ("number", models.BigAutoField(primary_key=True, serialize=False)),
                ("event_id", models.CharField(max_length=16)),
                ("lost", models.BooleanField(db_default=False)),
            ],
            options={
                "db_table": "events_unchained",
                "indexes": [
                    models.Index(condition=models.Q(("lost", False)), fields=["number"], name="events_index_outbox")
                ],
                "constraints": [models.UniqueConstraint(fields=("event_id",), name="an_event_waits_once")],
            },
        ),
    ]
