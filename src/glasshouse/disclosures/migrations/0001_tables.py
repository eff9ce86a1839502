import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import glasshouse.kernel.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Subscriber",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("address", models.BinaryField()),
                ("address_hash", models.CharField(max_length=64)),
                ("secret_hash", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField()),
                ("proved_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "disclosures_subscriber",
            },
        ),
        migrations.CreateModel(
            name="Recipient",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("authority", "authority"),
                            ("buyer", "buyer"),
                            ("customer", "customer"),
                            ("group", "group"),
                            ("other", "other"),
                            ("provider", "provider"),
                        ],
                        max_length=10,
                    ),
                ),
                ("name", models.BinaryField()),
                ("what", models.BinaryField()),
                ("region", models.BinaryField()),
                ("agreement", models.BinaryField(null=True)),
                ("safeguard", models.BinaryField(null=True)),
                ("purpose", models.BinaryField()),
                ("basis", models.BinaryField()),
                ("contact", models.BinaryField(null=True)),
                ("address_hash", models.CharField(db_index=True, max_length=64, null=True)),
                (
                    "channels",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20), default=list, size=None
                    ),
                ),
                (
                    "fields",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=80), size=None),
                ),
                ("written_by", models.CharField(max_length=16)),
                ("announced_at", models.DateTimeField()),
                ("active_from", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "disclosures_recipient",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("active_from__gte", models.F("announced_at"))),
                        name="announced_before_active",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "provider"), _negated=True), ("agreement__isnull", False), _connector="OR"
                        ),
                        name="provider_has_agreement",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BusinessTransfer",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("opened_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                (
                    "recipient",
                    models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, to="disclosures.recipient"),
                ),
            ],
            options={
                "db_table": "disclosures_merger",
            },
        ),
        migrations.CreateModel(
            name="BusinessTransferNotice",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("key_owner", models.CharField(max_length=16)),
                ("message", models.CharField(max_length=16)),
                ("at", models.DateTimeField()),
                (
                    "business_transfer",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="disclosures.businesstransfer"),
                ),
            ],
            options={
                "db_table": "disclosures_merger_notice",
                "constraints": [
                    models.UniqueConstraint(fields=("business_transfer", "key_owner"), name="one_notice_each")
                ],
            },
        ),
        migrations.CreateModel(
            name="Disclosure",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("key_owner", models.CharField(db_index=True, max_length=16)),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("times", models.PositiveIntegerField(default=1)),
                ("told_at", models.DateTimeField(null=True)),
                (
                    "recipient",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="disclosures.recipient"),
                ),
            ],
            options={
                "db_table": "disclosures_disclosure",
                "constraints": [models.UniqueConstraint(fields=("key_owner", "recipient"), name="one_row_a_recipient")],
            },
        ),
    ]
