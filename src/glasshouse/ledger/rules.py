"""A line of the ledger, pure: its kinds, its text, its hash. The database computes the same (`vault/keys/guards.py`)."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from glasshouse.kernel.errors import GlasshouseError
from glasshouse.vault.keys.kinds import LineKind

FIRST = "0" * 64  # what the first line names as the hash before it
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LedgerError(GlasshouseError):
    """The ledger was altered, or is not that of this data; the message says where."""

    status = 500


@dataclass(frozen=True, slots=True)
class Line:
    """A line: number from 1 without gaps, kind, opaque id of whom or what it speaks of, when (aware UTC), the hash before it."""

    number: int
    kind: LineKind
    subject: str
    at: datetime
    previous: str

    @property
    def hash(self) -> str:
        """SHA-256, hex, over all of the line."""
        microseconds = (self.at - EPOCH) // timedelta(microseconds=1)
        text = f"{self.number}|{self.kind}|{self.subject}|{microseconds}|{self.previous}"
        return hashlib.sha256(text.encode()).hexdigest()


def verify(lines: list[Line], hashes: list[str], *, after: Line | None = None) -> None:
    """Check that lines follow one another without a gap, each with its hash. after: the line before the first, if there is one.

    Raises LedgerError.
    """
    number, previous = (after.number, after.hash) if after else (0, FIRST)
    for line, stored in zip(lines, hashes, strict=True):
        number += 1
        if line.number != number:
            raise LedgerError(f"Line {number} of the ledger is missing: {line.number} comes instead.")
        if line.previous != previous or line.hash != stored:
            raise LedgerError(f"Line {number} of the ledger was altered, or one before it.")
        previous = stored
