"""The format of a backup of the key store: lines of text in sealed chunks. It knows no database.

Layout: MAGIC, the header (JSON, one line), then chunks of (4-byte length, AES-256-GCM of up to CHUNK bytes). The key is derived
(HKDF-SHA-256) from the key of the header's day and the header's salt. The nonce is the chunk's number and whether it is the last;
the associated data is the hash of the header. So nothing can be altered, left out, moved, cut off, or put under another header.
Source: the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015); RFC 5869.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from glasshouse.kernel import users
from glasshouse.kernel.errors import GlasshouseError
from glasshouse.kernel.ids import new_id
from glasshouse.vault.root import sync_folder

MAGIC = b"glasshouse key backup 1\n"
SUFFIX = ".keys"  # of a backup's name
CHUNK = 1 << 20
MOST_HEADER = 1 << 16


class BackupError(GlasshouseError):
    """A backup cannot be made, read or used; the message says which, why, and what to do."""

    status = 500


@dataclass(frozen=True, slots=True)
class Header:
    """What a backup says of itself, readable without a key.

    day: whose key seals it (ISO date); made_at: ISO time; installation: whose key store; keys: living data keys; lines, head: how
    long the ledger was, and the hash of its last line; roots: root keys that wrap the keys in it; salt: hex.
    """

    day: str
    made_at: str
    installation: str
    keys: int
    lines: int
    head: str
    roots: list[int]
    salt: str


def write(path: Path, header: Header, lines: Iterable[str], day_key: bytes) -> None:
    """Write a backup; durable before this returns, and nothing is left of one that failed. lines: without line ends."""
    partial = path.with_name(f"{path.name}.partial-{new_id()}")
    head = MAGIC + json.dumps(asdict(header), sort_keys=True).encode() + b"\n"
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(head)
            _write_chunks(file, head, lines, _cipher(day_key, header))
            users.give_to_owner_of(file.fileno(), path.parent)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
        sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def _write_chunks(file: BinaryIO, head: bytes, lines: Iterable[str], cipher: AESGCM) -> None:
    bound_to, number, buffer = hashlib.sha256(head).digest(), 0, bytearray()
    for line in lines:
        buffer += line.encode() + b"\n"
        while len(buffer) > CHUNK:
            _put(file, cipher.encrypt(_nonce(number, is_last=False), bytes(buffer[:CHUNK]), bound_to))
            del buffer[:CHUNK]
            number += 1
    _put(file, cipher.encrypt(_nonce(number, is_last=True), bytes(buffer), bound_to))


def _put(file: BinaryIO, sealed: bytes) -> None:
    file.write(len(sealed).to_bytes(4, "big") + sealed)


class File(NamedTuple):
    """A file in a folder of backups. header: what it says of itself; None: it is damaged, or no backup."""

    path: Path
    header: Header | None


def files_in(folder: Path) -> Iterator[File]:
    """The backups in a folder, by name; none where there is no folder."""
    for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else ():
        try:
            yield File(path, header_of(path))
        except BackupError:
            yield File(path, None)


def header_of(path: Path) -> Header:
    """What a backup says of itself; nothing proves it until the backup is read. Raises BackupError."""
    with _opened(path) as file:
        return _header(file, path)[0]


def read(path: Path, day_key: bytes) -> Iterator[str]:
    """The lines of a backup, each after it is proved. Raises BackupError for one that was altered or cut off."""
    with _opened(path) as file:
        header, head = _header(file, path)
        cipher, bound_to, size = (
            _cipher(day_key, header),
            hashlib.sha256(head).digest(),
            os.fstat(file.fileno()).st_size,
        )
        rest, number, is_last = b"", 0, False
        while not is_last:
            length = int.from_bytes(file.read(4), "big")
            sealed = file.read(length) if length <= CHUNK + 16 else b""
            is_last = file.tell() >= size
            try:
                plain = cipher.decrypt(_nonce(number, is_last=is_last), sealed, bound_to)
            except (InvalidTag, ValueError):
                raise BackupError(
                    f"{path} does not open at its part {number + 1}: it was altered or cut off, or the key is another one. "
                    "Take an earlier backup."
                ) from None
            *whole, rest = (rest + plain).split(b"\n")
            yield from (line.decode() for line in whole)
            number += 1


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}.") from None


def _header(file: BinaryIO, path: Path) -> tuple[Header, bytes]:
    magic, line = file.read(len(MAGIC)), file.readline(MOST_HEADER)
    try:
        if magic != MAGIC:
            raise ValueError
        header = Header(**json.loads(line))
        date.fromisoformat(header.day)
        datetime.fromisoformat(header.made_at)
        bytes.fromhex(header.salt)
        if not all(isinstance(number, int) for number in (header.keys, header.lines, *header.roots)):
            raise TypeError
    except (ValueError, TypeError):
        raise BackupError(f"{path} is no backup of a key store.") from None
    return header, magic + line


def _cipher(day_key: bytes, header: Header) -> AESGCM:
    derive = HKDF(hashes.SHA256(), 32, bytes.fromhex(header.salt), b"glasshouse key backup")
    return AESGCM(derive.derive(day_key))


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])
