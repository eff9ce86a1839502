"""The process that reads one file of a customer, and nothing else: `python -m glasshouse.greenhouse.file_process_child`.

Rules of this module:

1. Before the file is taken the kernel is told the bounds: processor seconds, memory, no files written, no processes started.
2. It is given the file through its standard input, never a path, a key or a secret, and opens no database.
3. It answers in frames (kind, length, content) on its standard output. Its parent believes none of them beyond a size.
4. An error of ours leaves as its class and place, without its text, which may hold a customer's words.
"""

import json
import os
import resource
import struct
import sys
import traceback
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from crop_contract.processes import die_with_parent
from glasshouse.greenhouse import files
from glasshouse.greenhouse.files import FileChoices, Layout, Reading
from glasshouse.kernel.errors import InvalidError

HEAD = struct.Struct("!cQ")  # a frame's kind and the bytes of its content
PROGRESS, ANSWER, NUMBERS, REFUSED, BROKEN, MEMORY = b"P", b"A", b"N", b"R", b"B", b"M"
OPEN_FILES, NICER = 64, 10


def _bound(request: dict[str, Any]) -> None:
    """Tell the kernel what this process may use. Where a kernel knows a bound not, the parent's deadline remains."""
    cpu_s, memory = int(request["cpu_s"]), int(request["memory"])
    bounds = {
        resource.RLIMIT_CPU: (cpu_s, cpu_s + 1),
        resource.RLIMIT_AS: (memory, memory),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_NOFILE: (OPEN_FILES, OPEN_FILES),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NPROC: (0, 0),
    }
    for kind, soft_and_hard in bounds.items():
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, soft_and_hard)
    os.nice(NICER)  # Pages come first.


def _send(out: BinaryIO, kind: bytes, content: bytes | memoryview) -> None:
    out.write(HEAD.pack(kind, len(content)))
    out.write(content)
    out.flush()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _propose(out: BinaryIO, request: dict[str, Any], body: bytes) -> None:
    proposal = files.proposal_of(body, zone=request["zone"], choices=FileChoices(**request["choices"]))
    _send(out, ANSWER, _json(proposal.as_json()))


def _read(out: BinaryIO, request: dict[str, Any], body: bytes) -> None:
    def progress(done: int, total: int) -> None:
        _send(out, PROGRESS, _json([done, total]))

    reading = files.read(body, Layout.from_json(request["layout"]), progress)
    _send(out, ANSWER, _json(_facts(reading)))
    for series in reading.points.values():
        _send(out, NUMBERS, memoryview(series.times).cast("B"))
        _send(out, NUMBERS, memoryview(series.values).cast("B"))


def _facts(reading: Reading) -> dict[str, Any]:
    counts = {
        "rows": reading.rows,
        "refused": reading.refused,
        "left_out": reading.left_out,
        "flagged": reading.flagged,
    }
    return counts | {"series": list(reading.points), "issues": [asdict(issue) for issue in reading.issues]}


def _place(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}"


def main() -> None:
    """Take one request and one file, answer, end."""
    die_with_parent()
    source, out = sys.stdin.buffer, sys.stdout.buffer
    (length,) = struct.unpack("!I", source.read(4))
    request = json.loads(source.read(length))
    _bound(request)
    try:
        body = source.read()
        (_propose if request["what"] == "propose" else _read)(out, request, body)
    except InvalidError as error:
        _send(out, REFUSED, _json({"text": str(error), "field": error.field}))
    except MemoryError:
        _send(out, MEMORY, b"")
    except Exception as error:  # noqa: BLE001 - told by class and place, which the parent writes into its log
        _send(out, BROKEN, _json(_place(error)))


if __name__ == "__main__":
    main()
