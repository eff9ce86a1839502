from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Result",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("promise", models.CharField(db_index=True, max_length=6)),
                ("state", models.CharField(max_length=16)),
                ("figure", models.CharField(max_length=300)),
                ("checked_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "db_table": "promises_result",
            },
        ),
    ]
