"""The record of processing, made from the data map: by purpose, what is stored, of whom, on what ground, how long, who gets it.

Source: GDPR Art. 30; PRI-02, PRI-18.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from glasshouse.vault.datamap import NAMES, Class, Row


@dataclass(frozen=True, slots=True)
class Activity:
    """One purpose, with all that is stored for it."""

    purpose: str
    classification: str
    subject: str
    categories: tuple[str, ...]
    basis: str
    retention: tuple[str, ...]
    recipients: tuple[str, ...]
    columns: tuple[str, ...]


def activities(rows: Iterable[Row]) -> list[Activity]:
    """Every purpose for which something of a person, a customer or a crop is stored, the personal ones first."""
    groups: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in rows:
        entry = row.entry
        if entry and entry.classification not in (Class.TECHNICAL, Class.ANONYMOUS):
            groups.setdefault(
                (entry.purpose, str(entry.classification), str(entry.subject), str(entry.basis)), []
            ).append(row)
    order = {"personal": 0, "confidential": 1, "crop": 2}
    by_purpose = [
        Activity(
            purpose,
            classification,
            subject,
            _distinct(NAMES.get(row.entry.category, row.entry.category) for row in some if row.entry),
            basis,
            _distinct(row.entry.retention for row in some if row.entry),
            _distinct(recipient for row in some if row.entry for recipient in row.entry.recipients),
            tuple(f"{row.store}.{row.table}.{row.column}" for row in some),
        )
        for (purpose, classification, subject, basis), some in groups.items()
    ]
    return sorted(by_purpose, key=lambda activity: (order.get(activity.classification, 3), activity.purpose))


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
