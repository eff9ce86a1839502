"""The root keys: outside the data folder, one file a generation, readable by their owner only, or by the parts that need them."""

import os
import re
import secrets
import stat
from datetime import UTC, datetime
from pathlib import Path

from glasshouse.kernel import users
from glasshouse.kernel.errors import GlasshouseError
from glasshouse.vault import envelope

NAME = re.compile(r"^root-(\d+)\.key$")
RETIRED = re.compile(r"^root-(\d+)\.retired-(\d{8}T\d{6}Z)$")


class RootKeyError(GlasshouseError):
    """The root key is missing, readable by others, or damaged."""

    status = 500


def write_secret(path: Path, secret: bytes, *, shared: bool = False) -> None:
    """Write a new file with mode 0600; content and name are on the disk before return. Raises FileExistsError.

    What root makes in a part's folder is that part's. shared: with whom the folder is shared, where it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Under another name first: whoever is cut off, or meets a full disk, leaves no secret that is empty or half written.
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secret)
            users.give_to_owner_of(file.fileno(), path.parent)
            if shared and path.parent.stat().st_mode & stat.S_ISGID:
                os.fchmod(file.fileno(), 0o640)
            file.flush()
            os.fsync(file.fileno())
        os.link(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the names of a folder's files on the disk before this returns."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def destroy_secret(path: Path) -> None:
    """Write over a secret's file, durably, and delete it; no error if it is gone already."""
    try:
        with path.open("r+b") as file:
            file.write(os.urandom(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
    except FileNotFoundError:
        return
    path.unlink(missing_ok=True)


def read_secret(path: Path) -> bytes:
    """The content of a secret's file. Raises RootKeyError if it is missing or open to others."""
    try:
        facts = path.stat()
    except FileNotFoundError:
        raise RootKeyError(f"{path} is missing. Put the keys folder back, or name it with --keys.") from None
    if users.is_open(facts.st_mode, facts.st_gid):
        raise RootKeyError(f"{path} can be read by others (mode {facts.st_mode & 0o777:o}). Run: chmod 600 {path}")
    return path.read_bytes()


class FileRootKeys:
    """Root keys in a folder: root-1.key, root-2.key, … The highest number is the current one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held: dict[int, bytes] = {}

    def generations(self) -> list[int]:
        """Numbers of the root keys there are, ascending."""
        names = (NAME.match(path.name) for path in self.folder.glob("root-*.key"))
        return sorted(int(match[1]) for match in names if match)

    def current(self) -> int:
        """Number of the root key that wraps new data keys. Raises RootKeyError if there is none."""
        numbers = self.generations()
        if not numbers:
            raise RootKeyError(
                f"There is no root key in {self.folder}. Put the keys folder back, or name it with --keys."
            )
        return numbers[-1]

    def add(self) -> int:
        """Make the next root key; returns its number."""
        number = (self.generations() or [0])[-1] + 1
        write_secret(self.folder / f"root-{number}.key", envelope.new_key(), shared=True)
        return number

    def retire(self, number: int, at: datetime) -> None:
        """Keep a root key for the backups of the key store alone: it wraps nothing that lives. at: aware."""
        (self.folder / f"root-{number}.key").rename(
            self.folder / f"root-{number}.retired-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        )
        sync_folder(self.folder)

    def retired(self) -> dict[int, datetime]:
        """Root keys that are kept for backups alone, with when they were retired (aware UTC)."""
        matches = (RETIRED.match(path.name) for path in self.folder.glob("root-*.retired-*"))
        return {int(match[1]): datetime.strptime(f"{match[2]}+0000", "%Y%m%dT%H%M%SZ%z") for match in matches if match}

    def remove(self, number: int) -> None:
        """Destroy a root key that nothing needs any more: its bytes are written over, then the file goes."""
        for path in (self.folder / f"root-{number}.key", *self.folder.glob(f"root-{number}.retired-*")):
            destroy_secret(path)
        self._held.pop(number, None)

    def _path(self, number: int) -> Path:
        return next(self.folder.glob(f"root-{number}.retired-*"), self.folder / f"root-{number}.key")

    def key(self, number: int) -> bytes:
        """The root key of that number. Raises RootKeyError."""
        if number not in self._held:
            key = read_secret(self._path(number))
            if len(key) != envelope.KEY_BYTES:
                raise RootKeyError(f"root-{number}.key is damaged: {len(key)} bytes instead of {envelope.KEY_BYTES}.")
            self._held[number] = key
        return self._held[number]
