"""Ten simulated years of a service of its own: people come, do things and go; the sweep runs now and then. Prints what is left.

Run by test_pri_18_19_ten_years: in a process of its own, because time is turned for everybody in it.
"""

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

from glasshouse.operations.installation import Installation
from tests import prepared

YEARS, MONTH = 10, timedelta(days=30)


def main(folder: Path, port: int, months: int) -> None:
    """Live through ten years in folder, with a sweep after each so many months, a divisor of 120."""
    from glasshouse.operations.service import running

    home = Installation(folder / "data", folder / "keys", port, port + 1, port + 2, demo=True, testing=True)
    prepared.take(home)
    # Nothing is scheduled: the worker lives in the present, and what its checks added would be years old by our clock.
    with running(home, lambda text: None):
        os.environ.update(home.environment())
        import django

        django.setup()
        print(json.dumps(_live(months)))


def _live(months: int) -> dict[str, object]:
    from glasshouse.kernel import clock
    from glasshouse.retention import api as retention
    from glasshouse.retention import legal_holds
    from tests import ten_years_people as people

    start = clock.now()
    anna, ben = people.grower("anna"), people.grower("ben")
    people.asks("same", 6, kind="access")
    people.asks("alone", 1, kind="object")
    people.do_everything(anna)
    people.do_everything(ben)
    legal_holds.place(ben.address, legal_holds.Order("0" * 16, "a court", 3650))
    overdue = 0
    for month in range(1, YEARS * 12 + 2, months):
        with clock.frozen(start + MONTH * month):
            retention.run_deletions()
            overdue += sum(retention.due().values())
    with clock.frozen(start + MONTH * (YEARS * 12 + 1)):
        return {"overdue": overdue} | people.left(anna, ben)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
