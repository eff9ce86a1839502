"""Names as the glossary has them. Tables keep theirs: sealed values are bound to table and column."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("retention", "0002_statistics"),
    ]

    operations = [
        migrations.RenameModel(
            old_name="Hold",
            new_name="LegalHold",
        ),
        migrations.RenameModel(
            old_name="Sweep",
            new_name="DeletionRun",
        ),
        migrations.RenameField(
            model_name="legalhold",
            old_name="holder",
            new_name="key_owner",
        ),
    ]
