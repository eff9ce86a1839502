"""Names as the glossary has them. Tables keep theirs: sealed values are bound to table and column."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("web", "0002_location"),
    ]

    operations = [
        migrations.RenameField(
            model_name="shownonce",
            old_name="holder",
            new_name="key_owner",
        ),
    ]
