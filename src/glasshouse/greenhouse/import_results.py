"""What an import sends to the crop plane, and what it reports. Without I/O."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from glasshouse.greenhouse.file_shapes import MOST_ISSUES, Layout, Reading


def report(layout: Layout, reading: Reading, answer: dict[str, int]) -> dict[str, Any]:
    """The report of an import, as it is stored and shown. answer: of the crop plane: readings taken, new, replaced."""
    return {
        "rows": reading.rows,
        "rows_in": reading.rows - reading.refused,
        "points": answer["taken"],
        "new": answer["new"],
        "replaced": answer["replaced"],
        "flagged": reading.flagged,
        "left_out": reading.left_out,
        "zone": layout.zone,
        "issues": [asdict(issue) for issue in reading.issues[:MOST_ISSUES]],
    }


def arrow_stream(layout: Layout, reading: Reading) -> bytes:
    """An Arrow stream of (stream, time in ns, value), one batch a stream; the streams' names and fields in its metadata."""
    by_name = {column.name: column for column in layout.columns}
    names = [name for name, points in reading.points.items() if points]
    metadata = {"names": "\n".join(names), "fields": "\n".join(by_name[name].variable or name for name in names)}
    schema = pa.schema([("stream", pa.int32()), ("time", pa.int64()), ("value", pa.float64())], metadata=metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        for number, name in enumerate(names):
            series = reading.points[name]
            times = np.frombuffer(series.times, np.int64) * 1_000_000_000
            places = np.full(len(series), number, np.int32)
            values = np.frombuffer(series.values, np.float64)
            stream.write_batch(
                pa.record_batch([pa.array(numbers) for numbers in (places, times, values)], schema=schema)
            )
    return bytes(sink.getvalue())
