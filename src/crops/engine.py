"""The configuration of the crop store's engine: where it keeps what it writes, sealed, and whether it may compile queries."""

import ctypes
import mmap
import sys
from pathlib import Path

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
