"""Our code and keys where the parts' users can reach them, though they lie below a folder that is closed to everybody else.

A checkout or a Python in root's home is such a case. A part gets a mount namespace of its own, in which the closed folder is
replaced by one that can be passed through and holds what is needed, at the same paths, and nothing else.
Source: decision record 34; mount_namespaces(7), mount(2).
"""

import ctypes
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
_NEW_NAMESPACE = 0x00020000
_NO_SUID, _NO_DEVICES, _READ_ONLY, _REMOUNT, _BIND, _RECURSIVE, _SLAVE = 2, 4, 1, 32, 4096, 16384, 1 << 19
_OF_STAND_IN = b"mode=0711,size=1m"

Plan = Mapping[Path, list[Path]]


def of_code() -> list[Path]:
    """The folders that hold Python, the libraries and our source."""
    return [SOURCE, Path(sys.prefix), Path(sys.base_prefix)]


def closed(paths: Iterable[Path]) -> dict[Path, list[Path]]:
    """By the uppermost folder that others may not pass through: which of the paths lie below it, as they are and resolved."""
    below: dict[Path, list[Path]] = {}
    for path in sorted({way for place in paths for way in (place.absolute(), place.resolve())}):
        for parent in reversed(path.parents):
            if parent.exists() and not parent.stat().st_mode & 0o001:
                below.setdefault(parent, []).append(path)
                break
    return below


def open_up(plan: Plan) -> None:
    """Leave the machine's mounts, and let what is planned be reached. To be called by root, before it becomes another user.

    Raises OSError where this is not allowed.
    """
    if not plan:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    _done(libc.unshare(_NEW_NAMESPACE))
    _done(libc.mount(None, b"/", None, _RECURSIVE | _SLAVE, None))
    os.umask(0o022)
    for folder, paths in plan.items():
        outer = [path for path in paths if path.exists() and not any(other in path.parents for other in paths)]
        handles = [os.open(path, os.O_PATH | os.O_CLOEXEC) for path in outer]
        kind, target = b"tmpfs", os.fsencode(folder)
        _done(libc.mount(kind, target, kind, _NO_SUID | _NO_DEVICES, _OF_STAND_IN))
        for path, handle in zip(outer, handles, strict=True):
            path.mkdir(parents=True, exist_ok=True)
            _done(libc.mount(f"/proc/self/fd/{handle}".encode(), os.fsencode(path), None, _BIND | _RECURSIVE, None))
            os.close(handle)
        _done(libc.mount(None, target, None, _REMOUNT | _READ_ONLY | _NO_SUID | _NO_DEVICES, _OF_STAND_IN))


def _done(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
