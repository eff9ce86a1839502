"""Runs a command in an empty network, where two names lead to loopback: `python -m tests.hosting.namespace HOSTS COMMAND …`.

HOSTS: file that takes the place of /etc/hosts. Needs root, or user namespaces for everybody; ends with 77 where it has neither.
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

NEW_MOUNTS, NEW_USER, NEW_NETWORK = 0x20000, 0x10000000, 0x40000000  # unshare(2)
BIND, PRIVATE_ALL = 0x1000, 0x44000  # mount(2): MS_BIND; MS_PRIVATE | MS_REC
SET_FLAGS, SET_ADDRESS, UP_AND_RUNNING = 0x8914, 0x8916, 0x41  # netdevice(7)
NOT_POSSIBLE = 77
CLIENT = "192.0.2.9"
UNPRIVILEGED_PORTS = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
libc = ctypes.CDLL(None, use_errno=True)


def enter(hosts: Path) -> None:
    """Enter a network of its own, with nothing but loopback. Raises OSError."""
    uid, gid = os.geteuid(), os.getegid()
    _succeed(libc.unshare(NEW_MOUNTS | NEW_NETWORK | (NEW_USER if uid else 0)))
    if uid:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    _succeed(libc.mount(None, b"/", None, PRIVATE_ALL, None))
    _succeed(libc.mount(str(hosts).encode(), b"/etc/hosts", None, BIND, None))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        fcntl.ioctl(device, SET_FLAGS, struct.pack("16sh", b"lo", UP_AND_RUNNING))
        # A second address, from which clients come that are no loopback's.
        alias = struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(CLIENT))
        fcntl.ioctl(device, SET_ADDRESS, alias)
    UNPRIVILEGED_PORTS.write_text("0")  # A proxy there may listen on port 443, whoever starts it.


def _succeed(answer: int) -> None:
    if answer:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def main() -> None:
    """Enter, then become the command."""
    try:
        enter(Path(sys.argv[1]))
    except OSError as error:
        print(f"no network of its own: {error}", file=sys.stderr)
        sys.exit(NOT_POSSIBLE)
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - what the test names


if __name__ == "__main__":
    main()
