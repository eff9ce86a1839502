"""The process that works on one foreign file, and nothing else: `python -m crop_contract.sandbox_child`.

Rules of this module:

1. It gets its order and the file through its standard input, never a path, a key or a secret, and opens no database.
2. Its limits and restrictions hold before the first byte of the file is taken, and cannot be taken back.
3. It answers in frames (kind, length, content) on its standard output. Its parent believes none of them.
4. An error of ours leaves as its class and place, without its text, which may hold somebody's words.
"""

import importlib
import json
import os
import resource
import struct
import sys
import sysconfig
import traceback
import zoneinfo
from contextlib import suppress
from pathlib import Path
from typing import Any

from crop_contract import sandbox_kernel as kernel
from crop_contract.processes import die_with_parent
from crop_contract.sandbox_work import BROKEN, HOLDS, MEMORY, REFUSED, Answer, Refused

NICER = 10
# A reader may ask for these late, when no file of Python's own can be opened any more.
ENCODINGS = (
    "ascii",
    "cp1252",
    "latin_1",
    "raw_unicode_escape",
    "unicode_escape",
    "utf_8_sig",
    "utf_16",
    "utf_16_be",
    "utf_16_le",
    "utf_32",
    "idna",
)
LIBRARIES = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache",
    "/dev/null",
    "/dev/urandom",
)


def _bound(limits: dict[str, int]) -> bool:
    """Tell the kernel what this process may use; whether it knows all of these limits."""
    cpu_s, memory_bytes, open_files = limits["cpu_s"], limits["memory_bytes"], limits["open_files"]
    bounds = {
        resource.RLIMIT_CPU: (cpu_s, cpu_s + 1),
        resource.RLIMIT_AS: (memory_bytes, memory_bytes),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_NOFILE: (open_files, open_files),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NPROC: (0, 0),
    }
    all_known = True
    for kind, soft_and_hard in bounds.items():
        try:
            resource.setrlimit(kind, soft_and_hard)
        except (OSError, ValueError):
            all_known = False
    os.nice(NICER)  # Whoever waits for a page comes first.
    return all_known


def _readable() -> list[str]:
    """What the process may read from now on: Python, our code, the libraries of both, time zones."""
    paths = sysconfig.get_paths()
    installed = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    source = str(Path(__file__).resolve().parents[1])
    return [source, *installed, *zoneinfo.TZPATH, *LIBRARIES]


def _prepare(order: dict[str, Any]) -> Any:
    """The module that does the work, with everything in memory that it needs of our own files."""
    for name in ENCODINGS:
        with suppress(ImportError):
            importlib.import_module(f"encodings.{name}")
    module = importlib.import_module(order["work"])
    if hasattr(module, "prepare"):
        module.prepare(order["request"])
    return module


def _place(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}"


def main() -> None:
    """Take one order and one file, answer, end."""
    die_with_parent()
    source, answer = sys.stdin.buffer, Answer(sys.stdout.buffer)
    (length,) = struct.unpack("!I", source.read(4))
    order = json.loads(source.read(length))
    holds = {"network": kernel.leave_network()}  # While there is one thread: what is imported may start another.
    try:
        work = _prepare(order)
        holds["limits"] = _bound(order["limits"])
        holds["user"] = kernel.become_nobody()
        die_with_parent()  # A change of the user takes it back.
        if os.getppid() != order["parent"]:
            return
        holds["rights"] = kernel.renounce_rights()
        holds["files"] = kernel.confine_files(_readable())
        holds["calls"] = kernel.filter_system_calls()
        answer.json(holds, HOLDS)
        work.work(order["request"], source.read(), answer)
    except Refused as error:
        answer.json({"text": str(error), "field": error.field, "values": error.values}, REFUSED)
    except MemoryError:
        answer.send(b"", MEMORY)
    except Exception as error:  # noqa: BLE001 - told by class and place, which the parent writes into its log
        answer.json(_place(error), BROKEN)


if __name__ == "__main__":
    main()
