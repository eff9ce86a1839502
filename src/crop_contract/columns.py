"""The classification of each column of the crop store: the crop plane's part of the data map.

`crops/schema.py` creates the tables, with the types of the columns. A test compares the two.
"""

READINGS, SERIES, TOKENS, FORGOTTEN = "readings", "series", "tokens", "forgotten"
CHANGES, CHANGED = "changes", "changed_readings"  # what imports and amendments did, and what stood there before them

# table -> column -> classification
CLASSIFICATION: dict[str, dict[str, str]] = {
    READINGS: {"series": "technical", "time": "crop", "high": "crop", "low": "crop", "scale": "crop"},
    SERIES: {
        "id": "technical",
        "tenant": "technical",
        "site": "technical",
        "device": "technical",
        "compartment": "technical",
        "tags": "crop",
        "field": "crop",
    },
    TOKENS: {
        "hash": "technical",
        "tenant": "technical",
        "site": "technical",
        "device": "technical",
        "compartment": "technical",
        "revoked": "technical",
        "version": "technical",
    },
    FORGOTTEN: {"tenant": "technical", "at": "technical"},
    CHANGES: {
        "number": "technical",
        "tenant": "technical",
        "site": "technical",
        "name": "technical",
        "run": "technical",
        "at": "technical",
        "readings": "technical",
        "added": "technical",
        "replaced": "technical",
        "state": "technical",
    },
    CHANGED: {
        "series": "technical",
        "change": "technical",
        "time": "crop",
        "high_before": "crop",
        "low_before": "crop",
        "scale_before": "crop",
        "high": "crop",
        "low": "crop",
        "scale": "crop",
    },
}
