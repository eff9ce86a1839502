"""Why a line stands in the ledger."""

from enum import StrEnum


class LineKind(StrEnum):
    """What a line of the ledger tells of its subject."""

    ERASURE = "erasure"  # A person, or a key of a guest: every row under it goes, then the key.
    CLOSING = "closing"  # An organisation, with everything that is its own.
    UNUSED = "unused"  # A key that no row was sealed with any more.
    DELETION_RUN = "deletion_run"  # A run of the retention rules, by its id.
