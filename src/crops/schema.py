"""The crop store's tables. The classification of their columns is agreed with the people plane (`crop_contract/columns.py`)."""

from crop_contract.columns import CHANGED as CHANGED
from crop_contract.columns import CHANGES as CHANGES
from crop_contract.columns import FORGOTTEN as FORGOTTEN
from crop_contract.columns import READINGS as READINGS
from crop_contract.columns import SERIES as SERIES
from crop_contract.columns import TOKENS as TOKENS

SERIES_NUMBERS = "@series"  # stands in a statement for the numbers of the series that it asks about
SCALE_BITS = 127  # The `scale` of a value that is no short decimal: its digits are then the bits of the float64.
SCALE_ABSENT = (
    126  # The `scale` of a reading that was taken away: the row says so, for an older one may lie in another part.
)
# A reading that is marked as wrong has the scale -1 - scale. Nobody but who asks for such readings is given them.
IS_SHOWN = f"scale >= 0 AND scale != {SCALE_ABSENT}"
# Digits are stored as high * 256 + low. The differences of `low` fill one byte each, which compresses to half of what the
# differences of a 64-bit column take (docs/adr/0001).
DIGITS = "(bitShiftLeft(high, 8) + low)"
VALUE = f"if(scale = {SCALE_BITS}, reinterpretAsFloat64({DIGITS}), {DIGITS} / intExp10(scale))"
SPLIT_DIGITS = "bitShiftRight(digits, 8), toUInt8(bitAnd(digits, 255))"

# table -> column -> type and codec
COLUMNS: dict[str, dict[str, str]] = {
    READINGS: {
        "series": "UInt32 CODEC(ZSTD)",
        "time": "DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD)",
        "high": "Int64 CODEC(ZSTD(3))",
        "low": "UInt8 CODEC(Delta, ZSTD)",
        "scale": "Int8 CODEC(ZSTD)",
    },
    SERIES: {
        "id": "UInt32",
        "tenant": "String",
        "site": "String",
        "device": "String",
        "compartment": "String",
        "tags": "String",
        "field": "String",
    },
    TOKENS: {
        "hash": "String",
        "tenant": "String",
        "site": "String",
        "device": "String",
        "compartment": "String",
        "revoked": "UInt8",
        "version": "UInt64",
    },
    FORGOTTEN: {"tenant": "String", "at": "UInt64"},
    CHANGES: {
        "number": "UInt64",
        "tenant": "String",
        "site": "String",
        "name": "String",
        "run": "UInt32",
        "at": "UInt64",
        "readings": "UInt64",
        "added": "UInt64",
        "replaced": "UInt64",
        "state": "UInt8",
    },
    CHANGED: {
        "series": "UInt32 CODEC(ZSTD)",
        "change": "UInt64 CODEC(ZSTD)",
        "time": "DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD)",
        "high_before": "Int64 CODEC(ZSTD(3))",
        "low_before": "UInt8 CODEC(Delta, ZSTD)",
        "scale_before": "Int8 CODEC(ZSTD)",
        "high": "Int64 CODEC(ZSTD(3))",
        "low": "UInt8 CODEC(Delta, ZSTD)",
        "scale": "Int8 CODEC(ZSTD)",
    },
}
_ORDER = {READINGS: "(series, time)", SERIES: "id", TOKENS: "hash", FORGOTTEN: "tenant"}
_ORDER |= {CHANGES: "number", CHANGED: "(series, change, time)"}
_VERSION = {TOKENS: "version", CHANGES: "state"}


def create_statements() -> list[str]:
    """SQL that creates the tables on the encrypted disk. The engine syncs the files of every part.

    The engine's own fsync of a part's folder fails on an encrypted disk, because it looks for the folder below itself. So the
    store syncs the file system before it drops a segment of the log. Groups of readings become wide parts (one file per
    column), which compress better than compact parts: 0.61 against 0.65 bytes per reading.
    """
    return [
        f"CREATE TABLE IF NOT EXISTS crop.{table} ({', '.join(f'{name} {type_}' for name, type_ in columns.items())}) "
        f"ENGINE = ReplacingMergeTree({_VERSION.get(table, '')}) ORDER BY {_ORDER[table]} "
        "SETTINGS storage_policy = 'sealed', fsync_after_insert = 1, old_parts_lifetime = 5, "
        "min_bytes_for_wide_part = 4194304, "
        "cleanup_delay_period = 5, max_cleanup_delay_period = 10"
        for table, columns in COLUMNS.items()
    ]


def upgrade_statements(columns: set[str], tables: set[str]) -> list[str]:
    """SQL that moves readings stored in one 64-bit column into the present form. Safe to stop anywhere and to run again.

    columns: of the existing readings table; tables: all that are in the database. Without old readings: no statement.
    """
    old, create = f"crop.{READINGS}_before", create_statements()[0]
    move = f"INSERT INTO crop.{READINGS} SELECT series, time, {SPLIT_DIGITS}, scale FROM {old}"
    if "digits" in columns:
        return [f"RENAME TABLE crop.{READINGS} TO {old}", create, move, f"DROP TABLE {old}"]
    return [move, f"DROP TABLE {old}"] if f"{READINGS}_before" in tables else []
