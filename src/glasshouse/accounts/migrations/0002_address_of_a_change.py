"""A link that would change an address is found by the keyed hash of that address, for it speaks of whoever has the address."""

import json
from typing import Any

from django.db import migrations, models

from glasshouse.vault import api as vault
from glasshouse.vault.envelope import KeyDestroyedError, SealPlace


def fill(apps: Any, schema_editor: Any) -> None:
    """Note the address's hash of each link that still works. The others confirm nothing any more, and go."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_ticket WHERE purpose = 'change' AND expires_at < now()")
        cursor.execute(
            "SELECT id, key_owner, claims FROM accounts_ticket WHERE purpose = 'change' AND address_hash IS NULL FOR UPDATE"
        )
        for link, key_owner, claims in cursor.fetchall():
            try:
                opened = vault.open_sealed(bytes(claims), place=SealPlace("accounts_ticket", "claims", key_owner))
            except KeyDestroyedError:  # Its person was erased.
                cursor.execute("DELETE FROM accounts_ticket WHERE id = %s", [link])
                continue
            address_hash = vault.lookup("address", json.loads(opened)["address"])
            cursor.execute("UPDATE accounts_ticket SET address_hash = %s WHERE id = %s", [address_hash, link])


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_tables"),
    ]

    operations = [
        migrations.AlterField(
            model_name="emaillink",
            name="address_hash",
            field=models.CharField(db_index=True, max_length=64, null=True),
        ),
        migrations.AddConstraint(
            model_name="emaillink",
            constraint=models.UniqueConstraint(
                condition=models.Q(("purpose", "sign-up")), fields=("address_hash",), name="one_sign_up_an_address"
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
