"""Runs a command as a systemd unit would, as far as that can be done without systemd.

`python -m tests.hosting.confined UNIT WRITABLE COMMAND …`: with the unit's rights, its filter of system calls (address families,
namespaces and memory among them), its view of /proc and of files, of which all but the folder WRITABLE are read-only.
Needs root; ends with 77 where the machine does not allow this.
"""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

from glasshouse.kernel import closed_folders

NOT_POSSIBLE = 77
NEW_MOUNTS, PRIVATE_ALL, BIND, READ_ONLY_AGAIN = 0x20000, 0x44000, 0x1000, 0x1021  # unshare(2), mount(2)
NEW_NAMESPACES = 0x7E020080  # all CLONE_NEW… of clone(2)
WRITE, EXECUTE = 2, 4  # mmap(2)
ALLOW, ERRNO, MASKED_EQUAL, EQUAL = 0x7FFF0000, 0x00050000, 7, 4  # seccomp.h
PERMISSION, NO_SUCH_CALL = 1, 38  # errno
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
libc = ctypes.CDLL(None, use_errno=True)


class Compare(ctypes.Structure):
    """One condition on an argument: `struct scmp_arg_cmp`."""

    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def read(unit: Path) -> dict[str, list[str]]:
    """The settings of a unit, of all sections; each with all its values in order. An empty value empties, as in systemd."""
    settings: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if line and line[0] not in "#;[":
            name, equals, value = line.partition("=")
            assert equals and name.strip() == name, line
            settings[name] = [*settings.get(name, []), value] if value else settings.get(name, [])[:0]
    return settings


def calls(settings: dict[str, list[str]]) -> set[str]:
    """The names of the system calls that the unit's filter lets through."""
    allowed: set[str] = set()
    for value in settings["SystemCallFilter"]:
        names = {name for word in value.removeprefix("~").split() for name in _named(word)}
        allowed = allowed - names if value.startswith("~") else allowed | names
    return allowed | set(_named("@default"))


def _named(word: str) -> list[str]:
    if not word.startswith("@"):
        return [word]
    text = subprocess.run(
        ["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True
    ).stdout
    words = [line.strip() for line in text.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return [name for each in words for name in _named(each)]


def rights(settings: dict[str, list[str]]) -> list[str]:
    """The command that takes away what the unit takes away of a user's rights."""
    kept = [name.removeprefix("CAP_").lower() for name in settings["CapabilityBoundingSet"][0].split()]
    bounds = ",".join(["-all", *(f"+{name}" for name in kept)])
    assert settings["NoNewPrivileges"] == ["yes"] and "User" not in settings
    return ["setpriv", "--bounding-set", bounds, "--inh-caps=-all", "--no-new-privs"]


def see(writable: Path) -> None:
    """See files as the unit does. Raises OSError."""
    # The unit wants code and Python where everybody can pass; those that run the tests may lie in a closed home.
    closed_folders.open_up(closed_folders.closed(closed_folders.of_code()))
    _done(libc.unshare(NEW_MOUNTS))
    _done(libc.mount(None, b"/", None, PRIVATE_ALL, None))
    _done(libc.mount(os.fsencode(writable), os.fsencode(writable), None, BIND, None))
    _done(libc.mount(b"proc", b"/proc", b"proc", 0, b"hidepid=invisible"))
    _done(libc.mount(None, b"/", None, READ_ONLY_AGAIN, None))


def _done(answer: int) -> None:
    if answer:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def filter_calls(settings: dict[str, list[str]]) -> None:
    """Have the kernel refuse what the unit's filter refuses, for this process and all that it starts."""
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    state = ctypes.c_void_p(seccomp.seccomp_init(ERRNO | PERMISSION))

    def add(action: int, name: str, *conditions: tuple[int, int, int, int]) -> None:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # Those of other machines have none.
            array = (Compare * len(conditions))(*(Compare(*each) for each in conditions))
            assert seccomp.seccomp_rule_add_array(state, action, number, len(conditions), array) == 0, name

    limited = {"clone", "clone3", "unshare", "setns", "socket", "mmap", "mprotect", "pkey_mprotect"}
    for name in sorted(calls(settings) - limited):
        add(ALLOW, name)
    families = settings["RestrictAddressFamilies"][0].split()
    for family in families:
        add(ALLOW, "socket", (0, EQUAL, FAMILIES[family], 0))
    assert settings["RestrictNamespaces"] == ["yes"] and settings["MemoryDenyWriteExecute"] == ["yes"]
    add(ALLOW, "clone", (0, MASKED_EQUAL, NEW_NAMESPACES, 0))
    add(ERRNO | NO_SUCH_CALL, "clone3")
    for bits in (0, WRITE, EXECUTE):
        add(ALLOW, "mmap", (2, MASKED_EQUAL, WRITE | EXECUTE, bits))
    for name in ("mprotect", "pkey_mprotect"):
        add(ALLOW, name, (2, MASKED_EQUAL, EXECUTE, 0))
    assert seccomp.seccomp_load(state) == 0


def main() -> None:
    """Confine, in two steps, then become the command."""
    unit, writable, *command = sys.argv[1:]
    settings = read(Path(unit))
    if writable:
        try:
            see(Path(writable))
        except OSError as error:
            print(f"not possible: {error}", file=sys.stderr)
            sys.exit(NOT_POSSIBLE)
        again = [sys.executable, "-m", "tests.hosting.confined", unit, "", *command]
        os.execvp("setpriv", [*rights(settings), *again])  # noqa: S606 - the unit's rights
    found = shutil.which(command[0])
    assert found
    filter_calls(settings)
    os.umask(int(settings["UMask"][0], 8))
    os.execv(found, command)  # noqa: S606 - what the test names


if __name__ == "__main__":
    main()
