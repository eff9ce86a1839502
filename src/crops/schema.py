"""The crop store's tables, each column with its class. From here come the tables themselves and their part of the data map."""

READINGS, SERIES, TOKENS = "readings", "series", "tokens"
SCALE_BITS = 127  # `scale` of a value that no short decimal equals: `digits` holds the bits of the float64.

# table -> column -> (type and codec, class)
COLUMNS: dict[str, dict[str, tuple[str, str]]] = {
    READINGS: {
        "series": ("UInt32 CODEC(ZSTD)", "technical"),
        "time": ("DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD)", "crop"),
        "digits": ("Int64 CODEC(Delta, ZSTD)", "crop"),
        "scale": ("Int8 CODEC(ZSTD)", "crop"),
    },
    SERIES: {
        "id": ("UInt32", "technical"),
        "tenant": ("String", "technical"),
        "site": ("String", "technical"),
        "device": ("String", "technical"),
        "compartment": ("String", "technical"),
        "tags": ("String", "crop"),
        "field": ("String", "crop"),
    },
    TOKENS: {
        "hash": ("String", "technical"),
        "tenant": ("String", "technical"),
        "site": ("String", "technical"),
        "device": ("String", "technical"),
        "compartment": ("String", "technical"),
        "revoked": ("UInt8", "technical"),
        "version": ("UInt64", "technical"),
    },
}
_ORDER = {READINGS: "(series, time)", SERIES: "id", TOKENS: "hash"}
_VERSION = {TOKENS: "version"}


def create_statements() -> list[str]:
    """SQL that makes the tables on the encrypted disk, every part's files fsynced.

    The engine's own fsync of a part's folder fails on an encrypted disk (it looks for the folder below itself); the store
    syncs the file system before it drops a segment of the log instead.
    """
    return [
        f"CREATE TABLE IF NOT EXISTS crop.{table} ({', '.join(f'{name} {kind}' for name, (kind, _) in columns.items())}) "
        f"ENGINE = ReplacingMergeTree({_VERSION.get(table, '')}) ORDER BY {_ORDER[table]} "
        "SETTINGS storage_policy = 'sealed', fsync_after_insert = 1, old_parts_lifetime = 10"
        for table, columns in COLUMNS.items()
    ]
