"""Names as the glossary has them. Tables keep theirs: sealed values are bound to table and column."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("sources", "0002_seal_text"),
    ]

    operations = [
        migrations.RenameModel(
            old_name="Supplied",
            new_name="ThirdPartyData",
        ),
        migrations.RenameModel(
            old_name="Objected",
            new_name="Suppression",
        ),
        migrations.RenameField(
            model_name="thirdpartydata",
            old_name="holder",
            new_name="key_owner",
        ),
    ]
