"""The results of checks get the words of the glossary, also in stored rows. Running it again changes nothing."""

from django.db import migrations, models

NAMES = (("kept", "verified"), ("not kept", "not verified"), ("unproven", "not checked"))
RENAME = "UPDATE promises_result SET state = '{}' WHERE state = '{}';"
FORWARD = " ".join(RENAME.format(new, old) for old, new in NAMES)
BACK = " ".join(RENAME.format(old, new) for old, new in NAMES)
LONGER = " DELETE FROM promises_result WHERE state = 'nothing to check';"  # longer than the old column


class Migration(migrations.Migration):
    dependencies = [("promises", "0001_initial")]

    operations = [
        migrations.AlterField("result", "state", models.CharField(max_length=16)),
        migrations.RunSQL(FORWARD, BACK + LONGER),
    ]
