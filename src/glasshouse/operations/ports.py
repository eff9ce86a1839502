"""Whether our listeners can have their ports, and what to do where they cannot."""

import errno
import os
import socket

from glasshouse.operations.installation import InstallationError


def is_free(port: int, address: str = "127.0.0.1") -> bool:
    """Whether a listener on a port of an address would be the only one."""
    return not _hindrance(port, address)


def _hindrance(port: int, address: str) -> int:
    """The error (errno) that a listener would meet; 0: none."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.errno or errno.EIO
    return 0


def refuse_taken(port: int, address: str = "127.0.0.1") -> None:
    """Raises InstallationError where nothing can listen on the port, with the reason."""
    match _hindrance(port, address):
        case 0:
            return
        case errno.EADDRINUSE:
            raise InstallationError(f"Port {port} is taken by another program. Name another one with --port.")
        case errno.EACCES:
            raise InstallationError(
                f"Port {port} is for root alone. Name one of 1024 or more with --port, and put a proxy before it."
            )
        case errno.EADDRNOTAVAIL:
            raise InstallationError(f"{address} is no address of this machine. Correct service.bind.")
        case other:
            raise InstallationError(f"Nothing can listen on {address}, port {port}: {os.strerror(other)}.")
