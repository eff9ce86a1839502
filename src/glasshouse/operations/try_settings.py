"""Reads the settings and tells what is wrong with them: `python -m glasshouse.operations.try_settings`, at each start."""

import sys

from django.core.exceptions import ImproperlyConfigured


def main() -> None:
    """End with 1 and the reason where a setting cannot be used."""
    try:
        import glasshouse.web.settings  # noqa: F401 - reading it is the trial
    except ImproperlyConfigured as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
