"""Keys of days, under which backups of the key store are sealed. A destroyed one makes every backup of its day unreadable.

They lie in `epochs/` of the keys folder, one file a day (UTC), readable by their owner only. Source: PRI-24; docs/adr/0028.
"""

import re
from datetime import date
from pathlib import Path

from django.conf import settings

from glasshouse.kernel import clock
from glasshouse.vault import envelope
from glasshouse.vault.root import RootKeyError, destroy_secret, read_secret, write_secret

NAME = re.compile(r"^(\d{4}-\d{2}-\d{2})\.key$")


def folder() -> Path:
    """Where the keys of days lie; made when it is missing."""
    path = Path(settings.KEYS_FOLDER) / "epochs"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def days() -> list[date]:
    """The days whose keys are there, ascending."""
    names = (NAME.match(path.name) for path in folder().iterdir())
    return sorted(date.fromisoformat(match[1]) for match in names if match)


def today() -> date:
    """The day (UTC) whose key seals what is backed up now."""
    return clock.now().date()


def key_of_today() -> bytes:
    """The key of the day, made when it is missing."""
    path = _path(today())
    if not path.exists():
        write_secret(path, envelope.new_key())
    return _whole(path)


def destroy(day: date) -> None:
    """Write over the key of a day and delete it."""
    destroy_secret(_path(day))


def _path(day: date) -> Path:
    return folder() / f"{day.isoformat()}.key"


def _whole(path: Path) -> bytes:
    key = read_secret(path)
    if len(key) != envelope.KEY_BYTES:
        raise RootKeyError(
            f"{path} is damaged: {len(key)} bytes instead of {envelope.KEY_BYTES}. Delete it; it opens nothing."
        )
    return key
