"""Carries out what the ledger of erasures tells and the data has not done: `python -m glasshouse.operations.catch_up`.

It runs at a start, between the stores and the doors. Readings of a closed organisation are the crop plane's to delete; it is told
by a file in its folder, which it takes in before it answers anybody. It writes a dot to its output as it makes progress, a second
at the soonest after the last one: whoever started it stops it where none comes for long (`watched.py`).
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import django

from crop_contract.forgetting import append_tenant


def main() -> None:
    """Carry out every line; ends with an error where one cannot be."""
    django.setup()
    from django.conf import settings

    from glasshouse.queues import progress
    from glasshouse.subject import carrying_out

    crops = Path(settings.DATA_FOLDER) / "crops"
    with progress.reported_to(_dots()):
        failed = carrying_out.carry_out(lambda tenant: append_tenant(crops, tenant))
    if failed:
        sys.exit(f"lines {', '.join(map(str, failed[:20]))} of the ledger failed; the log tells where.")
    os.sync()


def _dots() -> Callable[[], None]:
    last = -1.0

    def write() -> None:
        nonlocal last
        if time.monotonic() - last >= 1:
            last = time.monotonic()
            os.write(1, b".")

    return write


if __name__ == "__main__":
    main()
