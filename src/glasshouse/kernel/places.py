"""Places that several programs of one installation must agree on."""

import hashlib
from pathlib import Path


def socket_folder(data: Path) -> Path:
    """Folder of the people store's socket."""
    return _short(data / "people-socket", data)


def key_socket_folder(keystore: Path) -> Path:
    """Folder of the key store's socket."""
    return _short(keystore / "socket", keystore)


def reader_socket_folder(data: Path) -> Path:
    """Folder of the file reader's socket."""
    return _short(data / "run" / "file-reader", data / "run")


def starter_socket(data: Path) -> Path:
    """The socket of the sandbox starter."""
    return _short(data / "run" / "sandbox", data / "run" / "sandbox") / "socket"


def _short(folder: Path, whose: Path) -> Path:
    """A Unix socket's path may have 107 bytes, so one that is too deep gets another place."""
    if len(str(folder)) < 85:
        return folder
    # Not the temporary folder of this process: each part has one of its own, and all must find the same socket.
    return Path("/tmp") / f"glasshouse-{hashlib.sha256(str(whose).encode()).hexdigest()[:12]}"  # noqa: S108
