"""Checks of sealing and of the data map: SEC-08, PRI-02."""

import time
from pathlib import Path

from django.conf import settings

from glasshouse.promises import evidence, probe, readable
from glasshouse.promises.findings import Finding, State, judge
from glasshouse.promises.registry import check


@check("SEC-08")
def sealing() -> Finding:
    """What a probe customer wrote, and is just sending, stands in no byte of what the processes can write."""
    began = time.time()
    with probe.walked() as canaries, probe.sending(canaries):
        search = readable.look(canaries.all(), began=began)
    disk = Path(settings.DATA_FOLDER) / "crops" / "raw" / "sealed"
    open_files = [path.name for path in evidence.files(disk) if not evidence.begins_encrypted(path)]
    if search.places or open_files:
        return Finding(
            State.NOT_VERIFIED,
            f"readable in {', '.join([*search.places, *open_files][:3])} ({len(search.places) + len(open_files)} files)",
        )
    return judge(search.count > 0, f"{len(canaries.all())} canaries in none of {search.count} files")


@check("PRI-02")
def classification() -> Finding:
    """Every column of every store is in the data map."""
    known = {(row.store, row.table, row.column) for row in evidence.whole_map() if row.entry}
    real = evidence.people_columns() + [
        evidence.StoredColumn("crops", column.table, column.column) for column in evidence.crop_columns()
    ]
    missing = [".".join(column) for column in real if column not in known]
    return judge(not missing, "; ".join(missing[:3]) or f"{len(real)} columns in 3 stores, all classed")
