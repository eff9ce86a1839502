"""Places that several programs of one installation must agree on."""

import hashlib
import tempfile
from pathlib import Path


def socket_folder(data: Path) -> Path:
    """Folder of the store's socket. A Unix socket's path may have 107 bytes, so deep data folders get a short link."""
    folder = data / "people-socket"
    if len(str(folder)) < 85:
        return folder
    return Path(tempfile.gettempdir()) / f"glasshouse-{hashlib.sha256(str(data).encode()).hexdigest()[:12]}"
