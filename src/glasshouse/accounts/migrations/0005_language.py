"""The language that a person chose; empty until they choose one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_remove_tries_count"),
    ]

    operations = [
        migrations.AddField(model_name="person", name="language", field=models.BinaryField(null=True)),
    ]
