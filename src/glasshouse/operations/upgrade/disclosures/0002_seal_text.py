"""Seal the texts of the register of recipients; a contact's address is found by its keyed hash."""

from typing import Any

from django.db import migrations, models

from glasshouse.accounts.rules import normal_address
from glasshouse.kernel.errors import InvalidError
from glasshouse.vault import api as vault
from glasshouse.vault.sealing import Column, begin, finish, seal_columns

REQUIRED = ("name", "what", "region", "purpose", "basis")
OPTIONAL = ("agreement", "safeguard", "contact")


def seal(apps: Any, schema_editor: Any) -> None:
    """Seal the rows that are there."""
    columns = [*(Column(name, required=True) for name in REQUIRED), *map(Column, OPTIONAL)]
    with schema_editor.connection.cursor() as cursor:
        seal_columns(cursor, "disclosures_recipient", "id", columns)
        cursor.execute("SELECT id, contact_clear FROM disclosures_recipient WHERE contact_clear <> ''")
        for number, contact in cursor.fetchall():
            try:
                mark = vault.lookup("address", normal_address(contact))
            except InvalidError:
                continue  # Any text could be entered as contact; only an address is looked for.
            cursor.execute("UPDATE disclosures_recipient SET address_hash = %s WHERE id = %s", [mark, number])


class Migration(migrations.Migration):
    dependencies = [("disclosures", "0001_initial")]

    operations = [
        migrations.RemoveConstraint("recipient", "provider_has_agreement"),
        *begin("recipient", (*REQUIRED, *OPTIONAL)),
        migrations.AddField("recipient", "address_hash", models.CharField(db_index=True, max_length=64, null=True)),
        migrations.RunPython(seal),
        *finish("recipient", (*REQUIRED, *OPTIONAL), required=REQUIRED),
        migrations.AddConstraint(
            "recipient",
            models.CheckConstraint(
                condition=models.Q(("kind", "provider"), _negated=True) | models.Q(("agreement__isnull", False)),
                name="provider_has_agreement",
            ),
        ),
    ]
