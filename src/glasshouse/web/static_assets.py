"""The bundled files of the pages as they are sent: the style sheet made of its parts, fingerprints, compressed once at the start.

An address with a fingerprint names one content for ever, so browsers keep it for a year and never ask again. The address without
one is for programs and for pages that are open while a new version starts. Decision record 42.
"""

import gzip
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
    ".avif": "image/avif",
}
COMPRESSED = {".js", ".css", ".svg"}  # A font and a picture are compressed by themselves.
SHEET = "glasshouse.css"
# The parts of the style sheet, in order: each component is one block in one of them.
STYLES = (
    *("tokens", "base", "layout", "shell", "public", "card", "button", "chip", "tabs", "table", "form", "feedback"),
    *("overlay", "facts", "tile", "chart", "prose", "danger", "public_details", "account", "thread", "desk"),
)
LINK = re.compile(rb"url\(([\w.-]+)\)")


class Asset(NamedTuple):
    """A file as it is sent. address: with its fingerprint; packed: compressed by gzip, None where that saves nothing."""

    address: str
    content_type: str
    content: bytes
    packed: bytes | None


class Assets(NamedTuple):
    """All files, by their plain names, and the plain name of each that has a fingerprint."""

    by_name: dict[str, Asset]
    plain_names: dict[str, str]


@cache
def assets() -> Assets:
    """Every bundled file. Read once a process: a file that changes needs a start, as code does."""
    contents = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}
    by_name = {name: _asset(name, content) for name, content in contents.items()}

    def fingerprinted(match: re.Match[bytes]) -> bytes:
        linked = by_name[match[1].decode()]
        return b"url(" + linked.address.rpartition("/")[2].encode() + b")"

    # The sheet names the font by its fingerprint, as the page's head does: else it would be fetched twice.
    by_name[SHEET] = _asset(SHEET, LINK.sub(fingerprinted, sheet()))
    plain_names = {asset.address.rpartition("/")[2]: name for name, asset in by_name.items()}
    return Assets(by_name, plain_names)


def sheet() -> bytes:
    """The style sheet, made of its parts."""
    return b"\n".join((FOLDER / "styles" / f"{name}.css").read_bytes() for name in STYLES)


def _asset(name: str, content: bytes) -> Asset:
    stem, _, ending = name.rpartition(".")
    fingerprint = hashlib.sha256(content).hexdigest()[:12]
    packed = gzip.compress(content, 9, mtime=0) if f".{ending}" in COMPRESSED else None
    address = f"/static/{stem}.{fingerprint}.{ending}"
    return Asset(address, TYPES[f".{ending}"], content, packed)


def address_of(name: str) -> str:
    """The address of a bundled file, with its fingerprint. Raises KeyError where there is no such file."""
    return assets().by_name[name].address
