"""Bodies of the crop plane's routes: gzip undone within bounds, and files' readings out of an Arrow stream."""

import zlib

import numpy as np
import pyarrow as pa

from crops import lines
from crops.door import Refusal

MOST_BODY = 32 << 20  # bytes of line protocol, packed and unpacked
MOST_MEMBERS = 1_000  # of one gzip body
MOST_STREAMS = 5_000  # of one import


def imported(body: bytes) -> lines.Batch:
    """The readings of a file. body: an Arrow stream; see Plane.take_import. Raises Refusal."""
    try:
        stream = pa.ipc.open_stream(body)
        types = [stream.schema.field(name).type for name in ("stream", "time", "value")]
        if types != [pa.int32(), pa.int64(), pa.float64()]:
            raise ValueError(types)
        table = stream.read_all()
        told = {key: value.decode().split("\n") for key, value in (table.schema.metadata or {}).items()}
        code, at, value = (table.column(name) for name in ("stream", "time", "value"))
        if code.null_count or at.null_count or value.null_count:
            raise ValueError("nulls")
        code, at, value = code.to_numpy(), at.to_numpy(), value.to_numpy()
        names = [f"import,column={_escaped(name)}".encode() for name in told[b"names"]]
        streams = list(zip(names, (field.encode() for field in told[b"fields"]), strict=True))
    except (pa.ArrowException, KeyError, ValueError, OSError):
        raise Refusal(400, "invalid", "This is not an Arrow stream of (stream, time, value).") from None
    longest = max((max(len(tags), len(field)) for tags, field in streams), default=0)
    if len(streams) > MOST_STREAMS or longest > lines.LONGEST_KEY:
        raise Refusal(422, "unprocessable entity", f"A file has at most {MOST_STREAMS:,} columns with shorter names.")
    if len(code) and not (code.min() >= 0 and code.max() < len(streams) and np.isfinite(value).all()):
        raise Refusal(400, "invalid", "A stream is not named, or a value is no number.")
    return lines.Batch(streams, code, at, value)


def _escaped(name: str) -> str:
    return "".join(f"\\{char}" if char in " ,=\\" else char for char in name)


def plain(encoding: str, body: bytes) -> bytes:
    """The body without its Content-Encoding. Raises Refusal."""
    if encoding not in ("identity", "", "gzip"):
        raise Refusal(415, "invalid", "Content-Encoding must be gzip, or left out.")
    return _inflated(body) if encoding == "gzip" else body


def _inflated(body: bytes) -> bytes:
    """gzip undone, with a limit, so that a small body cannot become a huge one. All members of it (RFC 1952, 2.2)."""
    members: list[bytes] = []
    left = MOST_BODY
    while body:
        if not left or len(members) == MOST_MEMBERS:
            raise Refusal(413, "request too large", "The gzip body is larger than allowed when unpacked.")
        inflater = zlib.decompressobj(31)
        try:
            members.append(inflater.decompress(body, left))
        except zlib.error:
            raise Refusal(400, "invalid", "The body is not gzip, though Content-Encoding says so.") from None
        if inflater.unconsumed_tail or not inflater.eof:
            raise Refusal(413, "request too large", "The gzip body is cut off, or larger than allowed when unpacked.")
        left -= len(members[-1])
        body = inflater.unused_data
    return b"".join(members)
