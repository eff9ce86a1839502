"""Clusters of the key store that a restore put aside. Knows no settings and no model: the supervisor, which is root, reads it."""

import shutil
from datetime import timedelta
from pathlib import Path

from glasshouse.kernel import clock

KEY_BACKUP_DAYS = 7  # unless the operator names another number


def remove_put_aside(keystore: Path, days: int) -> None:
    """Delete clusters that a restore put aside, as long ago as a backup lives: they hold keys of whoever was erased since.

    Where each part has a user, they belong to none of ours, and the supervisor deletes them.
    """
    oldest = clock.now().timestamp() - timedelta(days=days).total_seconds()
    for path in keystore.glob("cluster.damaged-*"):
        if path.is_dir() and not path.is_symlink() and path.stat().st_mtime < oldest:
            shutil.rmtree(path, ignore_errors=True)
