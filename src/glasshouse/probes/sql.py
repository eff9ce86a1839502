"""What probes bring to the database: triggers that mark a probe's rows, and the functions that remove them.

A row is a probe's if a column of it that holds an id or a keyed hash names something marked. Its own id is marked then.
"""

from collections.abc import Iterator

from django.db import models

from glasshouse.probes.rules import RELAY_LOCK
from glasshouse.rowsecurity.declarations import Sql
from glasshouse.rowsecurity.policies import customer_models, our_models
from glasshouse.vault.declarations import by_address
from glasshouse.vault.fields import SealedField, key_owner_columns

# Events are told apart by the relay; a result tells of a check and not of its probe; the register itself goes last.
APART = ("events", "ledger", "probes", "promises", "vault_keys")
HASH, KEY = "hash", "key"
# What a column names that is no foreign key. A column that is neither here nor a foreign key marks nothing.
NAMES = {
    "account": "accounts_account",
    "account_id": "accounts_account",
    "agent": "rights_agent",
    "by": "accounts_account",
    "entered_by": "accounts_account",
    "organisation_id": "access_organisation",
    "request": "rights_request",
    "request_id": "rights_request",
    "session": "accounts_session",
    "written_by": "accounts_account|rights_demand",
}
# The staff enter these: one belongs to a probe if a probe's own account wrote it, whatever address it bears.
NOT_BY_ADDRESS = ("disclosures_recipient", "rights_demand")
# Links without an address, of which a mail is the first to tell whose they are.
LINKS = "accounts_ticket"

MARKING = """
DECLARE
  row_values jsonb;
  found_probe text;
  key_name text;
BEGIN
  IF NOT EXISTS (SELECT FROM probes_probe) THEN RETURN NULL; END IF;
  row_values := to_jsonb(NEW);
  SELECT probe_id INTO found_probe FROM probes_mark WHERE value = ANY (ARRAY(
    SELECT kind || ':' || (row_values ->> split_part(argument, '=', 1)) FROM unnest(TG_ARGV[3:]) AS argument,
      unnest(string_to_array(split_part(argument, '=', 2), '|')) AS kind)) LIMIT 1;
  IF found_probe IS NULL THEN RETURN NULL; END IF;
  INSERT INTO probes_mark (value, probe_id) VALUES (TG_TABLE_NAME || ':' || (row_values ->> TG_ARGV[0]), found_probe)
    ON CONFLICT DO NOTHING;
  -- What was asked for at a probe's address is sealed under a key of its own, which no row of anybody else has.
  key_name := row_values ->> TG_ARGV[1];
  IF key_name IS NOT NULL AND {unheld} THEN
    INSERT INTO probes_mark (value, probe_id) VALUES ('key:' || key_name, found_probe) ON CONFLICT DO NOTHING;
    INSERT INTO probes_mark (value, probe_id) SELECT '{links}:' || id, found_probe FROM {links}
      WHERE key_owner = key_name AND address_hash IS NULL ON CONFLICT DO NOTHING;
  END IF;
  -- The first member of an organisation has founded it. One that has a history is nobody's to found.
  IF TG_ARGV[2] <> '' AND EXISTS (SELECT FROM probes_mark WHERE value = 'accounts_account:' || (row_values ->> 'account_id'))
      AND NOT EXISTS (SELECT FROM access_membership m WHERE m.organisation_id = row_values ->> TG_ARGV[2] AND NOT EXISTS (
        SELECT FROM probes_mark WHERE value = 'accounts_account:' || m.account_id))
      AND NOT EXISTS (SELECT FROM events_event e JOIN events_link l ON l.event_id = e.id
        WHERE e.organisation_id = row_values ->> TG_ARGV[2]) THEN
    INSERT INTO probes_mark (value, probe_id) VALUES ('access_organisation:' || (row_values ->> TG_ARGV[2]), found_probe)
      ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END"""

BEGIN = """
BEGIN
  DELETE FROM probes_mark m WHERE NOT EXISTS (SELECT FROM probes_probe p WHERE p.id = m.probe_id);
  INSERT INTO probes_probe (id, sink_port, began_at) VALUES (begun, port, clock_timestamp());
  PERFORM glasshouse_mark_hashes(begun, hashes);
END"""

# Hashes only: a row is marked by what it names, and never because somebody says so.
MARK_HASHES = """
BEGIN
  IF EXISTS (SELECT FROM unnest(hashes) AS hash WHERE hash !~ '^[0-9a-f]{64}$')
      OR EXISTS (SELECT FROM accounts_person p WHERE p.address_hash = ANY (hashes)
        AND NOT EXISTS (SELECT FROM probes_mark m WHERE m.value = 'accounts_person:' || p.id)) THEN
    RAISE EXCEPTION 'this is the address of a person, or no keyed hash: it cannot be a probe''s';
  END IF;
  INSERT INTO probes_mark (value, probe_id) SELECT 'hash:' || hash, marked FROM unnest(hashes) AS hash ON CONFLICT DO NOTHING;
END"""

REMOVE = """
DECLARE
  key_owners text[];
BEGIN
  PERFORM pg_advisory_xact_lock({lock});
  UPDATE events_unchained u SET probe_id = removed FROM events_event e
    WHERE e.id = u.event_id AND u.probe_id IS NULL AND NOT u.lost AND e.organisation_id IS NOT NULL
    AND EXISTS (SELECT FROM probes_mark WHERE probe_id = removed AND value = 'access_organisation:' || e.organisation_id)
    AND (e.actor !~ '^[0-9a-hjkmnp-tv-z]{{16}}$'
      OR EXISTS (SELECT FROM probes_mark WHERE probe_id = removed AND value = 'accounts_account:' || e.actor));
  DELETE FROM events_event WHERE id IN (SELECT event_id FROM events_unchained WHERE probe_id = removed);
  DELETE FROM events_unchained WHERE probe_id = removed;
  {deletions}
  SELECT array_agg(split_part(value, ':', 2)) INTO key_owners FROM probes_mark
    WHERE probe_id = removed AND split_part(value, ':', 1) = ANY ('{{{owners}}}'::text[]);
  RETURN coalesce(key_owners, ARRAY[]::text[]);
END"""

# Its marks go last, for they alone say which keys are the probe's. Without them a row that came meanwhile would be somebody's,
# and its event apart for ever: so the removal runs once more. It has the relay's lock until this transaction ends.
END_PROBE = """
BEGIN
  PERFORM glasshouse_remove_probe(ended);
  DELETE FROM probes_mark WHERE probe_id = ended;
  DELETE FROM probes_probe WHERE id = ended;
END"""

# A check moves no clock; it dates a row of its own probe as if it were older, or younger.
DATE = """
BEGIN
  IF NOT EXISTS (SELECT FROM probes_mark WHERE value = of_table || ':' || dated) OR NOT EXISTS (
      SELECT FROM pg_attribute WHERE attrelid = to_regclass(format('public.%I', of_table)) AND attname = of_column
      AND atttypid = 'timestamptz'::regtype) THEN
    RAISE EXCEPTION 'this is no row of a probe, or no time of it';
  END IF;
  EXECUTE format('UPDATE %I SET %I = $1 WHERE id = $2', of_table, of_column) USING moment, dated;
END"""


def _models() -> list[type[models.Model]]:
    return [model for model in our_models() if model._meta.app_label not in APART]


def _is_text(field: "models.Field[object, object]") -> bool:
    target: object = field
    while isinstance(target, models.ForeignKey):
        target = target.target_field
    return isinstance(target, models.CharField)


def own_keys() -> list[str]:
    """Tables of which a row is a key owner itself."""
    return [
        model._meta.db_table
        for model in _models()
        if any(
            isinstance(field, SealedField) and field.key_owner == "id" for field in model._meta.local_concrete_fields
        )
    ]


def _kinds(model: type[models.Model], field: "models.Field[object, object]") -> list[str]:
    """As what a column names something that may be marked."""
    if field.primary_key:
        return []
    if isinstance(field, models.ForeignKey):
        return [str(field.remote_field.model._meta.db_table)] if _is_text(field) else []
    if field.column in ("key_owner", "person"):
        return [KEY, *own_keys()]
    if field.column == "address_hash":
        return [] if model._meta.db_table in NOT_BY_ADDRESS else [HASH]
    return NAMES[str(field.column)].split("|") if field.column in NAMES else []


def _named(model: type[models.Model]) -> list[str]:
    """The arguments of a table's trigger: each column that names something, and as what."""
    kinds = [(field.column, _kinds(model, field)) for field in model._meta.local_concrete_fields]
    return [f"{column}={'|'.join(names)}" for column, names in kinds if names]


def _marked(model: type[models.Model]) -> str:
    """SQL condition: the row is marked."""
    table, key = model._meta.db_table, model._meta.pk.column
    return f"EXISTS (SELECT FROM probes_mark mark WHERE mark.value = '{table}:' || {table}.{key})"


def _deletion(model: type[models.Model]) -> str:
    """Deletes by the key, so that the cost is that of the probe and not of the table."""
    table, key = model._meta.db_table, model._meta.pk
    kind, cast = table, "" if _is_text(key) else "::bigint"
    if isinstance(key, models.CharField) and key.max_length == 64:
        kind = HASH  # Tries and the like, which a check names by hashes.
    keys = f"SELECT split_part(value, ':', 2){cast} FROM probes_mark WHERE probe_id = removed AND value LIKE '{kind}:%'"
    return f"DELETE FROM {table} WHERE {key.column} IN ({keys});"


def _unheld() -> str:
    """SQL condition: no row of anybody else is sealed with the key, or is the key owner. Of customers' tables nothing is seen."""
    customers = {model._meta.db_table for model in customer_models()}
    held = []
    for model in _models():
        table, key = model._meta.db_table, model._meta.pk.column
        columns = {str(field.column) for field in model._meta.local_concrete_fields}
        if table in own_keys():
            held.append(f"NOT EXISTS (SELECT FROM {table} WHERE {key} = key_name)")
        for column in (
            sorted({"key_owner", _sealing(model)}) if "key_owner" in columns and table not in customers else ()
        ):
            but = " AND address_hash IS NOT NULL" if table == LINKS else ""
            held.append(f"NOT EXISTS (SELECT FROM {table} WHERE {column} = key_name{but} AND NOT {_marked(model)})")
    return " AND ".join(held)


def _sealing(model: type[models.Model]) -> str:
    """The column that names under whose key a row lies; of a legal hold that is not whose data it keeps."""
    others = [column for column in key_owner_columns(model) if column not in ("id", "key_owner")]
    return others[0] if others and "key_owner" not in key_owner_columns(model) else "key_owner"


def _statements() -> Iterator[str]:
    yield (
        "CREATE OR REPLACE FUNCTION glasshouse_mark_probe() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
        f"SET search_path = public AS $${MARKING.replace('{unheld}', _unheld()).replace('{links}', LINKS)}$$"
    )
    yield "REVOKE ALL ON FUNCTION glasshouse_mark_probe() FROM PUBLIC"
    for model in _models():
        table, named = model._meta.db_table, _named(model)
        if not named:
            yield f"DROP TRIGGER IF EXISTS mark_probe ON {table}"
            continue
        has_owner = any(field.column == "key_owner" for field in model._meta.local_concrete_fields)
        owner = _sealing(model) if by_address(model) and has_owner else ""
        founded = str(getattr(model, "founds", ""))
        arguments = ", ".join(f"'{word}'" for word in (model._meta.pk.column, owner, founded, *named))
        yield (
            f"CREATE OR REPLACE TRIGGER mark_probe AFTER INSERT ON {table} FOR EACH ROW "
            f"EXECUTE FUNCTION glasshouse_mark_probe({arguments})"
        )
    # The owner is held by the policies, too: it may delete what is marked, and needs to see it for that.
    for model in customer_models():
        if model._meta.app_label not in APART:
            for name, act in (("seen", "SELECT"), ("dated", "UPDATE"), ("removed", "DELETE")):
                yield (
                    f"CREATE POLICY probe_{name} ON {model._meta.db_table} FOR {act} TO glasshouse_owner USING ({_marked(model)})"
                )
    apart = "id IN (SELECT event_id FROM events_unchained WHERE probe_id IS NOT NULL)"
    yield f"CREATE POLICY probe_removed ON events_event FOR DELETE TO glasshouse_owner USING ({apart})"


def _removal() -> str:
    deletions = "\n  ".join(_deletion(model) for model in _models())
    return REMOVE.format(lock=RELAY_LOCK, deletions=deletions, owners=",".join([KEY, *own_keys()]))


SQL = Sql(
    functions={
        # Where mail to an address goes that is a probe's; null: it is no probe's.
        "glasshouse_probe_sink(hash text)": (
            "integer",
            "SELECT p.sink_port FROM probes_mark m JOIN probes_probe p ON p.id = m.probe_id WHERE m.value = 'hash:' || hash",
        ),
        # Marks of rows with these ids, whatever table they are of.
        "glasshouse_marked(ids text[])": (
            "TABLE (mark text, probe text)",
            "SELECT value, probe_id FROM probes_mark WHERE split_part(value, ':', 2) = ANY (ids)",
        ),
        # Which of these are key owners of a probe.
        "glasshouse_probes_key_owners(names text[])": (
            "SETOF text",
            f"SELECT split_part(value, ':', 2) FROM probes_mark WHERE value = ANY (ARRAY(SELECT kind || ':' || name "
            f"FROM unnest('{{{','.join([KEY, *own_keys()])}}}'::text[]) AS kind, unnest(names) AS name))",
        ),
        # Events that were put apart for a probe which is gone, or lives too long: nobody will delete them.
        "glasshouse_apart_for_ever()": (
            "SETOF text",
            "SELECT event_id FROM events_unchained WHERE probe_id IS NOT NULL AND NOT EXISTS (SELECT FROM probes_probe p "
            "WHERE p.id = probe_id AND p.began_at > clock_timestamp() - interval '1 hour')",
        ),
        "glasshouse_probe_began(of_probe text)": (
            "SETOF timestamptz",
            "SELECT began_at FROM probes_probe WHERE id = of_probe",
        ),
        "glasshouse_probes_older(older interval)": (
            "SETOF text",
            "SELECT id FROM probes_probe WHERE began_at < clock_timestamp() - older",
        ),
        "glasshouse_probes_organisations(of_probe text)": (
            "SETOF text",
            "SELECT o.id FROM access_organisation o JOIN probes_mark m ON m.value = 'access_organisation:' || o.id "
            "WHERE m.probe_id = of_probe",
        ),
        "glasshouse_probes_marks(of_probe text)": (
            "SETOF text",
            "SELECT value FROM probes_mark WHERE probe_id = of_probe",
        ),
    },
    procedures={
        "glasshouse_begin_probe(begun text, port integer, hashes text[])": ("void", BEGIN),
        "glasshouse_date_probe(dated text, of_table text, of_column text, moment timestamptz)": ("void", DATE),
        "glasshouse_mark_hashes(marked text, hashes text[])": ("void", MARK_HASHES),
        "glasshouse_remove_probe(removed text)": ("text[]", _removal()),
        "glasshouse_end_probe(ended text)": ("void", END_PROBE),
    },
    for_jobs=frozenset(
        {
            "glasshouse_probes_older(older interval)",
            "glasshouse_begin_probe(begun text, port integer, hashes text[])",
            "glasshouse_date_probe(dated text, of_table text, of_column text, moment timestamptz)",
            "glasshouse_mark_hashes(marked text, hashes text[])",
            "glasshouse_probe_began(of_probe text)",
            "glasshouse_probes_marks(of_probe text)",
            "glasshouse_probes_organisations(of_probe text)",
            "glasshouse_remove_probe(removed text)",
            "glasshouse_end_probe(ended text)",
        }
    ),
    for_relay=frozenset({"glasshouse_apart_for_ever()", "glasshouse_marked(ids text[])"}),
    statements=tuple(_statements()),
)
