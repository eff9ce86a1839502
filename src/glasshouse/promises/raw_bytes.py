"""Files as raw bytes: which hold a text, in whichever form it could stand there. Knows no database and no settings."""

import base64
import os
from collections.abc import Iterator
from pathlib import Path

BLOCK = 4 << 20


def files(folder: Path) -> Iterator[Path]:
    """Every regular file below folder. What vanishes meanwhile is left out; what may not be read raises OSError."""

    def tell(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    for parent, _, names in os.walk(folder, onerror=tell):
        for name in names:
            path = Path(parent) / name
            if path.is_file() and not path.is_symlink():
                yield path


def needles_of(texts: list[str]) -> list[bytes]:
    """The texts as bytes that could stand in a file: UTF-8, UTF-16 of either order, hex, and base64 wherever a text begins."""
    return [form for text in texts for form in _forms(text.encode(), text)]


def _forms(plain: bytes, text: str) -> Iterator[bytes]:
    yield plain
    yield text.encode("utf-16-le")
    yield text.encode("utf-16-be")
    yield plain.hex().encode()
    yield plain.hex().upper().encode()
    for before in range(
        3
    ):  # Base64 turns three bytes into four letters; those at the edges depend on what stands beside.
        inner = base64.b64encode(b"\0" * before + plain)
        letters = inner[(before * 8 + 5) // 6 : len(inner) - 4 if (before + len(plain)) % 3 else len(inner)]
        yield from {letters, letters.translate(bytes.maketrans(b"+/", b"-_"))}


def whether_holds(path: Path, needles: list[bytes]) -> bool:
    """Whether a file's raw bytes hold one of the needles. Raises OSError."""
    overlap, rest = max(map(len, needles)) - 1, b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            piece = rest + block
            if any(needle in piece for needle in needles):
                return True
            rest = piece[-overlap:]
    return False


def begins_encrypted(path: Path) -> bool:
    """Whether a file of the crop store's disk carries the engine's mark of an encrypted file, or is empty or gone."""
    try:
        with path.open("rb") as file:
            return file.read(3) in (b"ENC", b"")
    except FileNotFoundError:
        return True
