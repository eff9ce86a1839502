"""The crop store's engine: where it keeps what it writes, sealed, whether it may compile queries, and what its start leaves."""

import ctypes
import mmap
import re
import sys
from pathlib import Path
from typing import NamedTuple

CONFIG = """<clickhouse><storage_configuration>
<disks><raw><type>local</type><path>{raw}/</path></raw>
<sealed><type>encrypted</type><disk>raw</disk><path>sealed/</path><algorithm>AES_256_CTR</algorithm>
<key_hex from_env="CROPS_DISK_KEY"/></sealed></disks>
<policies><sealed><volumes><main><disk>sealed</disk></main></volumes></sealed></policies>
</storage_configuration><tmp_policy>sealed</tmp_policy></clickhouse>"""
# Settings by which it would compile a question that comes again and again to machine code.
COMPILING = ("compile_expressions", "compile_aggregate_expressions", "compile_sort_description")


def configuration(raw: Path) -> str:
    """As the engine reads it. raw: folder of the sealed files."""
    return CONFIG.format(raw=raw.resolve())


def settings() -> tuple[str, ...]:
    """Statements to begin with. Where the system lets no memory become executable, a compiled question would fail."""
    return () if may_compile() else tuple(f"SET {name} = 0" for name in COMPILING)


def may_compile() -> bool:
    """Whether memory that was written may be made executable here: a hardened unit of systemd refuses it.

    Source: systemd.exec(5), MemoryDenyWriteExecute; mprotect(2).
    """
    if sys.platform != "linux":
        return True
    with mmap.mmap(-1, mmap.PAGESIZE) as page:
        start = ctypes.c_char.from_buffer(page)
        protect = mmap.PROT_READ | mmap.PROT_EXEC
        refused = ctypes.CDLL(None).mprotect(
            ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(mmap.PAGESIZE), protect
        )
        ctypes.CDLL(None).mprotect(
            ctypes.c_void_p(ctypes.addressof(start)),
            ctypes.c_size_t(mmap.PAGESIZE),
            mmap.PROT_READ | mmap.PROT_WRITE,
        )
        del start
    return bool(refused == 0)


# -- what the start leaves -------------------------------------------------------------------------------------------

_MAPPED = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+ *(.*)")
_NOT_NEEDED = 4  # madvise(2)


class _Piece(NamedTuple):
    """A piece of memory as the kernel lists it. anonymous_kb: of what was written to, which no file holds."""

    begin: int
    end: int
    rights: str
    path: str
    anonymous_kb: int


def give_back() -> int:
    """Give back what of the engine's program file is in memory, once it has started; returns how many pieces of it. Linux only.

    Its start reads most of the file, and its work less than half. What is needed again is read from the file again. A piece that
    was written to, as the loader does with addresses, is left alone. Source: decision record 53; madvise(2).
    """
    if sys.platform != "linux":
        return 0
    libc = ctypes.CDLL(None)
    pieces = [
        piece
        for piece in _pieces(Path("/proc/self/smaps").read_text())
        if "/_chdb" in piece.path and piece.rights in ("r-xp", "r--p") and not piece.anonymous_kb
    ]
    for piece in pieces:
        libc.madvise(ctypes.c_void_p(piece.begin), ctypes.c_size_t(piece.end - piece.begin), _NOT_NEEDED)
    return len(pieces)


def _pieces(listed: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    for line in listed.splitlines():
        if mapped := _MAPPED.fullmatch(line):
            pieces.append(_Piece(int(mapped[1], 16), int(mapped[2], 16), mapped[3], mapped[4], 0))
        elif line.startswith("Anonymous:"):
            pieces[-1] = pieces[-1]._replace(anonymous_kb=int(line.split()[1]))
    return pieces
