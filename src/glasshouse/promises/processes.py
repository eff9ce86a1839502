"""The processes of this deployment on this machine, as the kernel tells of them in /proc. Knows no database and no settings.

It is run by the file reader, which may look into the processes of all parts.
"""

import ipaddress
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from glasshouse.kernel.errors import UnavailableError

PROC, LISTENS = Path("/proc"), "0A"


def numbers_of(data: Path) -> list[int]:
    """Process numbers of a deployment's parts: those that its supervisor began, and those that work on its data folder.

    Raises UnavailableError where there is none.
    """
    parents = {number: parent for number in _numbers() if (parent := _parent(number)) is not None}
    roots = {number for number in parents if _works_on(data, number)} | {
        number for number in _supervisors(data) if number in parents
    }
    ours = [number for number in parents if _descends(number, roots, parents)]
    if not ours:
        raise UnavailableError("No process of this deployment is seen on this machine.")
    return ours


def _numbers() -> list[int]:
    return [int(path.name) for path in PROC.iterdir() if path.name.isdecimal()]


def _parent(number: int) -> int | None:
    try:
        return int((PROC / str(number) / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return None


def _supervisors(data: Path) -> list[int]:
    """The process that holds the data folder."""
    try:
        return [int((data / "running.lock").read_text())]
    except (OSError, ValueError):
        return []


def _works_on(data: Path, number: int) -> bool:
    """Whether a process was started for a data folder, as its environment or its command says."""
    needles = [f"GLASSHOUSE_DATA={data}", f"CROPS_DATA={data}/crops", f"{data}/people"]
    try:
        parts = started_with(number).split(b"\0")
    except UnavailableError:  # Somebody else's process.
        return False
    return any(needle.encode() in parts for needle in needles)


def _descends(number: int, roots: set[int], parents: dict[int, int]) -> bool:
    while number in parents:
        if number in roots:
            return True
        number = parents[number]
    return False


def arguments_of(number: int) -> list[str]:
    """The command of a process; empty: it has ended."""
    try:
        return (PROC / str(number) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def program_of(number: int) -> str:
    """The program that a process runs: the last part of a module's name, or of a file's. "": it has ended."""
    arguments = arguments_of(number)
    if not arguments:
        return ""
    named = "-m" in arguments and arguments.index("-m") + 1 < len(arguments)
    module = arguments[arguments.index("-m") + 1] if named else Path(arguments[0]).name
    return module.rpartition(".")[2] or module


def started_with(number: int) -> bytes:
    """Command and environment of a process, as they were when it began. Raises UnavailableError."""
    try:
        return (PROC / str(number) / "cmdline").read_bytes() + b"\0" + (PROC / str(number) / "environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
    except OSError as error:
        raise UnavailableError("What a process of this deployment was started with may not be looked at.") from error


def open_files(number: int) -> list[str]:
    """Paths of the files that a process has open. Raises UnavailableError."""
    paths = []
    try:
        for link in (PROC / str(number) / "fd").iterdir():
            with suppress(FileNotFoundError):
                paths.append(str(link.readlink()))
    except (FileNotFoundError, ProcessLookupError):
        return paths
    except OSError as error:
        raise UnavailableError("The files of a process of this deployment may not be looked at.") from error
    return paths


def identity_of(number: int) -> dict[str, list[int]]:
    """Numbers of a process's users and groups (real, effective, saved, of files), of its other groups, and its capabilities.

    Keys: Uid, Gid, Groups, CapEff (one number, a bit each). Empty: it has ended.
    """
    identity: dict[str, list[int]] = {}
    try:
        lines = (PROC / str(number) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return identity
    for name, _, values in (line.partition(":") for line in lines):
        if name in ("Uid", "Gid", "Groups"):
            identity[name] = [int(value) for value in values.split()]
        elif name == "CapEff":
            identity[name] = [int(values, 16)]
    return identity


def listening() -> Iterator[tuple[str, tuple[str, int]]]:
    """Inode -> (address, port) of every listening socket of the machine."""
    for name, loopback in (("tcp", "127.0.0.1"), ("tcp6", "::1")):
        with suppress(FileNotFoundError):  # A machine without IPv6.
            for line in (PROC / "net" / name).read_text().splitlines()[1:]:
                columns = line.split()
                if columns[3] == LISTENS:
                    address, port = columns[1].split(":")
                    yield columns[9], (_address(address, loopback), int(port, 16))


def _address(text: str, loopback: str) -> str:
    """An address of /proc/net; where it means every address, that of loopback."""
    if not text.strip("0"):
        return loopback
    groups = b"".join(bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8))
    return str(ipaddress.ip_address(groups))
