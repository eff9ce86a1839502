"""A demand names the person whose data was handed over, and tells since when nobody is left to be told."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("rights", "0006_customers_answers")]

    operations = [
        migrations.AddField("demand", "person", models.CharField(blank=True, default="", max_length=16), False),
        migrations.AddField("demand", "untellable_at", models.DateTimeField(null=True)),
    ]
