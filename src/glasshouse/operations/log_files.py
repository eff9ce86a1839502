"""The parts' log files stay small: a file that has grown is put aside under a number, and the oldest goes.

A part writes into a file that it was given open, so the file itself stays: its content is copied, then it is emptied. What a part
writes in the moment between the two is lost.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

MOST_BYTES, MOST_FILES = 16 << 20, 5


def keep_small(log: Path, most_bytes: int = MOST_BYTES, most_files: int = MOST_FILES) -> bool:
    """Put a log's content aside as `NAME.1` where it is larger than that; the one before becomes `NAME.2`, and so on.

    Returns whether it was done. Raises OSError; then the log is as it was, and so are those put aside, or one place further.
    """
    try:
        if log.stat().st_size <= most_bytes:
            return False
    except FileNotFoundError:
        return False
    aside = log.with_name(f"{log.name}.new")
    aside.unlink(missing_ok=True)
    try:
        _emptied_into(aside, log, most_files)
    except OSError:
        with suppress(OSError):
            aside.unlink()  # On a full disk its bytes are wanted.
        raise
    aside.replace(log.with_name(f"{log.name}.1"))
    return True


def _emptied_into(aside: Path, log: Path, most_files: int) -> None:
    with (
        log.open("rb") as source,
        os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target,
    ):
        shutil.copyfileobj(source, target)
        for number in range(most_files - 1, 0, -1):
            if (earlier := log.with_name(f"{log.name}.{number}")).exists():
                earlier.replace(log.with_name(f"{log.name}.{number + 1}"))
        shutil.copyfileobj(source, target)  # what was written meanwhile
        target.flush()
        os.truncate(log, 0)
