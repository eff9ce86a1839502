import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
from django.db import migrations, models

import glasshouse.kernel.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Suppression",
            fields=[
                ("address_hash", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "sources_objected",
            },
        ),
        migrations.CreateModel(
            name="Source",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("kind", models.CharField(max_length=10)),
                ("name", models.BinaryField()),
                ("licence", models.BinaryField()),
                ("purpose", models.BinaryField()),
                ("written_by", models.CharField(max_length=16)),
                ("token_hash", models.CharField(blank=True, db_index=True, max_length=64)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "sources_source",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.GreaterThan(django.db.models.functions.text.Length("name"), 30),
                            django.db.models.lookups.GreaterThan(django.db.models.functions.text.Length("licence"), 30),
                            django.db.models.lookups.GreaterThan(django.db.models.functions.text.Length("purpose"), 30),
                        ),
                        name="source_says_all",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ThirdPartyData",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("key_owner", models.CharField(max_length=16)),
                ("address", models.BinaryField()),
                ("address_hash", models.CharField(db_index=True, max_length=64)),
                ("field", models.CharField(max_length=10)),
                ("value", models.BinaryField()),
                ("state", models.CharField(default="new", max_length=10)),
                ("secret_hash", models.CharField(blank=True, db_index=True, max_length=64)),
                ("received_at", models.DateTimeField()),
                ("told_at", models.DateTimeField(null=True)),
                ("source", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="sources.source")),
            ],
            options={
                "db_table": "sources_supplied",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("source", "address_hash", "field"), name="one_value_a_source_and_field"
                    )
                ],
            },
        ),
    ]
