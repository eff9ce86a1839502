from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="DataKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key_owner", models.CharField(max_length=32)),
                ("generation", models.PositiveSmallIntegerField()),
                ("wrapped", models.BinaryField()),
                ("root_generation", models.PositiveIntegerField()),
                ("created_at", models.DateTimeField()),
                ("destroyed_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "vault_data_key",
                "constraints": [
                    models.UniqueConstraint(fields=("key_owner", "generation"), name="one_key_a_generation")
                ],
            },
        ),
    ]
