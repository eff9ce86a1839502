"""Names as the glossary has them. Tables keep theirs: sealed values are bound to table and column."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0002_invitations_roles_tokens"),
    ]

    operations = [
        migrations.RenameField(
            model_name="organisation",
            old_name="step_roles",
            new_name="second_factor_roles",
        ),
        migrations.RenameField(
            model_name="organisation",
            old_name="step_from",
            new_name="second_factor_from",
        ),
        migrations.RenameField(
            model_name="invitation",
            old_name="holder",
            new_name="key_owner",
        ),
    ]
