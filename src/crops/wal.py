"""The write-ahead log: a batch is sealed, written and fsynced here before its sender is answered 204. Groups share one fsync.

Segment: MAGIC, then records. Record: 4-byte length, 4-byte check sum of segment, record number and length, 12-byte nonce,
AES-256-GCM cipher text bound to the segment's and the record's number. A segment of an earlier version has neither MAGIC nor
check sums. An incomplete end of the last segment (the process was killed, or power was lost while writing) was never
acknowledged and is dropped. Anything else that cannot be opened stops the start. The check sum shows whether a record is cut
off or its length was altered.
"""

import os
import queue
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import BinaryIO, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SEGMENT_BYTES = 64 << 20
MAGIC = b"GHWAL002"  # Read as the length of a record of the earlier form, this would be more than a gigabyte.
SEALING_BYTES = 12 + 16  # nonce and tag: the least that a record has


class LogError(Exception):
    """The log cannot be written (disk full?) or cannot be opened."""


class LogRecord(NamedTuple):
    """A record as it was appended, and the number of the segment that holds it."""

    segment: int
    record: bytes


class _Queued(NamedTuple):
    """What waits for the log's thread: a record, or None for the end of the segment, and the future to complete."""

    record: bytes | None
    done: "Future[int]"


def _position(segment: int, number: int) -> bytes:
    """What the seal of a record is bound to, so that records cannot be exchanged."""
    return b"%d:%d" % (segment, number)


def _check_sum(segment: int, number: int, length: bytes) -> bytes:
    return zlib.crc32(length, zlib.crc32(_position(segment, number))).to_bytes(4, "big")


class Log:
    """An append-only sealed log in segments. One thread writes it; `append` may be called from any."""

    def __init__(self, folder: Path, key: bytes) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder, self._cipher = folder, AESGCM(key)
        self._queue: queue.SimpleQueue[_Queued | None] = queue.SimpleQueue()
        self._segment = max(self.segments(), default=0)
        self._thread: threading.Thread | None = None

    def segments(self) -> list[int]:
        """Numbers of the segments on disk, ascending."""
        return sorted(int(path.stem) for path in self.folder.glob("*.wal"))

    def _path(self, segment: int) -> Path:
        return self.folder / f"{segment:010d}.wal"

    def replay(self) -> Iterator[LogRecord]:
        """Every record on disk, in order. Only one of them is in memory at a time. Raises LogError."""
        segments = self.segments()
        for segment in segments:
            with self._path(segment).open("rb") as file:
                for record in self._records(file, segment, is_last=segment == segments[-1]):
                    yield LogRecord(segment, record)

    def _records(self, file: BinaryIO, segment: int, *, is_last: bool) -> Iterator[bytes]:
        left_bytes, number = os.fstat(file.fileno()).st_size, 0
        head_bytes = 8 if file.read(len(MAGIC)) == MAGIC else 4
        if head_bytes == 8:
            left_bytes -= len(MAGIC)
        else:
            file.seek(0)
        while left_bytes:
            head = file.read(head_bytes)
            length = int.from_bytes(head[:4], "big")
            incomplete = len(head) < head_bytes or (not any(head) and _only_zeros(file))
            if not incomplete and head_bytes == 8 and head[4:] != _check_sum(segment, number, head[:4]):
                raise self._altered(segment, number)
            if incomplete or length > left_bytes - head_bytes:
                if is_last:
                    return  # Never acknowledged.
                raise LogError(
                    f"record {number} of {self._path(segment).name} is cut off, though later segments follow it"
                )
            sealed = file.read(length)
            if length < SEALING_BYTES:
                raise self._altered(segment, number)
            try:
                yield self._cipher.decrypt(sealed[:12], sealed[12:], _position(segment, number))
            except InvalidTag:
                raise self._altered(segment, number) from None
            left_bytes, number = left_bytes - head_bytes - length, number + 1

    def _altered(self, segment: int, number: int) -> LogError:
        return LogError(f"record {number} of {self._path(segment).name} was altered, or the key is another")

    def start(self) -> None:
        """Begin a new segment and start the thread that writes."""
        self._segment += 1
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether records are still being written."""
        return self._thread is not None and self._thread.is_alive()

    def append(self, record: bytes) -> "Future[int]":
        """A future of the segment's number, done when the record is on disk. It holds LogError when that was not possible."""
        done: Future[int] = Future()
        self._queue.put(_Queued(record, done))
        return done

    def roll(self) -> "Future[int]":
        """Begin a new segment. The future holds the number of the segment that ended."""
        done: Future[int] = Future()
        self._queue.put(_Queued(None, done))
        return done

    def stop(self) -> None:
        """Write what is queued, then stop the thread."""
        self._queue.put(None)
        if self._thread:
            self._thread.join()

    def drop(self, segment: int) -> None:
        """Delete a segment. Its records must be on disk in the store, or be deleted there."""
        self._path(segment).unlink(missing_ok=True)

    @property
    def current(self) -> int:
        """The number of the segment that is being written."""
        return self._segment

    def _run(self) -> None:
        number, file = 0, self._open()
        while (first := self._queue.get()) is not None:
            group, rolls = [], []
            item: _Queued | None = first
            while item is not None:
                record, done = item
                if record is None:
                    rolls.append(done)
                    break
                group.append((record, done))
                if self._queue.empty() or len(group) >= 256:
                    break
                item = self._queue.get()
                if item is None:
                    self._queue.put(None)
            if file is None:
                file = self._open()
            end = os.lseek(file, 0, os.SEEK_END) if file is not None else 0
            if self._write_group(file, end, number, group):
                number += len(group)
            if rolls or end > SEGMENT_BYTES:
                if file is not None:
                    os.close(file)
                    self._segment += 1
                number, file = 0, self._open()
            for done in rolls:
                done.set_result(self._segment - 1)
        if file is not None:
            os.close(file)

    def _write_group(self, file: int | None, end: int, number: int, group: list[tuple[bytes, "Future[int]"]]) -> bool:
        """Write and sync a group of records at the end of the file: all or none. Completes their futures."""
        try:
            if file is None:
                raise OSError(0, "no new segment can be made; is the disk full?")
            if group and not end:
                _put(file, MAGIC)
            for offset, (record, _) in enumerate(group):
                self._write(file, record, number + offset)
            if group:
                os.fdatasync(file)
        except OSError as error:
            if file is not None:
                os.ftruncate(file, end)
            for _, done in group:
                done.set_exception(LogError(f"the log cannot be written: {error.strerror}"))
            return False
        for _, done in group:
            done.set_result(self._segment)
        return True

    def _open(self) -> int | None:
        """A new segment; None when the disk is full. The next group tries again."""
        try:
            file = os.open(self._path(self._segment), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError:
            return None
        folder = os.open(self.folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        return file

    def _write(self, file: int, record: bytes, number: int) -> None:
        nonce = os.urandom(12)
        sealed = nonce + self._cipher.encrypt(nonce, record, _position(self._segment, number))
        length = len(sealed).to_bytes(4, "big")
        _put(file, length + _check_sum(self._segment, number, length) + sealed)


def _put(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def _only_zeros(file: BinaryIO) -> bool:
    """Whether only zeros follow: space that the file was given, but that was not written before power was lost."""
    while piece := file.read(1 << 20):
        if any(piece):
            return False
    return True
