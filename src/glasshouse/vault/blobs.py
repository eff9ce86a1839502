"""Files at rest: sealed in a stream, chunk by chunk, in the blob folder. Nothing readable is ever written.

Layout: 1 byte key generation, then chunks of (4-byte length, sealed chunk). Each chunk is bound to its blob, its key owner,
its number and whether it is the last one, so that chunks cannot be dropped, swapped or cut off unseen.
Source: SEC-08; the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015) for the shape.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.db import models

from glasshouse.kernel import users
from glasshouse.kernel.errors import NotFoundError
from glasshouse.kernel.ids import BlobId, KeyOwnerId, new_id
from glasshouse.vault import api
from glasshouse.vault.envelope import SealBrokenError, SealPlace

CHUNK = 1 << 18


def _path(blob: BlobId) -> Path:
    return Path(settings.BLOB_FOLDER) / blob[:2] / blob


def _place(blob: BlobId, key_owner: KeyOwnerId, number: int, is_last: bool) -> SealPlace:
    return SealPlace(f"blob:{blob}", f"{number}:{'last' if is_last else 'more'}", key_owner)


def _chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        while len(buffer) > CHUNK:
            yield bytes(buffer[:CHUNK])
            del buffer[:CHUNK]
    yield bytes(buffer)


def store(pieces: Iterable[bytes], key_owner: KeyOwnerId) -> BlobId:
    """Seal and store a stream of bytes; durable before return. A failure on the way leaves nothing behind."""
    blob = BlobId(new_id())
    _put_file(blob, pieces, key_owner)
    return blob


def reseal(blob: BlobId, key_owner: KeyOwnerId) -> None:
    """Seal a stored blob anew under its key owner's newest key. The old one stands until the new one is whole."""
    _put_file(blob, read(blob, key_owner), key_owner)


def generation_of(blob: BlobId) -> int:
    """Generation of the data key that the blob is sealed with; 0 if it is not stored (any more)."""
    try:
        with _path(blob).open("rb") as file:
            return file.read(6)[5]
    except FileNotFoundError:
        return 0


def _put_file(blob: BlobId, pieces: Iterable[bytes], key_owner: KeyOwnerId) -> None:
    path = _path(blob)
    users.make_folder(path.parent)
    partial = path.with_suffix(f".partial-{new_id()}")
    try:
        with os.fdopen(users.open_shared(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            _write(file, pieces, blob, key_owner)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def _write(file: BinaryIO, pieces: Iterable[bytes], blob: BlobId, key_owner: KeyOwnerId) -> None:
    previous: bytes | None = None
    number = 0
    for chunk in _chunks(pieces):
        if previous is not None:
            _put(file, api.seal(previous, place=_place(blob, key_owner, number, False)))
            number += 1
        previous = chunk
    _put(file, api.seal(previous or b"", place=_place(blob, key_owner, number, True)))


def _put(file: BinaryIO, sealed: bytes) -> None:
    file.write(len(sealed).to_bytes(4, "big") + sealed)


def read(blob: BlobId, key_owner: KeyOwnerId) -> Iterator[bytes]:
    """The plain bytes of a blob, in pieces. Raises NotFoundError, SealBrokenError, KeyDestroyedError."""
    try:
        file = _path(blob).open("rb")
    except FileNotFoundError:
        raise NotFoundError("This file is no longer stored.") from None
    with file:
        size, number = os.fstat(file.fileno()).st_size, 0
        while True:
            length = int.from_bytes(file.read(4), "big")
            sealed = file.read(length)
            is_last = file.tell() >= size
            if not sealed:
                raise SealBrokenError("A stored file was cut off.")
            yield api.open_sealed(sealed, place=_place(blob, key_owner, number, is_last))
            if is_last:
                return
            number += 1


def of_rows(rows: "models.QuerySet[Any]") -> list[BlobId]:
    """The blobs that rows name, and those that rows name which go with them. To be read before they are deleted."""
    model = rows.model
    files = [field for field in model._meta.local_concrete_fields if hasattr(field, "blob_key_owner")]
    names = [str(name) for file in files for name in rows.values_list(str(file.attname), flat=True) if name]
    for relation in model._meta.related_objects:
        if relation.on_delete is models.CASCADE:
            below = relation.related_model._default_manager.filter(**{f"{relation.field.name}__in": rows})
            names += of_rows(below)
    return [BlobId(name) for name in names]


def remove(blob: BlobId) -> None:
    """Delete a blob; no error if it is gone already."""
    _path(blob).unlink(missing_ok=True)
