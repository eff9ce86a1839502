"""What the Linux kernel takes away from a process, for good: network, files, other processes, dangerous system calls.

Each function says whether its restriction holds now. None of them raises where a kernel does not know it, or where the process
may not ask for it: the caller names what holds (`sandbox.Restrictions`). Standard library only, and no thread: a process with
threads cannot leave its user namespace.

Source: landlock(7), seccomp(2), user_namespaces(7), capabilities(7); numbers of system calls from the kernel's
asm/unistd_64.h and asm-generic/unistd.h.
"""

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

# -- a network of its own ------------------------------------------------------------------------------------------

_NEW_IPC, _NEW_UTS, _NEW_USER, _NEW_NET = 0x08000000, 0x04000000, 0x10000000, 0x40000000
_PR_SET_DUMPABLE = 4


def leave_network() -> bool:
    """Move to a network namespace without any interface that is up: root directly, others by a user namespace of their own."""
    if _libc is None:
        return False
    apart = _NEW_NET | _NEW_IPC | _NEW_UTS
    if os.geteuid() == 0:
        return bool(_libc.unshare(apart) == 0)
    uid, gid = os.geteuid(), os.getegid()
    _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)  # Its own maps are not its own to write otherwise.
    if _libc.unshare(apart | _NEW_USER):
        return False
    with suppress(OSError):  # Who it is changes nothing; the network is left already.
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    return True


# -- a user of its own ---------------------------------------------------------------------------------------------

# Numbers that systemd gives to services for their run only, and that belong to nobody.
FIRST_USER, USERS = 61_184, 4_336
_PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP, _LAST_CAPABILITY = 38, 24, 63
_CAPABILITY_VERSION_3, _SYS_CAPSET = 0x20080522, {"x86_64": 126, "aarch64": 91}


def become_nobody() -> bool:
    """Be a user who owns nothing and runs nothing else: root becomes one; whom the sandbox starter started is one already."""
    if os.geteuid() != 0:
        return os.geteuid() in range(FIRST_USER, FIRST_USER + USERS)
    _drop_bounding_set()  # While it may: the right to do so goes with root.
    number = FIRST_USER + os.getpid() % USERS
    try:
        os.setgroups([])
        os.setresgid(number, number, number)
        os.setresuid(number, number, number)
    except OSError:
        return False
    return True


def _drop_bounding_set() -> None:
    for capability in range(_LAST_CAPABILITY + 1):
        if _libc is not None:
            _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def renounce_rights() -> bool:
    """No program that it might start gives it rights (no_new_privs), and it has no capability, in no namespace."""
    if _libc is None:
        return False
    _drop_bounding_set()
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    syscall = _SYS_CAPSET.get(platform.machine())
    no_capability = syscall is not None and _libc.syscall(syscall, header, bytes(24)) == 0
    return bool(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) and no_capability


# -- files ---------------------------------------------------------------------------------------------------------

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_FILE_RIGHTS = (
    13,
    14,
    15,
    15,
    16,
)  # how many there are, by the version of the interface; later ones have as many as the last
_TCP, _SCOPES = 0b11, 0b11  # bind and connect; abstract sockets and signals


def confine_files(readable: Iterable[str]) -> bool:
    """Nothing but these folders can be opened, and they for reading only; no signal or trace reaches a process outside.

    Through Landlock, which needs no right. Source: landlock(7).
    """
    if _libc is None:
        return False
    version = _libc.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)
    if version < 1:
        return False
    handled = (1 << _FILE_RIGHTS[min(version, len(_FILE_RIGHTS)) - 1]) - 1
    attributes = struct.pack("QQQ", handled, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _libc.syscall(_CREATE_RULESET, attributes, size, 0)
    if ruleset < 0:
        return False
    try:
        for path in readable:
            with suppress(OSError):  # A folder that is not there cannot be read either.
                folder = os.open(path, os.O_PATH | os.O_CLOEXEC)  # type: ignore[attr-defined,unused-ignore]
                try:
                    rights = _READ_FILE | (_READ_FOLDER if Path(path).is_dir() else 0)
                    _libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, folder), 0)
                finally:
                    os.close(folder)
        return bool(_libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


# -- system calls --------------------------------------------------------------------------------------------------

# (x86_64, aarch64); None where a machine has no such call. What makes a socket, a process, a file or a mapping of the system;
# what reaches another process; what a reader of a file never needs and an attacker of the kernel does.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "clone": (56, 220),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "setsid": (112, 157),
    "setpgid": (109, 154),
    "kill": (62, 129),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "creat": (85, None),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "link": (86, None),
    "linkat": (265, 37),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "truncate": (76, 45),
    "ftruncate": (77, 46),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "chroot": (161, 51),
    "pivot_root": (155, 41),
    "mount": (165, 40),
    "umount2": (166, 39),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_by_handle_at": (304, 265),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_setup": (206, 0),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "personality": (135, 92),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "syslog": (103, 116),
}
# "No such call", so that a library takes an older one whose arguments can be looked at.
_UNKNOWN = {"clone3": 435, "openat2": 437, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427}
_OPENAT, _OPEN, _TGKILL, _PRLIMIT64 = (257, 56), (2, None), (234, 131), (302, 261)
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_EPERM, _EACCES, _ENOSYS = 1, 13, 38
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_LOAD, _EQUAL, _GREATER_OR_EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENT_0 = 0, 4, 16  # where they stand in the kernel's seccomp_data; an argument has 8 bytes
_KILL, _REFUSE, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_OTHER_ABI = 0x40000000  # of x86_64: the same calls under other numbers
_PR_SET_SECCOMP, _FILTER_MODE = 22, 2
_Step = tuple[int, int, int, int]  # code, steps to skip if true, if false, constant


def _filter(machine: int, architecture: int, allowed: Iterable[str]) -> list[_Step]:
    """The program that the kernel runs at each system call. machine: column of the tables; allowed: names that it lets be."""

    def refused(number: int | None, error: int) -> list[_Step]:
        if number is None:
            return []
        return [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE | error)]

    def refused_if(number: int | None, argument: int, test: _Step, error: int) -> list[_Step]:
        if number is None:
            return []
        look: _Step = (_LOAD, 0, 0, _ARGUMENT_0 + 8 * argument)
        return [(_EQUAL, 0, 4, number), look, test, (_RETURN, 0, 0, _REFUSE | error), (_RETURN, 0, 0, _ALLOW)]

    steps: list[_Step] = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL)]
    steps += [(_LOAD, 0, 0, _NUMBER), (_GREATER_OR_EQUAL, 0, 1, _OTHER_ABI), (_RETURN, 0, 0, _KILL)]
    for number in _UNKNOWN.values():
        steps += refused(number, _ENOSYS)
    for numbers in (numbers for name, numbers in _REFUSED.items() if name not in allowed):
        steps += refused(numbers[machine], _EPERM)
    writing: _Step = (_ANY_BIT, 0, 1, _WRITING)
    steps += refused_if(_OPENAT[machine], 2, writing, _EACCES) + refused_if(_OPEN[machine], 1, writing, _EACCES)
    steps += refused_if(_TGKILL[machine], 0, (_EQUAL, 1, 0, os.getpid()), _EPERM)  # It may abort itself.
    steps += refused_if(_PRLIMIT64[machine], 0, (_EQUAL, 1, 0, 0), _EPERM)  # 0 is the process itself.
    return [*steps, (_RETURN, 0, 0, _ALLOW)]


def filter_system_calls(allowed: Iterable[str] = ()) -> bool:
    """Refuse the system calls above for good, but for those allowed, after `renounce_rights`. x86_64 and aarch64 only."""
    machine = platform.machine()
    if _libc is None or machine not in _ARCHITECTURES or sys.maxsize < 1 << 32:
        return False
    steps = _filter(list(_ARCHITECTURES).index(machine), _ARCHITECTURES[machine], allowed)
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    head = struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(program))
    return bool(_libc.prctl(_PR_SET_SECCOMP, _FILTER_MODE, head, 0, 0) == 0)
