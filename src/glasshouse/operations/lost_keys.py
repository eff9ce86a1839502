"""Counts persons and organisations whose key is not in the key store: `python -m glasshouse.operations.lost_keys`."""

import django


def main() -> None:
    """Print the count."""
    django.setup()
    from glasshouse.access import api as access
    from glasshouse.accounts import api as accounts
    from glasshouse.vault import api as vault

    owners = {*accounts.all_persons(), *access.all_organisations()}
    print(len(owners - set(vault.key_owners())))


if __name__ == "__main__":
    main()
