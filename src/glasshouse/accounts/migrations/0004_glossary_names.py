"""Names as the glossary has them. Tables keep theirs: sealed values are bound to table and column."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_email_links"),
    ]

    operations = [
        migrations.RenameModel(
            old_name="SecondStep",
            new_name="SecondFactor",
        ),
        migrations.RenameModel(
            old_name="StepReset",
            new_name="FactorReset",
        ),
        migrations.RenameModel(
            old_name="Ticket",
            new_name="EmailLink",
        ),
        migrations.RenameField(
            model_name="emaillink",
            old_name="holder",
            new_name="key_owner",
        ),
        migrations.RenameField(
            model_name="session",
            old_name="holder",
            new_name="key_owner",
        ),
        migrations.RenameField(
            model_name="browser",
            old_name="holder",
            new_name="key_owner",
        ),
        migrations.RenameField(
            model_name="secondfactor",
            old_name="holder",
            new_name="key_owner",
        ),
    ]
