"""How the crop plane is told, before it runs, which customers it must forget: a file of opaque ids in its folder."""

import os
import re
from pathlib import Path

NAME = "forget.txt"
TENANT = re.compile(r"^[0-9a-z]{16}$")


def append_tenant(folder: Path, tenant: str) -> None:
    """Add a customer that must be forgotten; durable before this returns. Raises ValueError for what is no opaque id."""
    if not TENANT.match(tenant):
        raise ValueError("This is no opaque id of a customer.")
    handle = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w") as file:
        if os.geteuid() == 0:  # The folder is the crop plane's, which must be able to read and to delete it.
            facts = folder.stat()
            os.fchown(handle, facts.st_uid, facts.st_gid)
        file.write(f"{tenant}\n")
        file.flush()
        os.fsync(file.fileno())


def read_tenants(folder: Path) -> list[str]:
    """The customers that must be forgotten, each once. A line that was cut off is left out: it is written again."""
    try:
        lines = (folder / NAME).read_text().splitlines()
    except FileNotFoundError:
        return []
    return list(dict.fromkeys(line for line in lines if TENANT.match(line)))


def remove(folder: Path) -> None:
    """Delete the file, after all in it are forgotten."""
    (folder / NAME).unlink(missing_ok=True)
