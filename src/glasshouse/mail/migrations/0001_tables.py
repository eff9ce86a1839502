from django.db import migrations, models

import glasshouse.kernel.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Message",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("key_owner", models.CharField(db_index=True, max_length=16)),
                ("kind", models.CharField(max_length=40)),
                ("address", models.BinaryField()),
                ("address_hash", models.CharField(db_index=True, max_length=64, null=True)),
                ("subject", models.BinaryField()),
                ("body", models.BinaryField()),
                ("answers", models.BinaryField(null=True)),
                ("purpose", models.CharField(blank=True, max_length=20)),
                ("refused", models.CharField(blank=True, max_length=80)),
                ("bounced_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(db_index=True, null=True)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("next_try_at", models.DateTimeField()),
                ("reason", models.CharField(blank=True, max_length=60)),
                ("place", models.CharField(blank=True, max_length=80)),
                ("set_aside_at", models.DateTimeField(null=True)),
                ("seen_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "mail_message",
                "indexes": [
                    models.Index(condition=models.Q(("sent_at", None)), fields=["created_at"], name="mail_index_due"),
                    models.Index(
                        condition=models.Q(("sent_at", None), ("set_aside_at", None)),
                        fields=["next_try_at"],
                        name="mail_waiting",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("reason__regex", "^([A-Za-z_][A-Za-z0-9_]*)?$")),
                        name="mail_reason_is_a_class",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("place__regex", "^([A-Za-z0-9_/.-]+\\.py:[0-9]+)?$")),
                        name="mail_place_is_in_our_code",
                    ),
                ],
            },
        ),
    ]
