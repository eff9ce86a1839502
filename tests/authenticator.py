"""An authenticator app (RFC 6238), by the standard library: not from the product."""

import base64
import hashlib
import hmac
import struct
import time


def code_of(seed: str, at: float | None = None) -> str:
    """The six digits of an authenticator app at a moment."""
    counter = struct.pack(">Q", int(time.time() if at is None else at) // 30)
    digest = hmac.new(base64.b32decode(seed.replace(" ", "")), counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"
