"""Evidence for the checks: the data map over both stores, the crop store's columns, where keys lie."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from crop_contract.columns import CLASSIFICATION
from glasshouse.greenhouse import crops_client
from glasshouse.kernel import users
from glasshouse.vault.datamap import TECHNICAL, Basis, Class, Entry, OnErasure, Row, Subject, people_rows

CROP = Entry(
    Class.CROP,
    "user.sensor",
    Subject.CUSTOMER,
    "showing the climate and the crop",
    Basis.CONTRACT,
    "as long as the agreement runs",
    OnErasure.KEEP,
)
# Tables that libraries bring, column by column: a column not named here shows as unclassed.
# The job queue's arguments are ids only (a test reads the tasks' signatures).
THIRD_PARTY = {
    "django_migrations": ("id", "app", "name", "applied"),
    "procrastinate_events": ("id", "job_id", "type", "at"),
    "procrastinate_jobs": (
        *(
            "id",
            "queue_name",
            "task_name",
            "priority",
            "lock",
            "queueing_lock",
            "args",
            "status",
            "scheduled_at",
            "attempts",
        ),
        *("abort_requested", "worker_id"),
    ),
    "procrastinate_periodic_defers": ("id", "task_name", "defer_timestamp", "job_id", "periodic_id"),
    "procrastinate_workers": ("id", "last_heartbeat"),
}


def keys_lie_apart() -> bool:
    """Whether neither of the folders of keys and of data lies in the other, wherever symbolic links lead."""
    keys, data = Path(settings.KEYS_FOLDER).resolve(), Path(settings.DATA_FOLDER).resolve()
    return keys != data and data not in keys.parents and keys not in data.parents


def open_to_others(paths: Iterable[Path]) -> list[str]:
    """Names of the files and folders that others than their owner, and the parts that they are for, may use. Raises OSError."""
    return [path.name for path in paths if users.is_open(path.stat().st_mode, path.stat().st_gid)]


def whole_map() -> list[Row]:
    """The data map over both stores, from the declarations."""
    third = [
        Row(store, table, column, False, TECHNICAL)
        for store, tables in (("people", THIRD_PARTY), ("vault", ("django_migrations",)))
        for table in tables
        for column in THIRD_PARTY[table]
    ]
    crops = [
        Row("crops", table, column, True, CROP if classification == "crop" else TECHNICAL)
        for table, columns in CLASSIFICATION.items()
        for column, classification in columns.items()
    ]
    return people_rows([*third, *crops])


class CropColumn(NamedTuple):
    """A column of the crop store, with the classification that the store tells of it."""

    table: str
    column: str
    classification: str


def crop_columns() -> list[CropColumn]:
    """The columns that the running crop store has. Raises UnavailableError."""
    answer = crops_client.ask("GET", "/v1/evidence", tenant="", sites=[], verb="evidence:read", purpose="promise check")
    return [CropColumn(row["table"], row["name"], row["classification"]) for row in answer["columns"]]
