"""Why a mail stays in is the class of an error now, as the column's CHECK wants: a mail that waits could not be changed otherwise."""

from django.db import migrations

CLASS = "^([A-Za-z_][A-Za-z0-9_]*)?$"


class Migration(migrations.Migration):
    dependencies = [("mail", "0007_glossary_names")]

    operations = [
        migrations.RunSQL(
            f"UPDATE mail_message SET refused = 'UncoveredError' WHERE refused !~ '{CLASS}'", migrations.RunSQL.noop
        ),
    ]
