"""The users of the system that the parts run as when root started the service: numbers, without an entry in /etc/passwd.

Started by an ordinary user, every part is that user, and `of` gives None. Source: SEC-10; decision record 34.
"""

import ctypes
import grp
import os
import pwd
import stat
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from crop_contract import sandbox_kernel
from glasshouse.kernel.errors import GlasshouseError

VARIABLE = "GLASSHOUSE_FIRST_USER"
TOGETHER = "GLASSHOUSE_ONE_USER"  # set by a demo whose parts cannot run as others than root
FIRST = 60_600  # systemd gives none of the numbers from 60,578 to 61,183 to anybody.
LEAST, MOST = 1_000, 999_999_999
WEB, MAIL, WORKER, CROPS, READER, STARTER = "web", "inbound smtp", "worker", "crops", "file reader", "sandbox starter"
PARTS = (WEB, MAIL, WORKER, CROPS, READER, STARTER)
# Groups of several parts: what all of the people plane read; what takes requests from outside reads; who shows the certificate.
PEOPLE, DOORS, TLS = "people", "doors", "tls"
# In the order of their numbers: what is new comes last, for files of today belong to the numbers of the others.
NAMES = (WEB, MAIL, WORKER, CROPS, READER, PEOPLE, DOORS, TLS, STARTER)
MEMBERS = {
    WEB: (PEOPLE, DOORS, TLS),
    MAIL: (PEOPLE, DOORS, TLS),
    WORKER: (PEOPLE, TLS),  # The mail server of promise checks shows the certificate.
    CROPS: (TLS,),
    READER: (),
    STARTER: (),
}
DAC_OVERRIDE, DAC_READ_SEARCH, KILL, SETGID, SETUID, NET_BIND_SERVICE, SYS_PTRACE = (
    1,
    2,
    5,
    6,
    7,
    10,
    19,
)  # capabilities(7)
UNPRIVILEGED_PORT = 1_024
READS_ALL = (DAC_READ_SEARCH, SETGID, SETUID, SYS_PTRACE)
KEEPS = {READER: READS_ALL, STARTER: (KILL, SETGID, SETUID)}
_KEEP_CAPABILITIES, _NO_NEW_PRIVILEGES, _AMBIENT, _AMBIENT_RAISE, _DROP_BOUND = 8, 38, 47, 2, 24
_LAST_CAPABILITY, _VERSION_3 = 63, 0x20080522


class PartUser(NamedTuple):
    """Who a process runs as. groups: besides gid; capabilities: the only ones that it keeps."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    capabilities: tuple[int, ...] = ()
    umask: int = 0o077


class UsersError(GlasshouseError):
    """The numbers cannot be used; the message says why and what to do."""

    status = 500


def are_apart() -> bool:
    """Whether this process may give each part a user of its own: it is root, and no start found that they could not run."""
    return os.geteuid() == 0 and not os.environ.get(TOGETHER)


def first() -> int:
    """The first of our numbers. Raises UsersError."""
    text = os.environ.get(VARIABLE, "").strip() or str(FIRST)
    if not (text.isascii() and text.isdecimal() and len(text) < 11 and LEAST <= int(text) <= MOST):
        raise UsersError(f"{VARIABLE} is {text[:40]!r}. Write a whole number from {LEAST} to {MOST}, or unset it.")
    return int(text)


def number(name: str) -> int:
    """The number of a part (its user, and the group of that user alone) or of a group. name: of NAMES. Raises UsersError."""
    return first() + NAMES.index(name)


def of(part: str, port: int | None = None) -> PartUser | None:
    """Who a part runs as; None: as the present user, who is not root. port: that it listens on. Raises UsersError."""
    if not are_apart():
        return None
    own = number(part)
    capabilities = KEEPS.get(part, (NET_BIND_SERVICE,) if port and port < UNPRIVILEGED_PORT else ())
    # What web, mail and worker make in folders that they share is for all three.
    umask = 0o007 if PEOPLE in MEMBERS[part] else 0o077
    return PartUser(own, own, tuple(number(name) for name in MEMBERS[part]), capabilities, umask)


def refuse_taken() -> None:
    """Raises UsersError where one of the numbers belongs to somebody, or to the sandbox."""
    begin = first()
    numbers = range(begin, begin + len(NAMES))
    of_sandbox = range(sandbox_kernel.FIRST_USER, sandbox_kernel.FIRST_USER + sandbox_kernel.USERS)
    holder = next(filter(None, map(_holder, numbers)), "")
    if not holder and (numbers[0] in of_sandbox or numbers[-1] in of_sandbox):
        holder = "the sandbox"
    if holder:
        raise UsersError(
            f"The parts run as the users {numbers[0]} to {numbers[-1]}, and one of these belongs to {holder}. "
            f"Name the first of {len(NAMES)} free numbers in {VARIABLE}."
        )


def _holder(wanted: int) -> str:
    with suppress(KeyError):
        return pwd.getpwuid(wanted).pw_name
    with suppress(KeyError):
        return f"the group {grp.getgrgid(wanted).gr_name}"
    return ""


def is_open(mode: int, gid: int) -> bool:
    """Whether others than its owner may use a file or folder: anybody, or a group that is none of ours, or ours to change it.

    mode: with the bits of its kind.
    """
    may_read = 0o050 if stat.S_ISDIR(mode) else 0o040
    is_ours = gid in range(first(), first() + len(NAMES))
    return bool(mode & 0o077 & ~(may_read if is_ours else 0))


# -- what is made in a folder that several parts share ---------------------------------------------------------------


def make_folder(path: Path) -> None:
    """Make a folder, open to its group where the folder around it is shared (its set-group-id bit tells), else to its owner."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    is_group = bool(path.parent.stat().st_mode & stat.S_ISGID)
    try:
        path.mkdir(mode=0o770 if is_group else 0o700)
    except FileExistsError:
        return
    if is_group:
        path.chmod(0o2770)  # The mask of a command may be closer.


def open_shared(path: Path, flags: int) -> int:
    """Open a file, or make it: as `make_folder`, open to the group where the folder is shared. Follows no link."""
    is_group = bool(path.parent.stat().st_mode & stat.S_ISGID)
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o660 if is_group else 0o600)
    facts = os.fstat(handle)
    if is_group and facts.st_uid == os.geteuid() and facts.st_mode & 0o777 != 0o660:
        os.fchmod(handle, 0o660)
    return handle


def give_to_owner_of(handle: int, folder: Path) -> None:
    """Give an open file that root has just made in somebody's folder to whom the folder belongs."""
    if are_apart():
        facts = folder.stat()
        os.fchown(handle, facts.st_uid, facts.st_gid)


# -- becoming one ----------------------------------------------------------------------------------------------------


def become(user: PartUser) -> None:
    """Become a user for good: no capability but those it keeps, no right that a program could give. Raises OSError.

    To be called by root, in a process of its own, before it runs anything else.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    keeps = _available(user.capabilities)
    if keeps:
        _done(libc.prctl(_KEEP_CAPABILITIES, 1, 0, 0, 0))
    for capability in range(_LAST_CAPABILITY + 1):
        if capability not in keeps:
            libc.prctl(_DROP_BOUND, capability, 0, 0, 0)  # One that the kernel does not know is refused.
    os.setgroups(list(user.groups))
    os.setresgid(user.gid, user.gid, user.gid)
    os.setresuid(user.uid, user.uid, user.uid)
    os.umask(user.umask)
    if sys.platform == "linux":
        hold(keeps)
        for capability in keeps:
            _done(libc.prctl(_AMBIENT, _AMBIENT_RAISE, capability, 0, 0))
        _done(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))


def hold(capabilities: Sequence[int]) -> None:
    """Have these capabilities and no others. Raises OSError."""
    bits = sum(1 << capability for capability in capabilities)
    header, sets = struct.pack("Ii", _VERSION_3, 0), struct.pack("IIIIII", bits, bits, bits, 0, 0, 0)
    _done(ctypes.CDLL(None, use_errno=True).capset(header, sets))


def _available(capabilities: Sequence[int]) -> tuple[int, ...]:
    """Those that this process has. Containers may lack some; for reading, the wider one does as well."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapPrm"))
    present = int(line.split()[1], 16)
    wanted = [DAC_OVERRIDE if each == DAC_READ_SEARCH and not present >> each & 1 else each for each in capabilities]
    return tuple(each for each in wanted if present >> each & 1)


def _done(result: int) -> None:
    if result:
        number_of_error = ctypes.get_errno()
        raise OSError(number_of_error, os.strerror(number_of_error))
