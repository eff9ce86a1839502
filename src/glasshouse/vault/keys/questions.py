"""SQL on the key store for whoever starts it, looks at it or brings it back: no Django, and none of the vault's own verbs."""

from typing import LiteralString

KEYS, LEDGER, STATE = "vault_data_key", "vault_ledger", "vault_state"
TABLES = (KEYS, LEDGER, STATE)
LINE_COLUMNS = ("number", "kind", "subject", "at", "previous", "hash")
OLD_COLUMNS = ("key_owner", "generation", "wrapped", "root_generation", "created_at", "destroyed_at")
KEY_COLUMNS = (*OLD_COLUMNS, "stored_at")


def line_hash(prefix: LiteralString = "") -> LiteralString:
    """SQL for the hash of a line, as `ledger.rules.Line` computes it, of columns or variables with a prefix to their names."""
    return (
        f"encode(sha256(convert_to(concat_ws('|', {prefix}number, {prefix}kind, {prefix}subject, "
        f"(extract(epoch from {prefix}at) * 1000000)::bigint, {prefix}previous), 'UTF8')), 'hex')"
    )


INSTALLATION: LiteralString = "SELECT installation FROM vault_state"
HEAD: LiteralString = "SELECT number, hash FROM vault_ledger ORDER BY number DESC LIMIT 1"
HASH_OF: LiteralString = "SELECT hash FROM vault_ledger WHERE number = %s"
LINES_AFTER: LiteralString = (
    "SELECT number, kind, subject, at, previous, hash FROM vault_ledger WHERE number > %s ORDER BY number"
)
# The first line whose number does not follow, that names another hash before it, or bears another hash than that of all of it.
BROKEN: LiteralString = (
    "SELECT min(number) FROM (SELECT number, kind, subject, at, previous, hash, row_number() OVER (ORDER BY number) AS place, "
    "coalesce(lag(hash) OVER (ORDER BY number), repeat('0', 64)) AS before FROM vault_ledger) AS line WHERE number <> place "
    f"OR previous <> before OR hash <> {line_hash()}"
)
# Of a key (k) and a line (l): the key lives although the line names its owner.
IS_NAMED: LiteralString = "l.subject = k.key_owner AND k.stored_at < l.at AND length(k.wrapped) > 0"
NAMED: LiteralString = f"SELECT count(*) FROM vault_data_key k, vault_ledger l WHERE {IS_NAMED}"
DESTROY_NAMED: LiteralString = (
    "UPDATE vault_data_key k SET wrapped = '', destroyed_at = coalesce(destroyed_at, l.at) FROM vault_ledger l "
    f"WHERE {IS_NAMED} AND NOT k.key_owner = ANY (%s)"
)
# The newest key under each root key.
ONE_A_ROOT: LiteralString = (
    "SELECT DISTINCT ON (root_generation) root_generation, key_owner, generation, wrapped FROM vault_data_key "
    "WHERE length(wrapped) > 0 ORDER BY root_generation, id DESC"
)
COUNTS: LiteralString = (
    "SELECT count(*) FILTER (WHERE length(wrapped) > 0), count(*) FILTER (WHERE length(wrapped) = 0), "
    "(SELECT count(*) FROM vault_ledger) FROM vault_data_key"
)
NEWER_THAN: LiteralString = (
    "SELECT EXISTS (SELECT FROM vault_data_key WHERE stored_at > %(moment)s OR destroyed_at > %(moment)s)"
)
SIZE: LiteralString = "SELECT reltuples::bigint FROM pg_class WHERE oid = 'vault_data_key'::regclass"
# For a restore, in one transaction with what is put in; the ledger's trigger is off as long.
EMPTY: tuple[LiteralString, ...] = (
    "ALTER TABLE vault_ledger DISABLE TRIGGER only_append",
    "TRUNCATE vault_ledger, vault_data_key, vault_state RESTART IDENTITY",
)
FILLED: LiteralString = "ALTER TABLE vault_ledger ENABLE TRIGGER only_append"
PUT_INSTALLATION: LiteralString = "INSERT INTO vault_state (id, installation) VALUES (1, %s)"
PUT: dict[str, tuple[LiteralString, tuple[str, ...]]] = {
    LEDGER: (
        "INSERT INTO vault_ledger (number, kind, subject, at, previous, hash) VALUES (%s, %s, %s, %s, %s, %s)",
        LINE_COLUMNS,
    ),
    KEYS: (
        "INSERT INTO vault_data_key (key_owner, generation, wrapped, root_generation, created_at, destroyed_at, stored_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        KEY_COLUMNS,
    ),
}
PUT_LINE = PUT[LEDGER]
# For a restore, in its transaction: what the data has sealed with which key, and which of these keys are not there. A key that
# the ledger names is none that was lost.
SEALED_WITH: LiteralString = (
    "CREATE TEMPORARY TABLE sealed_with (key_owner text, generation integer, what text, count bigint) ON COMMIT DROP"
)
PUT_SEALED_WITH: LiteralString = "COPY sealed_with FROM STDIN"
LOST: LiteralString = (
    "FROM sealed_with s WHERE NOT EXISTS (SELECT FROM vault_data_key k WHERE k.key_owner = s.key_owner AND "
    "k.generation = s.generation) AND NOT EXISTS (SELECT FROM vault_ledger l WHERE l.subject = s.key_owner)"
)
LOST_OWNERS: LiteralString = f"SELECT count(DISTINCT s.key_owner) {LOST}"
LOST_ROWS: LiteralString = f"SELECT what, sum(count)::bigint {LOST} GROUP BY 1 ORDER BY 1"
NOTE_LOST: LiteralString = (
    "INSERT INTO vault_data_key (key_owner, generation, wrapped, root_generation, created_at, destroyed_at, stored_at) "
    f"SELECT DISTINCT s.key_owner, s.generation, ''::bytea, 0, now(), now(), now() {LOST}"
)
# Of versions in which the table lay in the people store; before the glossary the owner's column had another name.
OLD_NAMES: LiteralString = "SELECT column_name FROM information_schema.columns WHERE table_name = 'vault_data_key'"
OLD_KEYS: dict[str, LiteralString] = {
    "key_owner": "SELECT key_owner, generation, wrapped, root_generation, created_at, destroyed_at FROM vault_data_key",
    "holder": "SELECT holder, generation, wrapped, root_generation, created_at, destroyed_at FROM vault_data_key",
}
# After a key is destroyed: the table is written anew, the log switched and shortened.
CLEAN: tuple[LiteralString, ...] = ("VACUUM (FULL) vault_data_key", "SELECT pg_switch_wal()", "CHECKPOINT")
