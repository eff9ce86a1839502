"""Names as the glossary has them. Tables keep theirs: sealed values are bound to table and column.

The database carries constraints and indexes along when a column is renamed, so those change in Django's state only.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notices", "0001_initial"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint(
                    model_name="announcement",
                    name="one_announcement_each",
                ),
            ],
        ),
        migrations.RenameField(
            model_name="announcement",
            old_name="holder",
            new_name="key_owner",
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddConstraint(
                    model_name="announcement",
                    constraint=models.UniqueConstraint(fields=("key_owner", "version"), name="one_announcement_each"),
                ),
            ],
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint(
                    model_name="acceptance",
                    name="one_acceptance_each",
                ),
            ],
        ),
        migrations.RenameField(
            model_name="acceptance",
            old_name="holder",
            new_name="key_owner",
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddConstraint(
                    model_name="acceptance",
                    constraint=models.UniqueConstraint(fields=("key_owner", "version"), name="one_acceptance_each"),
                ),
            ],
        ),
    ]
