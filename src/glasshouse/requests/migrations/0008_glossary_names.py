"""Names as the glossary has them. Tables keep theirs: sealed values are bound to table and column."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("rights", "0007_demand_person"),
    ]

    operations = [
        migrations.RenameModel(
            old_name="Copy",
            new_name="Export",
        ),
        migrations.RenameModel(
            old_name="Demand",
            new_name="LegalRequest",
        ),
        migrations.RenameModel(
            old_name="Letter",
            new_name="RequestMessage",
        ),
        migrations.RenameField(
            model_name="export",
            old_name="holder",
            new_name="key_owner",
        ),
        migrations.RenameField(
            model_name="request",
            old_name="holder",
            new_name="key_owner",
        ),
        migrations.RenameField(
            model_name="requestmessage",
            old_name="holder",
            new_name="key_owner",
        ),
    ]
