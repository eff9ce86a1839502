import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import glasshouse.kernel.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="AccessRequest",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("organisation_id", models.CharField(db_index=True, max_length=16)),
                ("account_id", models.CharField(max_length=16)),
                ("role", models.CharField(max_length=20)),
                (
                    "sites",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16), null=True, size=None
                    ),
                ),
                ("reason", models.BinaryField()),
                ("created_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_by", models.CharField(blank=True, max_length=16)),
                ("granted", models.BooleanField(null=True)),
            ],
            options={
                "db_table": "access_request",
            },
        ),
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("organisation_id", models.CharField(db_index=True, max_length=16)),
                ("account_id", models.CharField(max_length=16)),
                ("name", models.BinaryField()),
                ("secret_hash", models.CharField(max_length=64, unique=True)),
                (
                    "permissions",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None),
                ),
                (
                    "sites",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16), null=True, size=None
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "access_token",
            },
        ),
        migrations.CreateModel(
            name="CustomRole",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("organisation_id", models.CharField(db_index=True, max_length=16)),
                ("name", models.BinaryField()),
                (
                    "permissions",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None),
                ),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "access_role",
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("organisation_id", models.CharField(db_index=True, max_length=16)),
                ("inviter", models.CharField(max_length=16)),
                ("key_owner", models.CharField(max_length=16)),
                ("address", models.BinaryField()),
                ("address_hash", models.CharField(max_length=64)),
                ("message", models.BinaryField()),
                ("role", models.CharField(max_length=20)),
                (
                    "sites",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16), null=True, size=None
                    ),
                ),
                ("secret_hash", models.CharField(max_length=64, unique=True)),
                ("sent", models.PositiveSmallIntegerField(default=1)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "access_invitation",
            },
        ),
        migrations.CreateModel(
            name="Organisation",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.BinaryField()),
                ("tenant", models.CharField(default=glasshouse.kernel.ids.new_id, max_length=16, unique=True)),
                (
                    "second_factor_roles",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20), null=True, size=None
                    ),
                ),
                ("second_factor_from", models.DateTimeField(null=True)),
                ("administered_since", models.DateTimeField(null=True)),
                ("emergency_allowed", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "access_organisation",
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.CharField(db_index=True, max_length=16)),
                ("role", models.CharField(max_length=20)),
                (
                    "sites",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16), null=True, size=None
                    ),
                ),
                ("created_at", models.DateTimeField()),
                (
                    "organisation",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="access.organisation"),
                ),
            ],
            options={
                "db_table": "access_membership",
                "constraints": [
                    models.UniqueConstraint(fields=("organisation", "account_id"), name="one_membership_each")
                ],
            },
        ),
    ]
