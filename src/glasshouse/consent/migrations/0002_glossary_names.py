"""Names as the glossary has them. Tables keep theirs: sealed values are bound to table and column.

The database carries constraints and indexes along when a column is renamed, so those change in Django's state only.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0001_initial"),
    ]

    operations = [
        migrations.RenameModel(
            old_name="Stance",
            new_name="ConsentRecord",
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint(
                    model_name="restriction",
                    name="one_open_restriction_each",
                ),
            ],
        ),
        migrations.RenameField(
            model_name="restriction",
            old_name="holder",
            new_name="key_owner",
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddConstraint(
                    model_name="restriction",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("lifts_at", None)), fields=("key_owner",), name="one_open_restriction_each"
                    ),
                ),
            ],
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveIndex(
                    model_name="consentrecord",
                    name="stance_newest",
                ),
            ],
        ),
        migrations.RenameField(
            model_name="consentrecord",
            old_name="holder",
            new_name="key_owner",
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddIndex(
                    model_name="consentrecord",
                    index=models.Index(fields=["key_owner", "purpose", "at"], name="stance_newest"),
                ),
            ],
        ),
    ]
