"""An import counts its runs, and when it was taken and undone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("greenhouse", "0001_tables"),
    ]

    operations = [
        migrations.AddField(
            model_name="upload",
            name="runs",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="upload",
            name="taken_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="upload",
            name="undone_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="upload",
            name="state",
            field=models.CharField(
                choices=[
                    ("new", "New"),
                    ("queued", "Queued"),
                    ("reading", "Reading"),
                    ("taken", "Taken"),
                    ("failed", "Failed"),
                    ("stopped", "Stopped"),
                    ("undoing", "Undoing"),
                    ("undone", "Undone"),
                ],
                default="new",
                max_length=10,
            ),
        ),
    ]
