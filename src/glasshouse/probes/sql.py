"""What probes bring to the database: triggers that mark a probe's rows, and the one function that removes them.

A row is a probe's if a column of it that holds an id or a keyed hash names something marked. Its own id is marked then.
"""

from collections.abc import Iterator

from django.db import models

from glasshouse.probes.rules import RELAY_LOCK
from glasshouse.rowsecurity.declarations import Sql
from glasshouse.rowsecurity.policies import customer_models, our_models
from glasshouse.vault.declarations import by_address

LETTERS = (16, 64)  # of an id, of a keyed hash
# Events are told apart by the relay; a result tells of a check and not of its probe; the register itself goes last.
APART = ("events", "probes", "promises", "vault_keys")

MARKING = """
DECLARE
  row_values jsonb;
  found_probe text;
  own_value text;
BEGIN
  IF NOT EXISTS (SELECT FROM probes_probe) THEN RETURN NULL; END IF;
  row_values := to_jsonb(NEW);
  SELECT probe_id INTO found_probe FROM probes_mark
    WHERE value IN (SELECT row_values ->> name FROM unnest(TG_ARGV[3:]) AS name) LIMIT 1;
  IF found_probe IS NULL THEN RETURN NULL; END IF;
  own_value := row_values ->> TG_ARGV[0];
  IF own_value !~ '^([0-9a-hjkmnp-tv-z]{16}|[0-9a-f]{64})$' THEN own_value := TG_TABLE_NAME || ':' || own_value; END IF;
  INSERT INTO probes_mark (value, probe_id) VALUES (own_value, found_probe) ON CONFLICT DO NOTHING;
  -- What was asked for at a probe's address is sealed under a key of its own, that of no person and no customer.
  IF TG_ARGV[1] <> '' AND NOT EXISTS (SELECT FROM accounts_person WHERE id = row_values ->> TG_ARGV[1])
      AND NOT EXISTS (SELECT FROM access_organisation WHERE id = row_values ->> TG_ARGV[1]) THEN
    INSERT INTO probes_mark (value, probe_id) VALUES (row_values ->> TG_ARGV[1], found_probe) ON CONFLICT DO NOTHING;
    -- A link is made before the mail that it is sent by.
    INSERT INTO probes_mark (value, probe_id)
      SELECT id, found_probe FROM accounts_ticket WHERE key_owner = row_values ->> TG_ARGV[1] ON CONFLICT DO NOTHING;
  END IF;
  -- The first member of an organisation has founded it.
  IF TG_ARGV[2] <> '' AND EXISTS (SELECT FROM probes_mark WHERE value = row_values ->> 'account_id') AND NOT EXISTS (
      SELECT FROM access_membership m WHERE m.organisation_id = row_values ->> TG_ARGV[2]
      AND m.account_id NOT IN (SELECT value FROM probes_mark)) THEN
    INSERT INTO probes_mark (value, probe_id) VALUES (row_values ->> TG_ARGV[2], found_probe) ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END"""

BEGIN = """
BEGIN
  INSERT INTO probes_probe (id, sink_port, began_at) VALUES (begun, port, clock_timestamp());
  PERFORM glasshouse_mark_hashes(begun, hashes);
END"""

# Hashes only: an id is marked by the row that it comes with, and never because somebody says so.
MARK_HASHES = """
BEGIN
  IF EXISTS (SELECT FROM unnest(hashes) AS hash WHERE hash !~ '^[0-9a-f]{64}$')
      OR EXISTS (SELECT FROM accounts_person p WHERE p.address_hash = ANY (hashes)
        AND p.id NOT IN (SELECT value FROM probes_mark)) THEN
    RAISE EXCEPTION 'this is the address of a person, or no keyed hash: it cannot be a probe''s';
  END IF;
  INSERT INTO probes_mark (value, probe_id) SELECT hash, marked FROM unnest(hashes) AS hash ON CONFLICT DO NOTHING;
END"""

REMOVE = """
DECLARE
  key_owners text[];
BEGIN
  PERFORM pg_advisory_xact_lock({lock});
  UPDATE events_unchained u SET probe_id = removed FROM events_event e
    WHERE e.id = u.event_id AND u.probe_id IS NULL AND NOT u.lost AND EXISTS (
      SELECT FROM probes_mark WHERE probe_id = removed AND value = coalesce(e.organisation_id, e.subject));
  DELETE FROM events_event WHERE id IN (SELECT event_id FROM events_unchained WHERE probe_id = removed);
  DELETE FROM events_unchained WHERE probe_id = removed;
  {deletions}
  SELECT array_agg(value) INTO key_owners FROM probes_mark WHERE probe_id = removed AND length(value) = 16;
  DELETE FROM probes_mark WHERE probe_id = removed;
  DELETE FROM probes_probe WHERE id = removed;
  RETURN coalesce(key_owners, ARRAY[]::text[]);
END"""


# A check moves no clock; it dates a row of its own probe as if it were older, or younger.
DATE = """
BEGIN
  IF NOT EXISTS (SELECT FROM probes_mark WHERE value = dated) OR NOT EXISTS (
      SELECT FROM pg_attribute WHERE attrelid = to_regclass(format('public.%I', of_table)) AND attname = of_column
      AND atttypid = 'timestamptz'::regtype) THEN
    RAISE EXCEPTION 'this is no row of a probe, or no time of it';
  END IF;
  EXECUTE format('UPDATE %I SET %I = $1 WHERE id = $2', of_table, of_column) USING moment, dated;
END"""


def _models() -> list[type[models.Model]]:
    return [model for model in our_models() if model._meta.app_label not in APART]


def _is_name(field: "models.Field[object, object]") -> bool:
    """Whether a column holds an id or a keyed hash."""
    target: object = field
    while isinstance(target, models.ForeignKey):
        target = target.target_field
    return isinstance(target, models.CharField) and target.max_length in LETTERS


def _names(model: type[models.Model]) -> list[str]:
    fields = [field for field in model._meta.local_concrete_fields if not field.primary_key and _is_name(field)]
    return [str(field.column) for field in fields]


def _marked(model: type[models.Model], probe: str = "") -> str:
    """SQL condition: the row is marked. probe: as this probe's."""
    key = model._meta.pk
    value = key.column if _is_name(key) else f"('{model._meta.db_table}:' || {key.column})"
    return f"{value} IN (SELECT value FROM probes_mark{f' WHERE probe_id = {probe}' if probe else ''})"


def _deletion(model: type[models.Model]) -> str:
    """Deletes by the key, so that the cost is that of the probe and not of the table."""
    table, key = model._meta.db_table, model._meta.pk
    if _is_name(key):
        return f"DELETE FROM {table} WHERE {_marked(model, 'removed')};"
    numbers = (
        f"SELECT split_part(value, ':', 2)::bigint FROM probes_mark WHERE probe_id = removed AND value LIKE '{table}:%'"
    )
    return f"DELETE FROM {table} WHERE {key.column} IN ({numbers});"


def _statements() -> Iterator[str]:
    yield (
        "CREATE OR REPLACE FUNCTION glasshouse_mark_probe() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
        f"SET search_path = public AS $${MARKING}$$"
    )
    yield "REVOKE ALL ON FUNCTION glasshouse_mark_probe() FROM PUBLIC"
    for model in _models():
        table, names = model._meta.db_table, _names(model)
        if not names:
            continue
        owner = "key_owner" if by_address(model) and "key_owner" in names else ""
        founded = str(getattr(model, "founds", ""))
        arguments = ", ".join(f"'{word}'" for word in (model._meta.pk.column, owner, founded, *names))
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
    waiting = "id IN (SELECT event_id FROM events_unchained{})"
    yield f"CREATE POLICY waiting_seen ON events_event FOR SELECT TO glasshouse_owner USING ({waiting.format('')})"
    of_probe = waiting.format(" WHERE probe_id IS NOT NULL")
    yield f"CREATE POLICY probe_removed ON events_event FOR DELETE TO glasshouse_owner USING ({of_probe})"


def _removal() -> str:
    return REMOVE.format(lock=RELAY_LOCK, deletions="\n  ".join(_deletion(model) for model in _models()))


SQL = Sql(
    functions={
        # Where mail to an address goes that is a probe's; null: it is no probe's.
        "glasshouse_probe_sink(hash text)": (
            "integer",
            "SELECT p.sink_port FROM probes_mark m JOIN probes_probe p ON p.id = m.probe_id WHERE m.value = hash",
        ),
        "glasshouse_marked(names text[])": (
            "TABLE (name text, probe text)",
            "SELECT value, probe_id FROM probes_mark WHERE value = ANY (names)",
        ),
        "glasshouse_probes_older(older interval)": (
            "SETOF text",
            "SELECT id FROM probes_probe WHERE began_at < clock_timestamp() - older",
        ),
        "glasshouse_probes_organisations(of_probe text)": (
            "SETOF text",
            "SELECT o.id FROM access_organisation o JOIN probes_mark m ON m.value = o.id WHERE m.probe_id = of_probe",
        ),
        "glasshouse_probes_ids(of_probe text)": (
            "SETOF text",
            "SELECT value FROM probes_mark WHERE probe_id = of_probe AND length(value) = 16",
        ),
    },
    procedures={
        "glasshouse_begin_probe(begun text, port integer, hashes text[])": ("void", BEGIN),
        "glasshouse_date_probe(dated text, of_table text, of_column text, moment timestamptz)": ("void", DATE),
        "glasshouse_mark_hashes(marked text, hashes text[])": ("void", MARK_HASHES),
        "glasshouse_remove_probe(removed text)": ("text[]", _removal()),
    },
    for_jobs=frozenset(
        {
            "glasshouse_probes_older(older interval)",
            "glasshouse_begin_probe(begun text, port integer, hashes text[])",
            "glasshouse_date_probe(dated text, of_table text, of_column text, moment timestamptz)",
            "glasshouse_mark_hashes(marked text, hashes text[])",
            "glasshouse_probes_ids(of_probe text)",
            "glasshouse_probes_organisations(of_probe text)",
            "glasshouse_remove_probe(removed text)",
        }
    ),
    for_relay=frozenset({"glasshouse_marked(names text[])"}),
    statements=tuple(_statements()),
)
