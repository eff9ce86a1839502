import django.db.models.deletion
from django.db import migrations, models

import glasshouse.kernel.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Account",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("password", models.CharField(max_length=200)),
                ("staff_role", models.CharField(blank=True, max_length=20)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "accounts_account",
            },
        ),
        migrations.CreateModel(
            name="EmailLink",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("secret_hash", models.CharField(max_length=64, unique=True)),
                ("purpose", models.CharField(max_length=20)),
                ("key_owner", models.CharField(max_length=16)),
                ("claims", models.BinaryField()),
                ("address_hash", models.CharField(max_length=64, null=True, unique=True)),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "db_table": "accounts_ticket",
            },
        ),
        migrations.CreateModel(
            name="Person",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.BinaryField()),
                ("address", models.BinaryField()),
                ("address_hash", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "accounts_person",
            },
        ),
        migrations.CreateModel(
            name="Tries",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("count", models.PositiveIntegerField()),
                ("until", models.DateTimeField(db_index=True)),
            ],
            options={
                "db_table": "accounts_tries",
            },
        ),
        migrations.CreateModel(
            name="Browser",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("key_owner", models.CharField(max_length=16)),
                ("secret_hash", models.CharField(max_length=64)),
                ("label", models.BinaryField()),
                ("created_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("trusted_until", models.DateTimeField(null=True)),
                ("account", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="accounts.account")),
            ],
            options={
                "db_table": "accounts_browser",
            },
        ),
        migrations.CreateModel(
            name="FactorReset",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("asked_by", models.CharField(max_length=16)),
                ("stop_hash", models.CharField(max_length=64, unique=True)),
                ("due_at", models.DateTimeField()),
                ("created_at", models.DateTimeField()),
                ("account", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="accounts.account")),
            ],
            options={
                "db_table": "accounts_step_reset",
            },
        ),
        migrations.AddField(
            model_name="account",
            name="person",
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, to="accounts.person"),
        ),
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code_hash", models.CharField(max_length=64, unique=True)),
                ("used_at", models.DateTimeField(null=True)),
                ("account", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="accounts.account")),
            ],
            options={
                "db_table": "accounts_recovery_code",
            },
        ),
        migrations.CreateModel(
            name="SecondFactor",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("key_owner", models.CharField(max_length=16)),
                (
                    "kind",
                    models.CharField(choices=[("app", "App"), ("passkey", "Passkey"), ("text", "Text")], max_length=8),
                ),
                ("name", models.BinaryField()),
                ("secret", models.BinaryField()),
                ("lookup", models.CharField(max_length=64, null=True, unique=True)),
                ("last_turn", models.BigIntegerField(default=-1)),
                ("code_hash", models.CharField(blank=True, max_length=64)),
                ("code_until", models.DateTimeField(null=True)),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
                ("account", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="accounts.account")),
            ],
            options={
                "db_table": "accounts_second_step",
            },
        ),
        migrations.CreateModel(
            name="Session",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("secret_hash", models.CharField(max_length=64, unique=True)),
                ("key_owner", models.CharField(max_length=16)),
                ("label", models.BinaryField()),
                ("network", models.BinaryField()),
                ("pending", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("proved_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("account", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="accounts.account")),
                (
                    "browser",
                    models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to="accounts.browser"),
                ),
            ],
            options={
                "db_table": "accounts_session",
            },
        ),
        migrations.AddConstraint(
            model_name="browser",
            constraint=models.UniqueConstraint(fields=("account", "secret_hash"), name="one_row_a_browser"),
        ),
    ]
