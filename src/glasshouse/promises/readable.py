"""Where the processes of this installation can write, and whether a text lies readable there.

Looked at: the data folder whole; the temporary folders of this machine and of each process, as far as their files are written by
the same users and are newer than the texts; each file that a process holds open elsewhere, also one without a name.
"""

import os
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from glasshouse.kernel.errors import UnavailableError
from glasshouse.promises.evidence import files, needles_of, whether_holds

SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/run/shm")  # noqa: S108 - looked at, never written to
MOST_FILES, MOST_BYTES, MOST_S = 200_000, 8 << 30, 120.0


@dataclass(slots=True)
class Search:
    """What a search found: how many files were read, and the places that hold a text. Bounded in files, bytes and time."""

    count: int = 0
    size: int = 0
    places: list[str] = field(default_factory=list)
    ends: float = field(default_factory=lambda: time.monotonic() + MOST_S)

    def take(self, path: Path, name: str, needles: list[bytes]) -> None:
        """Read one file. Raises UnavailableError past the bounds, OSError for what may not be read."""
        try:
            self.size += path.stat().st_size
            holds = whether_holds(path, needles)
        except FileNotFoundError:  # It went away meanwhile.
            return
        self.count += 1
        if holds:
            self.places.append(name)
        if self.count > MOST_FILES or self.size > MOST_BYTES or time.monotonic() > self.ends:
            raise UnavailableError("There are too many files to look at all of them.")


def look(texts: list[str], *, began: float) -> Search:
    """Search everywhere for the texts. began: epoch s; no text is older, so no older shared file can hold one.

    Raises UnavailableError, OSError.
    """
    search, needles, data = Search(), needles_of(texts), Path(settings.DATA_FOLDER)
    for path in files(data):
        search.take(path, str(path.relative_to(data)), needles)
    for folder in temporary_folders():
        for path in _newer(folder, began - 1):
            search.take(path, str(path), needles)
    for file in _open_elsewhere():
        search.take(file.path, file.name, needles)
    return search


def processes() -> list[Path]:
    """Folders below /proc of this installation's processes, as far as they may be looked into. Linux only."""
    data, folders = str(settings.DATA_FOLDER).encode(), [Path(f"/proc/{os.getpid()}")]
    for path in Path("/proc").glob("[0-9]*"):
        try:
            facts = path.joinpath("environ").read_bytes() + b"\0" + path.joinpath("cmdline").read_bytes() + b"\0"
        except OSError:
            continue
        if any(
            variable.rpartition(b"=")[2] in (data, data + b"/crops", data + b"/people")
            for variable in facts.split(b"\0")
        ):
            folders.append(path)
    return list(dict.fromkeys(folders))


def temporary_folders() -> list[Path]:
    """The machine's shared temporary folders and those that the processes name, without those inside the data folder."""
    named = {*SHARED, tempfile.gettempdir()}
    for process in processes():
        try:
            environment = process.joinpath("environ").read_bytes().split(b"\0")
        except OSError:
            continue
        named |= {
            os.fsdecode(variable[7:])
            for variable in environment
            if variable.startswith((b"TMPDIR=", b"SQLITE_TMPDIR="))
        }
    data = Path(settings.DATA_FOLDER).resolve()
    folders = {Path(name).resolve() for name in named}
    return sorted(folder for folder in folders if folder.is_dir() and folder != data and data not in folder.parents)


def _writers() -> set[int]:
    users = {os.geteuid()}
    for process in processes():
        try:
            users.add(process.stat().st_uid)
        except OSError:
            continue
    return users


def _newer(folder: Path, since: float) -> Iterator[Path]:
    """Regular files of our own users below folder that were changed since then; the data folder is looked at elsewhere."""
    users, data = _writers(), os.fsencode(Path(settings.DATA_FOLDER).resolve())
    waiting = [os.fsencode(folder)]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:  # Another user's own folder, or gone: nothing of ours is in it.
            continue
        for entry in entries:
            try:
                facts = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(facts.st_mode):
                waiting += [entry.path] if entry.path != data else []
            elif stat.S_ISREG(facts.st_mode) and facts.st_uid in users and max(facts.st_mtime, facts.st_ctime) >= since:
                yield Path(os.fsdecode(entry.path))


class _OpenFile(NamedTuple):
    """A file that a process holds open: the path by which it can be read, and what it is called."""

    path: Path
    name: str


def _open_elsewhere() -> Iterator[_OpenFile]:
    """Every regular file that a process of ours holds open outside the data folder or without a name."""
    data, inodes = str(Path(settings.DATA_FOLDER).resolve()), set()
    for process in processes():
        try:
            handles = list(process.joinpath("fd").iterdir())
        except OSError:
            continue
        for handle in handles:
            try:
                name, facts = str(handle.readlink()), handle.stat()
            except OSError:
                continue
            if name.startswith("/memfd:"):  # Memory, and no file.
                continue
            inside = name.startswith(f"{data}/") and not name.endswith("(deleted)")
            if (
                stat.S_ISREG(facts.st_mode)
                and facts.st_size
                and not inside
                and (facts.st_dev, facts.st_ino) not in inodes
            ):
                inodes.add((facts.st_dev, facts.st_ino))
                if facts.st_size <= MOST_BYTES and _written(process, handle):
                    yield _OpenFile(handle, f"{name} of process {process.name}")


def _written(process: Path, handle: Path) -> bool:
    """Whether the process opened the file for writing: its libraries and fonts are not what it wrote."""
    try:
        flags = process.joinpath("fdinfo", handle.name).read_text().partition("flags:")[2].split()[0]
    except (OSError, IndexError):
        return True
    return bool(int(flags, 8) & os.O_ACCMODE)


def open_files() -> list[str]:
    """Names of the files that the processes hold open for writing outside the data folder or without a name."""
    return [file.name for file in _open_elsewhere()]
