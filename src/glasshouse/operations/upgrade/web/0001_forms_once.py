from django.db import migrations, models

import glasshouse.kernel.ids


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="FormSent",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("done", models.BooleanField(default=False)),
                ("location", models.CharField(blank=True, max_length=400)),
                ("sent_at", models.DateTimeField()),
            ],
            options={"db_table": "web_form_sent"},
        ),
        migrations.CreateModel(
            name="ShownOnce",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("holder", models.CharField(db_index=True, max_length=16)),
                ("session", models.CharField(max_length=16)),
                ("purpose", models.CharField(max_length=20)),
                ("value", models.BinaryField()),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={"db_table": "web_shown_once"},
        ),
    ]
