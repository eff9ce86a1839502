"""A site knows whether the files of its folder are imported by themselves, and by whom."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("greenhouse", "0003_amendment"),
    ]

    operations = [
        migrations.AddField(
            model_name="site",
            name="intake",
            field=models.BinaryField(null=True),
        ),
    ]
