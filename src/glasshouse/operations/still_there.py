"""Tells how many ids on standard input name persons or organisations: `python -m glasshouse.operations.still_there`."""

import sys

import django


def main() -> None:
    """Print how many of them are there."""
    django.setup()
    from glasshouse.access import api as access
    from glasshouse.accounts import api as accounts

    ids = set(sys.stdin.read().split())
    print(len(ids & {*accounts.all_persons(), *access.all_organisations()}))


if __name__ == "__main__":
    main()
