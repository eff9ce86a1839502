import django.contrib.postgres.fields
from django.db import migrations, models

import glasshouse.kernel.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Grant",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("organisation_id", models.CharField(db_index=True, max_length=16)),
                ("staff", models.CharField(blank=True, max_length=16)),
                (
                    "areas",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), size=None),
                ),
                (
                    "sites",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16), null=True, size=None
                    ),
                ),
                ("change", models.BooleanField(default=False)),
                ("emergency", models.BooleanField(default=False)),
                ("reason", models.BinaryField()),
                ("asked_by", models.CharField(max_length=16)),
                ("created_at", models.DateTimeField()),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("approved_at", models.DateTimeField(null=True)),
                ("approved_by", models.CharField(blank=True, max_length=16)),
                ("countersigned_by", models.CharField(blank=True, max_length=16)),
                ("revoked_at", models.DateTimeField(null=True)),
                ("revoked_by", models.CharField(blank=True, max_length=16)),
            ],
            options={
                "db_table": "support_grant",
            },
        ),
        migrations.CreateModel(
            name="RecordAccess",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("organisation_id", models.CharField(db_index=True, max_length=16)),
                ("staff", models.CharField(max_length=16)),
                ("what", models.CharField(max_length=40)),
                (
                    "ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None),
                ),
                ("at", models.DateTimeField(db_index=True)),
            ],
            options={
                "db_table": "support_seen",
            },
        ),
    ]
