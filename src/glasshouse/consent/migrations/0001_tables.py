from django.db import migrations, models

import glasshouse.kernel.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="ConsentRecord",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("key_owner", models.CharField(max_length=16)),
                ("purpose", models.CharField(max_length=20)),
                ("state", models.CharField(max_length=10)),
                ("words", models.BinaryField()),
                ("request", models.CharField(blank=True, max_length=16)),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "consent_stance",
                "indexes": [models.Index(fields=["key_owner", "purpose", "at"], name="stance_newest")],
            },
        ),
        migrations.CreateModel(
            name="Restriction",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("key_owner", models.CharField(db_index=True, max_length=16)),
                ("address", models.BinaryField(null=True)),
                ("address_hash", models.CharField(db_index=True, max_length=64, null=True)),
                ("ground", models.CharField(max_length=10)),
                ("words", models.BinaryField()),
                ("at", models.DateTimeField()),
                ("lifts_at", models.DateTimeField(null=True)),
                ("lifted_by", models.CharField(blank=True, max_length=16)),
            ],
            options={
                "db_table": "consent_restriction",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("lifts_at", None)), fields=("key_owner",), name="one_open_restriction_each"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("lifts_at", None)),
                        fields=("address_hash",),
                        name="one_open_restriction_an_address",
                    ),
                ],
            },
        ),
    ]
