"""What a worker in the sandbox has: a way to answer, and a way to refuse a file.

A worker is a module with `work(request, body, answer)`, and perhaps `prepare(request)`, which brings into memory what it needs of
our own files: once `work` runs, none of them may be open to it any more.
"""

import json
import struct
from typing import BinaryIO

HEAD = struct.Struct("!cQ")  # a frame's kind and the bytes of its content
HOLDS, DATA, NOTE, REFUSED, BROKEN, MEMORY = b"H", b"D", b"P", b"R", b"B", b"M"


class Refused(Exception):
    """What is wrong with the file, for whoever sent it. field: of the form; values: what stands at the marks of the text."""

    def __init__(self, text: str, field: str = "file", values: "dict[str, str | int] | None" = None) -> None:
        super().__init__(text)
        self.field = field
        self.values = values or {}


class Answer:
    """The way back to the parent."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def send(self, content: "bytes | memoryview", kind: bytes = DATA) -> None:
        """One frame."""
        self._out.write(HEAD.pack(kind, len(content)))
        self._out.write(content)
        self._out.flush()

    def json(self, value: object, kind: bytes = DATA) -> None:
        """One frame of JSON. Half a surrogate pair, which is no text, becomes a question mark."""
        self.send(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"), kind)

    def note(self, value: object) -> None:
        """How far the work is, for `sandbox.run`."""
        self.json(value, NOTE)
