"""A folder of the operator's SFTP server, which somebody outside fills: files are offered in it, taken once, and put aside.

Rules of this module:

1. No link is followed, and no name is joined to a path: everything below the operator's own folder is opened from its folder.
2. A file is looked at by its open handle. What is no plain file with one name, is large, or has a foreign name, is never read.
3. What changed in the last QUIET_S seconds waits: nobody tells us when a file is whole. The time is that of the inode, which
   its writer cannot set.
4. Whoever fills the folder may exchange a file at any moment: what is moved away is the file that was read, or stays.

Source: decision record 44.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from glasshouse.greenhouse.statements import Statement
from glasshouse.greenhouse.tables import MOST_BYTES
from glasshouse.greenhouse.zipped import READABLE

QUIET_S = 60.0
MOST_NAMES = 1_000  # of a folder that are looked at
TAKING, DONE, REFUSED = "taking", "done", "refused"
# Names of files that are being written, as SFTP clients choose them; hidden ones, too. They wait.
UNFINISHED = (".part", ".filepart", ".partial", ".tmp", ".crdownload", "~")
NAME = re.compile(r"\w[\w .,()+=@#&'-]{0,119}")
LONGEST_NAME = 200  # bytes, of the 255 that a file system takes: an id and a size stand before it
ID = re.compile(r"[0-9a-z]{16}")
TAKEN_NAME = re.compile(r"([0-9a-z]{16})-(\d{1,10})~(.{1,200})", re.DOTALL)
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Offered(NamedTuple):
    """A file that was read whole, and which one it was."""

    content: bytes
    inode: int
    changed_ns: int


class Taken(NamedTuple):
    """A file in the folder of those being imported: the name there, the id of its upload, its bytes then, and its own name."""

    entry: str
    upload: str
    size: int
    name: str


def places(root: Path) -> list[str]:
    """The folders below the operator's, as "organisation:site", by their ids. Raises OSError where that one cannot be read."""
    listed_places = []
    for organisation in _ids(root):
        with suppress(OSError):  # Whoever closed or removed one customer's folder stops no other.
            listed_places += [f"{organisation}:{site}" for site in _ids(root / organisation)]
    return listed_places


def _ids(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(
            entry.name
            for entry in islice(entries, 100 * MOST_NAMES)
            if ID.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
        )


class Folder:
    """An open folder of one site, with those in it for what is being imported, done and refused. Methods raise OSError."""

    def __init__(self, handles: dict[str, int]) -> None:
        self._handles = handles

    def names(self) -> list[str]:
        """What is in the folder and is no folder, the oldest first."""
        with os.scandir(self._handles[""]) as entries:
            listed = [entry.name for entry in islice(entries, MOST_NAMES) if not entry.is_dir(follow_symlinks=False)]
        changed_at = {}
        for name in listed:
            with suppress(FileNotFoundError):  # Whoever put it there took it away again.
                changed_at[name] = self._status(name).st_mtime
        return sorted(changed_at, key=lambda name: (changed_at[name], name))

    def taken(self) -> list[Taken]:
        """The files that are being imported."""
        with os.scandir(self._handles[TAKING]) as entries:
            matches = [TAKEN_NAME.fullmatch(entry.name) for entry in islice(entries, MOST_NAMES)]
        return [Taken(match[0], match[1], int(match[2]), match[3]) for match in matches if match]

    def waits(self, name: str, now_s: float) -> bool:
        """Whether a file may not be whole yet. now_s: seconds since 1970 UTC."""
        if name.startswith(".") or name.lower().endswith(UNFINISHED):
            return True
        status = self._status(name)
        return stat.S_ISREG(status.st_mode) and now_s - status.st_ctime < QUIET_S

    def flaw(self, name: str) -> Statement | None:
        """Why a file is not even read; None where it may be."""
        status = self._status(name)
        if not stat.S_ISREG(status.st_mode):
            return Statement("This is a link or a device, and not a file. Put the file itself here.")
        if status.st_nlink > 1:
            return Statement("This file has a second name elsewhere on the server. Put a copy here.")
        if not NAME.fullmatch(name) or not name.lower().endswith((*READABLE, ".zip")):
            return Statement(
                "The name of this file is not one of a table. Letters, digits, spaces and .,()+=@#&'- may stand in it, and it "
                "ends with .csv, .txt, .xlsx or another form that can be imported."
            )
        if status.st_size > MOST_BYTES:
            return Statement("The file is larger than %(most)s MB. Split it.", {"most": MOST_BYTES >> 20})
        return None

    def read(self, name: str) -> Offered | None:
        """A file's content; None where it changed while it was read, or is another than a plain one now."""
        handle = os.open(name, FILE_FLAGS, dir_fd=self._handles[""])
        with os.fdopen(handle, "rb") as file:
            before = os.fstat(handle)
            if not stat.S_ISREG(before.st_mode) or before.st_nlink > 1 or before.st_size > MOST_BYTES:
                return None
            content = file.read(MOST_BYTES + 1)
            after = os.fstat(handle)
        if (before.st_size, before.st_ctime_ns) != (after.st_size, after.st_ctime_ns) or len(content) != before.st_size:
            return None
        return Offered(content, before.st_ino, before.st_mtime_ns)

    def take(self, name: str, upload: str, offered: Offered) -> bool:
        """Move a file that was read to those being imported; False where another one, or another content, has its name now,
        which stays."""
        entry = f"{upload}-{len(offered.content)}~{_short(name)}"
        self._move(name, "", entry, TAKING)
        status = self._status(entry, TAKING)
        # The inode of a removed file is soon another's, and content may be exchanged in its place.
        if (status.st_ino, status.st_mtime_ns, status.st_size) == (*offered[1:], len(offered.content)):
            return True
        self._move(entry, TAKING, name, "")
        return False

    def grew(self, taken: Taken) -> bool:
        """Whether a file has another size than when it was taken: it was not whole."""
        return self._status(taken.entry, TAKING).st_size != taken.size

    def finish(self, taken: Taken) -> None:
        """Put a file that came in to those done."""
        self._move(taken.entry, TAKING, f"{taken.upload}~{taken.name}", DONE)

    def refuse(self, name: str, number: str, reason: Statement, *, of: Taken | None = None) -> None:
        """Put a file to those refused, with the reason beside it. number: what tells it apart from others of its name."""
        entry = f"{number}~{_bounded(name)}"
        self._remove_reason(entry)  # A look that was cut off may have left one.
        beside = os.open(
            f"{entry}.reason.txt",
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW,
            0o660,
            dir_fd=self._handles[REFUSED],
        )
        try:
            with os.fdopen(beside, "w") as file:
                file.write(f"{reason}\n")
            self._move(of.entry if of else name, TAKING if of else "", entry, REFUSED)
        except OSError:  # The disk is full, say: each look would leave another.
            self._remove_reason(entry)
            raise

    def _remove_reason(self, entry: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(f"{entry}.reason.txt", dir_fd=self._handles[REFUSED])

    def _status(self, name: str, folder: str = "") -> os.stat_result:
        return os.stat(name, dir_fd=self._handles[folder], follow_symlinks=False)

    def _move(self, name: str, folder: str, new_name: str, new_folder: str) -> None:
        os.rename(name, new_name, src_dir_fd=self._handles[folder], dst_dir_fd=self._handles[new_folder])


def _short(name: str) -> str:
    """A name of NAME, cut in the middle where it has so many bytes that nothing could stand before it."""
    content = name.encode()
    if len(content) <= LONGEST_NAME:
        return name
    return content[: LONGEST_NAME - 20].decode(errors="ignore") + content[-20:].decode(errors="ignore")


def _bounded(name: str) -> str:
    """A foreign name, short enough that more may stand around it, in letters that every file system has."""
    return name.encode("ascii", "replace").decode().replace("?", "_")[:120]


@contextmanager
def opened(root: Path, organisation: str, site: str) -> Iterator[Folder]:
    """The folder of a site, for the length of the block. Raises OSError, also where a part of it is a link."""
    handles: dict[str, int] = {}
    try:
        handles["root"] = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        handles["organisation"] = os.open(organisation, FOLDER_FLAGS, dir_fd=handles["root"])
        handles[""] = os.open(site, FOLDER_FLAGS, dir_fd=handles["organisation"])
        for name in (TAKING, DONE, REFUSED):
            with suppress(FileExistsError):
                os.mkdir(name, 0o770, dir_fd=handles[""])
            handles[name] = os.open(name, FOLDER_FLAGS, dir_fd=handles[""])
        yield Folder(handles)
    finally:
        for handle in handles.values():
            os.close(handle)
