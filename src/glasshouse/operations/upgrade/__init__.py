"""The way of earlier versions' data to the tables of today, one package an app label.

Each area has one migration that makes its tables as they are now (`<area>/migrations`). Data of versions before December 2026,
from commit 16a847e on, went through the migrations that stand here. `migrate` runs those first where the database has not seen
the new ones, and then notes the new ones as applied. Both ways lead to the same tables, and `tests/upgrade` compares them. What
comes after is an ordinary migration of its area, for everybody.
"""

from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connections, transaction
from django.db.migrations.recorder import MigrationRecorder

FOLDER = Path(__file__).parent
FIRST = "0001_tables"


def labels() -> list[str]:
    """The labels of the apps whose data may be of an earlier version."""
    return sorted(path.parent.name for path in FOLDER.glob("*/__init__.py"))


def modules() -> dict[str, str]:
    """Label -> where the earlier migrations stand, as MIGRATION_MODULES."""
    return {label: f"{__name__}.{label}" for label in labels()}


def run(database: str) -> None:
    """Bring a database of an earlier version to the tables that the new migrations make; nothing where it is new or done.

    Safe to be cut off: what ran is noted by Django, and the new migrations are noted as applied all at once, at the end.
    """
    recorder = MigrationRecorder(connections[database])
    if not recorder.has_table():
        return
    applied = {label for label, name in recorder.applied_migrations() if name != FIRST}
    done = {label for label, name in recorder.applied_migrations() if name == FIRST}
    earlier = [label for label in labels() if label in applied and label not in done]
    if not earlier:
        return
    before = settings.MIGRATION_MODULES
    settings.MIGRATION_MODULES = before | modules()
    try:
        call_command("migrate", database=database, verbosity=0, interactive=False)
    finally:
        settings.MIGRATION_MODULES = before
    with transaction.atomic(using=database):
        for label in labels():
            recorder.migration_qs.filter(app=label).delete()
            recorder.record_applied(label, FIRST)
