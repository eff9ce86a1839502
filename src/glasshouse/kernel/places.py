"""Places that several programs of one installation must agree on."""

import hashlib
from pathlib import Path


def socket_folder(data: Path) -> Path:
    """Folder of the store's socket. A Unix socket's path may have 107 bytes, so deep data folders get a short link."""
    folder = data / "people-socket"
    if len(str(folder)) < 85:
        return folder
    # Not the temporary folder of this process: each part has one of its own, and all must find the same socket.
    return Path("/tmp") / f"glasshouse-{hashlib.sha256(str(data).encode()).hexdigest()[:12]}"  # noqa: S108
