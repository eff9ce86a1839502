import datetime

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

import glasshouse.kernel.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Version",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                (
                    "document",
                    models.CharField(
                        choices=[
                            ("notice", "Privacy notice"),
                            ("terms", "Terms of use"),
                            ("agreement", "Service agreement"),
                            ("cookies", "Cookie notice"),
                        ],
                        db_index=True,
                        max_length=12,
                    ),
                ),
                ("number", models.PositiveIntegerField(null=True)),
                ("significant", models.BooleanField()),
                ("lead_days", models.PositiveSmallIntegerField(default=0)),
                ("tables", models.JSONField(default=list)),
                ("written_by", models.CharField(max_length=16)),
                ("created_at", models.DateTimeField()),
                ("published_at", models.DateTimeField(null=True)),
                ("announced_at", models.DateTimeField(null=True)),
                ("in_force_at", models.DateTimeField(db_index=True, null=True)),
            ],
            options={
                "db_table": "notices_version",
                "constraints": [
                    models.UniqueConstraint(fields=("document", "number"), name="one_version_a_number"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("number", None), ("published_at", None)),
                            models.Q(("number__isnull", False), ("published_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="numbered_when_published",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("in_force_at", None), ("published_at__isnull", False), _connector="OR"),
                        name="in_force_when_published",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("significant", False), ("lead_days__gte", 14), _connector="OR"),
                        name="significant_has_lead",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("significant", False),
                            ("in_force_at", None),
                            (
                                "in_force_at__gte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("announced_at"), "+", models.Value(datetime.timedelta(days=14))
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="significant_waits",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Text",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("language", models.CharField(max_length=5)),
                ("body", models.TextField()),
                ("summary", models.TextField(blank=True)),
                ("version", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="notices.version")),
            ],
            options={
                "db_table": "notices_text",
                "constraints": [models.UniqueConstraint(fields=("version", "language"), name="one_text_a_language")],
            },
        ),
        migrations.CreateModel(
            name="Announcement",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("key_owner", models.CharField(max_length=16)),
                ("address", models.BinaryField()),
                ("message", models.CharField(max_length=16)),
                ("state", models.CharField(default="queued", max_length=8)),
                ("at", models.DateTimeField()),
                ("resent_at", models.DateTimeField(null=True)),
                ("version", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="notices.version")),
            ],
            options={
                "db_table": "notices_announcement",
                "constraints": [models.UniqueConstraint(fields=("key_owner", "version"), name="one_announcement_each")],
            },
        ),
        migrations.CreateModel(
            name="Acceptance",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("key_owner", models.CharField(max_length=16)),
                ("shown", models.BinaryField()),
                ("language", models.CharField(max_length=5)),
                ("how", models.CharField(max_length=12)),
                ("at", models.DateTimeField()),
                ("version", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="notices.version")),
            ],
            options={
                "db_table": "notices_acceptance",
                "constraints": [models.UniqueConstraint(fields=("key_owner", "version"), name="one_acceptance_each")],
            },
        ),
    ]
