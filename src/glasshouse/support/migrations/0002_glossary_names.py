"""Names as the glossary has them. Tables keep theirs: sealed values are bound to table and column."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("support", "0001_initial"),
    ]

    operations = [
        migrations.RenameModel(
            old_name="Seen",
            new_name="RecordAccess",
        ),
    ]
