"""Bodies of the crop plane's routes: gzip unpacked within bounds, and readings from line protocol or from an Arrow stream."""

import time
import zlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crops import lines
from crops.cache import NS_PER_S
from crops.door import Refusal

MOST_BODY_BYTES = 32 << 20  # of line protocol, packed and unpacked
MOST_GZIP_MEMBERS = 1_000  # of one body
MOST_STREAMS = 5_000  # of one import
OLDEST_S, FUTURE_S = 20 * 365 * 86_400, 86_400  # how far a time may lie in the past, and in the future


def parsed(body: bytes, unit_ns: int) -> lines.Batch:
    """The readings of a body of line protocol; see lines.parse. Times too old or too far in the future are refused."""
    now_ns = time.time_ns()
    batch = lines.parse(body, unit_ns=unit_ns, now_ns=now_ns)
    if _refused(batch, now_ns).any() and batch.line is None:
        batch = lines.exact(body, unit_ns, now_ns)  # The fast parser keeps no numbers of lines.
    refused = _refused(batch, now_ns)
    if refused.any() and batch.line is not None:
        too_late = {int(line) for line in batch.line[batch.time > now_ns + FUTURE_S * NS_PER_S]}
        bad_lines = np.unique(batch.line[refused]).tolist()
        batch.refused += len(bad_lines)
        for line in bad_lines[: max(0, lines.MOST_PROBLEMS - len(batch.problems))]:
            reason = "lies more than a day in the future" if line in too_late else "is more than 20 years old"
            # The cause is most often a wrong precision.
            batch.problems.append(lines.Problem(line, 1, f"a time {reason}; is the request's precision right?"))
        batch.problems.sort(key=lambda problem: problem.line)
        accepted = ~refused
        batch.code, batch.time, batch.value = batch.code[accepted], batch.time[accepted], batch.value[accepted]
    return batch


def _refused(batch: lines.Batch, now_ns: int) -> npt.NDArray[np.bool_]:
    """Of which readings the time is refused."""
    too_late, too_early = batch.time > now_ns + FUTURE_S * NS_PER_S, batch.time < now_ns - OLDEST_S * NS_PER_S
    return np.asarray(too_late | too_early)


def imported(body: bytes) -> lines.Batch:
    """The readings of a file. body: an Arrow stream; see Plane.import_readings. Raises Refusal."""
    try:
        stream = pa.ipc.open_stream(body)
        types = [stream.schema.field(name).type for name in ("stream", "time", "value")]
        if types != [pa.int32(), pa.int64(), pa.float64()]:
            raise ValueError(types)
        table = stream.read_all()
        metadata = {key: value.decode().split("\n") for key, value in (table.schema.metadata or {}).items()}
        code, at, value = (table.column(name) for name in ("stream", "time", "value"))
        if code.null_count or at.null_count or value.null_count:
            raise ValueError("nulls")
        code, at, value = code.to_numpy(), at.to_numpy(), value.to_numpy()
        names = [f"import,column={_escaped(name)}".encode() for name in metadata[b"names"]]
        streams = list(zip(names, (field.encode() for field in metadata[b"fields"]), strict=True))
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


def decoded(encoding: str, body: bytes) -> bytes:
    """The body without its Content-Encoding: "gzip", "identity" or "". Raises Refusal."""
    if encoding not in ("identity", "", "gzip"):
        raise Refusal(415, "invalid", "Content-Encoding must be gzip, or left out.")
    return _unpacked(body) if encoding == "gzip" else body


def _unpacked(body: bytes) -> bytes:
    """All members of a gzip body (RFC 1952, 2.2), up to a bound, so that a small body cannot fill the memory."""
    members: list[bytes] = []
    left_bytes = MOST_BODY_BYTES
    while body:
        if not left_bytes or len(members) == MOST_GZIP_MEMBERS:
            raise Refusal(413, "request too large", "The gzip body is larger than allowed when unpacked.")
        inflater = zlib.decompressobj(31)
        try:
            members.append(inflater.decompress(body, left_bytes))
        except zlib.error:
            raise Refusal(400, "invalid", "The body is not gzip, though Content-Encoding says so.") from None
        if inflater.unconsumed_tail or not inflater.eof:
            raise Refusal(413, "request too large", "The gzip body is cut off, or larger than allowed when unpacked.")
        left_bytes -= len(members[-1])
        body = inflater.unused_data
    return b"".join(members)
