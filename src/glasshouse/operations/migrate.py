"""Bring both databases to this version's tables, rights and policies. Runs as the owner of the tables."""

import sys

import django

TRIES = 5


def main() -> None:
    """Migrate, write rights and policies, put the first version of each document in force. With `keys`: the key store alone."""
    django.setup()
    from django.core.management import call_command

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
    _apply_policies()
    key_move.adopt()
    notices.install()
    disclosures.install()


def _apply_policies() -> None:
    """Write rights and policies of the people store in one transaction: nobody sees a table between its old and its new ones.

    It takes the locks of all tables, and the store's own cleaning (autovacuum) may stand in a circle with it. Then all of it is
    undone, and done anew. Source: PostgreSQL's documentation, 13.3.4.
    """
    from django.db import OperationalError, transaction
    from psycopg.errors import DeadlockDetected

    from glasshouse.rowsecurity import policies

    for tries_left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                policies.apply()
            return
        except OperationalError as error:
            if not isinstance(error.__cause__, DeadlockDetected) or not tries_left:
                raise


if __name__ == "__main__":
    main()
