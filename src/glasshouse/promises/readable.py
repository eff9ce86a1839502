"""Where the processes of this installation can write, and whether a text lies readable there. Knows no database and no settings.

It is run by the file reader, which may read all files.

Looked at: the data folder; the temporary folders of this machine and of each process, as far as their files are written by the
same users; each file that a process holds open elsewhere, also one without a name.

A file that nobody has changed since before a text was drawn cannot hold it. It is passed over if it is one that the last look
through everything has read (device, inode, size, times of change and of status, remembered in memory). One that was never read is
read as far as the time of this look allows; over some looks, and anew every day, every file is read. What a look without secrets
has read counts as unread for one with secrets, for it searched for less.
"""

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from glasshouse.kernel.errors import UnavailableError
from glasshouse.promises import processes
from glasshouse.promises.raw_bytes import files, needles_of, whether_holds

SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/run/shm")  # noqa: S108 - looked at, never written to
MOST_FILES, MOST_BYTES, MOST_S = 200_000, 8 << 30, 120.0
STEM = "canary"  # in nearly every text that checks look for
OLD_S = 1.0  # for files that no text of this look can be in
BREATH, BREATH_S = 64 << 20, 0.02  # After so many bytes others get the disk for a moment.
DAY_S = 86_400.0


class _Facts(NamedTuple):
    """By which a file is known to be the one that was read, unchanged."""

    device: int
    inode: int
    size: int
    changed_ns: int
    status_ns: int


_read: dict[str, set[_Facts]] = {}  # by a digest of the secrets that were searched for
_read_since: list[float] = []  # Since when files are remembered, of the monotonic clock.


def forget() -> None:
    """Remember no file any more."""
    _read.clear()
    _read_since.clear()


@dataclass(slots=True)
class Search:
    """What a search found, bounded in files, bytes and time. places: those that hold a text. count: files that were read.

    stems: one of them is in whatever holds a needle. began: epoch s; no text is older. read: files that looks for the same
    secrets have read. passed: how many of those were as they were then. left: old files that this look had no time for. progress:
    told the number of files read, before each; may raise what ends the look.
    """

    needles: list[bytes]
    stems: list[bytes]
    began: float
    read: set[_Facts]
    count: int = 0
    size: int = 0
    passed: int = 0
    left: int = 0
    places: list[str] = field(default_factory=list)
    progress: Callable[[int], None] = lambda count: None
    ends: float = field(default_factory=lambda: time.monotonic() + MOST_S)
    old_ends: float = field(default_factory=lambda: time.monotonic() + OLD_S)

    def take(self, path: Path, name: str) -> None:
        """Read one file, if need be. Raises UnavailableError past the bounds, OSError for what may not be read."""
        self.progress(self.count)
        try:
            facts = path.stat()
            known = _Facts(facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
            if max(facts.st_mtime, facts.st_ctime) < self.began - 2 and not self._wanted(known):
                return
            self.size += facts.st_size
            holds = whether_holds(path, self.stems) and whether_holds(path, self.needles)
        except FileNotFoundError:  # It went away meanwhile.
            return
        self.count += 1
        if holds:
            self.places.append(name)
        else:
            self.read.add(known)
        if self.count > MOST_FILES or self.size > MOST_BYTES or time.monotonic() > self.ends:
            raise UnavailableError("There are too many files to look at all of them.")
        if self.size // BREATH > (self.size - facts.st_size) // BREATH:
            time.sleep(BREATH_S)

    def _wanted(self, known: _Facts) -> bool:
        """Whether a file that is older than the texts is read all the same."""
        if known in self.read:
            self.passed += 1
            return False
        if time.monotonic() > self.old_ends:
            self.left += 1
            return False
        return True


def look(
    data: Path,
    texts: list[str],
    *,
    began: float,
    secrets: tuple[bytes, ...] = (),
    progress: Callable[[int], None] = lambda count: None,
) -> Search:
    """Search everywhere for texts, and for the bytes of secrets. data: the data folder; began: epoch s; no text is older.

    progress: see `Search`. Raises UnavailableError, OSError.
    """
    if not _read_since or time.monotonic() - _read_since[0] > DAY_S:
        forget()
        _read_since.append(time.monotonic())
    # Many texts with one word in common are looked for by that word first.
    plain = [text for text in texts if STEM not in text]
    stems = [*needles_of([STEM, *plain] if len(plain) < len(texts) else plain), *secrets]
    read = _read.setdefault(_kind(secrets), set())
    search = Search([*needles_of(texts), *secrets], stems, began, read, progress=progress)
    for path in files(data):
        search.take(path, str(path.relative_to(data)))
    for folder in temporary_folders(data):
        for path in _newer(data, folder, began - 1):
            search.take(path, str(path))
    for file in _open_elsewhere(data):
        search.take(file.path, file.name)
    return search


def _kind(secrets: tuple[bytes, ...]) -> str:
    """Under what is remembered which files a look for these secrets has read; no secret is kept."""
    return hashlib.sha256(repr(sorted(secrets)).encode()).hexdigest()


def _processes(data: Path) -> list[Path]:
    """Folders below /proc of this installation's processes, this one first. Linux only. Raises UnavailableError."""
    return [Path(f"/proc/{number}") for number in dict.fromkeys([os.getpid(), *processes.numbers_of(data)])]


def temporary_folders(data: Path) -> list[Path]:
    """The machine's shared temporary folders and those that the processes name, without those inside the data folder."""
    named = set(SHARED)
    for process in _processes(data):
        try:
            environment = process.joinpath("environ").read_bytes().split(b"\0")
        except OSError:
            continue
        named |= {
            os.fsdecode(variable[7:])
            for variable in environment
            if variable.startswith((b"TMPDIR=", b"SQLITE_TMPDIR="))
        }
    data = data.resolve()
    folders = {Path(name).resolve() for name in named}
    return sorted(folder for folder in folders if folder.is_dir() and folder != data and data not in folder.parents)


def _writers(data: Path) -> set[int]:
    users = {os.geteuid()}
    for process in _processes(data):
        try:
            users.add(process.stat().st_uid)
        except OSError:
            continue
    return users


def _newer(data: Path, folder: Path, since: float) -> Iterator[Path]:
    """Regular files of our own users below folder that were changed since then; the data folder is looked at elsewhere."""
    users, inside = _writers(data), os.fsencode(data.resolve())
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
                waiting += [entry.path] if entry.path != inside else []
            elif stat.S_ISREG(facts.st_mode) and facts.st_uid in users and max(facts.st_mtime, facts.st_ctime) >= since:
                yield Path(os.fsdecode(entry.path))


class _OpenFile(NamedTuple):
    """A file that a process holds open: the path by which it can be read, and what it is called."""

    path: Path
    name: str


def _open_elsewhere(data: Path) -> Iterator[_OpenFile]:
    """Every regular file that a process of ours holds open outside the data folder or without a name."""
    within, inodes = str(data.resolve()), set()
    for process in _processes(data):
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
            inside = name.startswith(f"{within}/") and not name.endswith("(deleted)")
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
