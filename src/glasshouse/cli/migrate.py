"""Bring both databases to this version's tables, rights and policies. Runs as the owner of the tables."""

import django


def main() -> None:
    """Migrate, then write rights and policies."""
    django.setup()
    from django.core.management import call_command

    from glasshouse.access import policies

    for database in ("default", "vault"):
        call_command("migrate", database=database, verbosity=0, interactive=False)
    policies.apply()


if __name__ == "__main__":
    main()
