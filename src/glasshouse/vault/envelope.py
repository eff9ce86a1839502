"""Sealing, without I/O.

The rules of this module:

1. AES-256-GCM, a fresh 96-bit random nonce for each sealing.
2. Associated data binds a value to its place: table, column, key owner. A value moved elsewhere does not open.
3. A key owner's data key is wrapped by a root key, with the key owner and the generation as associated data.
4. Whatever does not open raises SealBrokenError; nothing is ever returned half opened.

Layout of a sealed value: 1 byte version, 1 byte data-key generation, 12 bytes nonce, cipher text, 16 bytes tag.
Source: NIST SP 800-38D; DESIGN, "Sealing".
"""

import hashlib
import hmac
import os
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from glasshouse.kernel.errors import GlasshouseError

VERSION = 1
KEY_BYTES = 32
NONCE_BYTES = 12
EMPTY_BYTES = 2 + NONCE_BYTES + 16  # length of a sealed value that holds nothing: head, nonce, tag


class SealPlace(NamedTuple):
    """Where a value stands; it opens nowhere else. Of a file's chunk: blob, number and whether it is the last, key owner."""

    table: str
    column: str
    key_owner: str


class SealBrokenError(GlasshouseError):
    """A sealed value was altered, moved, or its key is not the right one."""

    status = 500


class KeyDestroyedError(GlasshouseError):
    """The key owner's key is destroyed: its data can never be read again."""

    status = 410


class KeyLostError(KeyDestroyedError):
    """The key owner's key is not in the key store: it is newer than the backup that was brought back. As if it were destroyed."""


def new_key() -> bytes:
    """A fresh random key of KEY_BYTES."""
    return AESGCM.generate_key(bit_length=KEY_BYTES * 8)


def _context(*parts: str) -> bytes:
    return b"\x1f".join(part.encode() for part in parts)


def seal(key: bytes, generation: int, plain: bytes, *, place: tuple[str, str, str]) -> bytes:
    """Seal plain for its place (table, column, key owner) with the data key of that generation (1 to 255)."""
    nonce = os.urandom(NONCE_BYTES)
    head = bytes((VERSION, generation))
    return head + nonce + AESGCM(key).encrypt(nonce, plain, head + _context(*place))


def generation_of(sealed: bytes) -> int:
    """Which generation of the key owner's data key opens this value. Raises SealBrokenError if it is not one of ours."""
    if len(sealed) < EMPTY_BYTES or sealed[0] != VERSION:
        raise SealBrokenError("This value is not sealed in a form that this version can read.")
    return sealed[1]


def open_sealed(key: bytes, sealed: bytes, *, place: tuple[str, str, str]) -> bytes:
    """The plain bytes of a sealed value. Raises SealBrokenError."""
    generation_of(sealed)
    head, nonce, body = sealed[:2], sealed[2 : 2 + NONCE_BYTES], sealed[2 + NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, body, head + _context(*place))
    except InvalidTag:
        raise SealBrokenError(
            f"A sealed value of {place[0]}.{place[1]} does not open: altered, moved, or wrong key."
        ) from None


def wrap(root: bytes, data_key: bytes, *, key_owner: str, generation: int) -> bytes:
    """A key owner's data key, wrapped by the root key."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(root).encrypt(nonce, data_key, _context("data-key", key_owner, str(generation)))


def unwrap(root: bytes, wrapped: bytes, *, key_owner: str, generation: int) -> bytes:
    """The data key inside wrapped. Raises SealBrokenError."""
    try:
        return AESGCM(root).decrypt(
            wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _context("data-key", key_owner, str(generation))
        )
    except InvalidTag:
        raise SealBrokenError("A data key does not unwrap: it was altered, or the root key is another one.") from None


def lookup_hash(key: bytes, purpose: str, value: str) -> str:
    """Keyed hash (HMAC-SHA-256, hex) by which a sealed value is found; purpose keeps two uses from matching."""
    return hmac.new(key, _context(purpose, value), hashlib.sha256).hexdigest()
