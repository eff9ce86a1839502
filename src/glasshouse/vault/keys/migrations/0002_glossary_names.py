"""Names as the glossary has them. Tables keep theirs: sealed values are bound to table and column.

The database carries constraints and indexes along when a column is renamed, so those change in Django's state only.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("vault_keys", "0001_initial"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint(
                    model_name="datakey",
                    name="one_key_a_generation",
                ),
            ],
        ),
        migrations.RenameField(
            model_name="datakey",
            old_name="holder",
            new_name="key_owner",
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddConstraint(
                    model_name="datakey",
                    constraint=models.UniqueConstraint(fields=("key_owner", "generation"), name="one_key_a_generation"),
                ),
            ],
        ),
    ]
