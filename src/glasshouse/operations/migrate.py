"""Bring both databases to this version's tables, rights and policies. Runs as the owner of the tables."""

import sys

import django


def main() -> None:
    """Migrate, write rights and policies, put the first version of each document in force. With `keys`: the key store alone."""
    django.setup()
    from django.core.management import call_command
    from django.db import transaction

    from glasshouse.disclosures import api as disclosures
    from glasshouse.notices import api as notices
    from glasshouse.operations import key_move, upgrade
    from glasshouse.rowsecurity import policies
    from glasshouse.vault import sealing

    for database in ("vault", "default"):  # Migrations of the people store seal values, with keys of the vault.
        upgrade.run(database)
        call_command("migrate", database=database, verbosity=0, interactive=False)
        if database == "vault":
            policies.apply_keys()
            if sys.argv[1:] == ["keys"]:
                return
            key_move.copy()
    sealing.rewrite_marked()
    with transaction.atomic():  # Nobody sees a table between its old policies and its new ones.
        policies.apply()
    key_move.adopt()
    notices.install()
    disclosures.install()


if __name__ == "__main__":
    main()
