"""Names as the glossary has them. Tables keep theirs: sealed values are bound to table and column."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("mail", "0006_reason_and_place"),
    ]

    operations = [
        migrations.RenameField(
            model_name="message",
            old_name="holder",
            new_name="key_owner",
        ),
    ]
