from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("greenhouse", "0003_files_limits"),
    ]

    operations = [
        migrations.AddField(
            model_name="upload",
            name="proposal",
            field=models.BinaryField(null=True),
        ),
    ]
