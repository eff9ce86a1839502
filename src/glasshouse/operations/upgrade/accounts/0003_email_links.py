"""Email links know the address that they confirm; open sign-ups of before end, for they hold the hash of a password."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_second_step")]

    operations = [
        # Whoever waits for such a link opens a page that says how to start again.
        migrations.RunSQL("DELETE FROM accounts_ticket WHERE purpose = 'sign-up'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="ticket",
            name="address_hash",
            field=models.CharField(max_length=64, null=True, unique=True),
        ),
    ]
