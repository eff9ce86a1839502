"""The write-ahead log: a batch is sealed, written and fsynced here before its sender hears 204. Groups share one fsync.

Record: 4-byte length, 12-byte nonce, AES-256-GCM cipher text bound to the segment's and the record's number. A torn last
record (kill -9 while writing) was never acknowledged and is dropped; anything else that does not open stops the start.
"""

import os
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SEGMENT_BYTES = 64 << 20


class LogError(Exception):
    """The log cannot be written (disk full?) or does not open."""


class Log:
    """An append-only sealed log in segments. `append` returns a future of (segment, record) once durable."""

    def __init__(self, folder: Path, key: bytes) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder, self._cipher = folder, AESGCM(key)
        self._waiting: queue.SimpleQueue[tuple[bytes | None, Future[int]] | None] = queue.SimpleQueue()
        self._segment = max(self.segments(), default=0)
        self._thread: threading.Thread | None = None

    def segments(self) -> list[int]:
        """Numbers of the segments on disk, ascending."""
        return sorted(int(path.stem) for path in self.folder.glob("*.wal"))

    def _path(self, segment: int) -> Path:
        return self.folder / f"{segment:010d}.wal"

    def replay(self) -> Iterator[tuple[int, bytes]]:
        """(segment, plain record) of all that is on disk, in order. Raises LogError."""
        for segment in self.segments():
            data, at, number = self._path(segment).read_bytes(), 0, 0
            while at + 4 <= len(data):
                length = int.from_bytes(data[at : at + 4], "big")
                sealed = data[at + 4 : at + 4 + length]
                if len(sealed) < length:
                    break  # Torn: never acknowledged.
                try:
                    yield segment, self._cipher.decrypt(sealed[:12], sealed[12:], b"%d:%d" % (segment, number))
                except InvalidTag:
                    raise LogError(
                        f"record {number} of {self._path(segment).name} was altered, or the key is another"
                    ) from None
                at, number = at + 4 + length, number + 1

    def start(self) -> None:
        """Begin a new segment and accept records."""
        self._segment += 1
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def append(self, record: bytes) -> "Future[int]":
        """Future of the segment's number, done when the record is on disk; LogError in it when it could not be."""
        done: Future[int] = Future()
        self._waiting.put((record, done))
        return done

    def roll(self) -> "Future[int]":
        """Begin a new segment; the future holds the number of the one that ended."""
        done: Future[int] = Future()
        self._waiting.put((None, done))
        return done

    def stop(self) -> None:
        """Write what waits, then end."""
        self._waiting.put(None)
        if self._thread:
            self._thread.join()

    def drop(self, segment: int) -> None:
        """Delete a segment whose records are all in the store."""
        self._path(segment).unlink(missing_ok=True)

    @property
    def current(self) -> int:
        """Number of the segment being written."""
        return self._segment

    def _run(self) -> None:
        number, file = 0, self._open()
        while (first := self._waiting.get()) is not None:
            group, rolls = [], []
            item: tuple[bytes | None, Future[int]] | None = first
            while item is not None:
                record, done = item
                if record is None:
                    rolls.append(done)
                    break
                group.append((record, done))
                if self._waiting.empty() or len(group) >= 256:
                    break
                item = self._waiting.get()
                if item is None:
                    self._waiting.put(None)
            place = os.lseek(file, 0, os.SEEK_END)
            if self._write_group(file, place, number, group):
                number += len(group)
            if rolls or place > SEGMENT_BYTES:
                os.close(file)
                self._segment += 1
                number, file = 0, self._open()
            for done in rolls:
                done.set_result(self._segment - 1)
        os.close(file)

    def _write_group(self, file: int, place: int, number: int, group: list[tuple[bytes, "Future[int]"]]) -> bool:
        """Write and sync a group; all of it or nothing. The futures are told which."""
        try:
            for offset, (record, _) in enumerate(group):
                self._write(file, record, number + offset)
            if group:
                os.fdatasync(file)
        except OSError as error:
            os.ftruncate(file, place)
            for _, done in group:
                done.set_exception(LogError(f"the log cannot be written: {error.strerror}"))
            return False
        for _, done in group:
            done.set_result(self._segment)
        return True

    def _open(self) -> int:
        file = os.open(self._path(self._segment), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        folder = os.open(self.folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        return file

    def _write(self, file: int, record: bytes, number: int) -> None:
        nonce = os.urandom(12)
        sealed = nonce + self._cipher.encrypt(nonce, record, b"%d:%d" % (self._segment, number))
        view = memoryview(len(sealed).to_bytes(4, "big") + sealed)
        while view:
            view = view[os.write(file, view) :]
