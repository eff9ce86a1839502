"""Names as the glossary has them. Tables keep theirs: sealed values are bound to table and column.

The database carries constraints and indexes along when a column is renamed, so those change in Django's state only.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("disclosures", "0002_seal_text"),
    ]

    operations = [
        migrations.RenameModel(
            old_name="Merger",
            new_name="BusinessTransfer",
        ),
        migrations.RenameModel(
            old_name="MergerNotice",
            new_name="BusinessTransferNotice",
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint(
                    model_name="businesstransfernotice",
                    name="one_notice_each",
                ),
            ],
        ),
        migrations.RenameField(
            model_name="businesstransfernotice",
            old_name="holder",
            new_name="key_owner",
        ),
        migrations.RenameField(
            model_name="businesstransfernotice",
            old_name="merger",
            new_name="business_transfer",
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddConstraint(
                    model_name="businesstransfernotice",
                    constraint=models.UniqueConstraint(
                        fields=("business_transfer", "key_owner"), name="one_notice_each"
                    ),
                ),
            ],
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint(
                    model_name="disclosure",
                    name="one_row_a_recipient",
                ),
            ],
        ),
        migrations.RenameField(
            model_name="disclosure",
            old_name="holder",
            new_name="key_owner",
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddConstraint(
                    model_name="disclosure",
                    constraint=models.UniqueConstraint(fields=("key_owner", "recipient"), name="one_row_a_recipient"),
                ),
            ],
        ),
    ]
