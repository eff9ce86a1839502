"""Bytes that are held only for a moment (a body on its way in, an export on its way out): never readable on a disk.

Rules of this module:

1. What is small stays in memory. What is larger goes to a file without a name inside the data folder.
2. Each block is sealed with a key that exists in this process's memory only, made for this one file, and bound to its number.
3. The file has no name from its first byte on: when the process ends, also by SIGKILL, the kernel frees it.
4. Where the file system has no files without names, what a killed process left is removed at the next start (`clear`); nobody
   has its key.

Source: SEC-08.
"""

import hashlib
import io
import os
import shutil
import tempfile
import threading
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

BLOCK = 1 << 18
IN_MEMORY = 1 << 18


def folder() -> Path:
    """Where the files of this module lie; made when it is missing."""
    path = Path(settings.DATA_FOLDER) / "spool"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def clear() -> None:
    """Remove what a killed process left. To be called by the supervisor before any part runs."""
    shutil.rmtree(folder(), ignore_errors=True)
    folder()


class Spool(io.RawIOBase):
    """A file to append to and to read, also while it grows. One writer and one reader may work at once, each in its thread.

    in_memory: up to how many bytes (about) nothing is written to the disk.
    """

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        super().__init__()
        self._in_memory = in_memory
        self._blocks: list[bytes | int] = []  # plain bytes, or where the sealed block begins in the file
        self._tail = bytearray()
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self._file: io.FileIO | None = None
        self._written = 0
        self._position = 0
        self._lock = threading.Lock()
        self.size = 0

    def append(self, piece: bytes) -> None:
        """Add bytes at the end, wherever the reader is."""
        with self._lock:
            self._tail += piece
            self.size += len(piece)
            while len(self._tail) >= BLOCK:
                block = bytes(self._tail[:BLOCK])
                del self._tail[:BLOCK]
                self._blocks.append(block if self.size <= self._in_memory else self._seal(block))

    def _seal(self, block: bytes) -> int:
        if self._file is None:
            file = tempfile.TemporaryFile(dir=folder(), buffering=0)  # noqa: SIM115 - `close` closes it
            assert isinstance(file, io.FileIO)  # noqa: S101 - tells the type checker what buffering=0 gives
            self._file = file
        at = self._written
        sealed = memoryview(self._cipher.encrypt(_nonce(len(self._blocks)), block, None))
        while sealed:
            count = os.pwrite(self._file.fileno(), sealed, self._written)
            sealed, self._written = sealed[count:], self._written + count
        return at

    def _block(self, number: int) -> bytes:
        if number == len(self._blocks):
            return bytes(self._tail)
        block = self._blocks[number]  # Its bytes, or where in the file it begins.
        if isinstance(block, bytes):
            return block
        assert self._file is not None  # noqa: S101 - a place in the file is only known once there is one
        sealed = os.pread(self._file.fileno(), BLOCK + 16, block)
        return self._cipher.decrypt(_nonce(number), sealed, None)

    @property
    def on_disk(self) -> bool:
        """Whether a part of it lies, sealed, on the disk."""
        return self._file is not None

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The reader's position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the reader. Raises ValueError for a place before the beginning."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if start + offset < 0:
            raise ValueError("There is nothing before the beginning of a file.")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        """Fill the buffer from the reader's position; how many bytes were there."""
        with self._lock:
            number, offset = divmod(self._position, BLOCK)
            if self._position >= self.size:
                return 0
            piece = self._block(number)[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def close(self) -> None:
        """Forget everything."""
        if not self.closed:
            with self._lock:
                self._blocks, self._tail = [], bytearray()
                if self._file is not None:
                    self._file.close()
        super().close()


def _nonce(number: int) -> bytes:
    # A counter is enough: each file has a key of its own, and no block is sealed twice.
    return number.to_bytes(12, "big")


class SealedUploadHandler(FileUploadHandler):
    """Takes the files of a form into spools: Django's own handlers write larger ones readably into the temporary folder."""

    chunk_size = BLOCK

    def new_file(self, *args: object, **kwargs: object) -> None:
        """Begin with the next file of the form."""
        super().new_file(*args, **kwargs)  # type: ignore[arg-type]
        self.spool, self.digest = Spool(), hashlib.sha256()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Take a piece of the file."""
        self.spool.append(raw_data)
        self.digest.update(raw_data)

    def file_complete(self, file_size: int) -> "UploadedFile[bytes]":
        """The whole file, to be read like any other. Its `digest` is the SHA-256 (hex) of its content."""
        whole = UploadedFile(
            file=io.BufferedReader(self.spool, BLOCK),
            name=self.file_name,
            content_type=self.content_type,
            size=file_size,
            charset=self.charset,
            content_type_extra=self.content_type_extra,
        )
        whole.digest = self.digest.hexdigest()  # type: ignore[attr-defined]
        return whole

    def upload_interrupted(self) -> None:
        """Forget what came."""
        if hasattr(self, "spool"):
            self.spool.close()
