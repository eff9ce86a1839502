"""Evidence for the checks: the data map over both stores, the crop store's columns, files' bytes, where keys lie."""

import base64
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from crop_contract.columns import CLASSIFICATION
from glasshouse.greenhouse import crops_client
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
BLOCK = 4 << 20
OTHERS = 0o077  # of a mode: what group and everybody may do
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
    """Names of the files and folders that others than their owner may read, write or enter. Raises OSError."""
    return [path.name for path in paths if path.stat().st_mode & OTHERS]


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


def files(folder: Path) -> Iterator[Path]:
    """Every regular file below folder. What vanishes meanwhile is left out; what may not be read raises OSError."""

    def tell(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    for parent, _, names in os.walk(folder, onerror=tell):
        for name in names:
            path = Path(parent) / name
            if path.is_file() and not path.is_symlink():
                yield path


def needles_of(texts: list[str]) -> list[bytes]:
    """The texts as bytes that could stand in a file: UTF-8, UTF-16 of either order, hex, and base64 wherever a text begins."""
    return [form for text in texts for form in _forms(text.encode(), text)]


def _forms(plain: bytes, text: str) -> Iterator[bytes]:
    yield plain
    yield text.encode("utf-16-le")
    yield text.encode("utf-16-be")
    yield plain.hex().encode()
    yield plain.hex().upper().encode()
    for before in range(
        3
    ):  # Base64 turns three bytes into four letters; those at the edges depend on what stands beside.
        inner = base64.b64encode(b"\0" * before + plain)
        letters = inner[(before * 8 + 5) // 6 : len(inner) - 4 if (before + len(plain)) % 3 else len(inner)]
        yield from {letters, letters.translate(bytes.maketrans(b"+/", b"-_"))}


def whether_holds(path: Path, needles: list[bytes]) -> bool:
    """Whether a file's raw bytes hold one of the needles. Raises OSError."""
    overlap, rest = max(map(len, needles)) - 1, b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            piece = rest + block
            if any(needle in piece for needle in needles):
                return True
            rest = piece[-overlap:]
    return False


def begins_encrypted(path: Path) -> bool:
    """Whether a file of the crop store's disk carries the engine's mark of an encrypted file, or is empty or gone."""
    try:
        with path.open("rb") as file:
            return file.read(3) in (b"ENC", b"")
    except FileNotFoundError:
        return True
