"""What the key store's database holds by itself: how a line gets into the ledger, and that no key goes without one."""

from collections.abc import Iterator

from glasshouse.vault.keys.questions import line_hash

YOUNG = "15 minutes"  # Probes of promise checks live shorter, and leave no line.

ENTER = """
DECLARE
  there integer;
  last vault_ledger;
  moment timestamptz := clock_timestamp();
  previous_hash text;
BEGIN
  PERFORM pg_advisory_xact_lock(1818583906);
  SELECT number INTO there FROM vault_ledger WHERE kind = line_kind AND subject = line_subject;
  IF FOUND THEN RETURN there; END IF;
  SELECT * INTO last FROM vault_ledger ORDER BY number DESC LIMIT 1;
  there := coalesce(last.number, 0) + 1;
  previous_hash := coalesce(last.hash, repeat('0', 64));
  INSERT INTO vault_ledger (number, kind, subject, at, previous, hash) VALUES (there, line_kind, line_subject, moment,
    previous_hash, glasshouse_line_hash(there, line_kind, line_subject, moment, previous_hash));
  RETURN there;
END"""

# Where a restore puts the administrator's own hand on the ledger, it takes the trigger off for its transaction.
REFUSE = """
BEGIN
  RAISE EXCEPTION 'the ledger is only appended to' USING ERRCODE = 'insufficient_privilege';
END"""

NEEDS_LINE = f"""
BEGIN
  IF length(OLD.wrapped) > 0 AND (length(NEW.wrapped) = 0 OR NEW.destroyed_at IS NOT NULL)
      AND OLD.stored_at < clock_timestamp() - interval '{YOUNG}'
      AND NOT EXISTS (SELECT FROM vault_ledger WHERE subject = OLD.key_owner) THEN
    RAISE EXCEPTION 'a key is destroyed only when the ledger names its owner' USING ERRCODE = 'check_violation';
  END IF;
  IF length(OLD.wrapped) = 0 AND length(NEW.wrapped) > 0
      OR NEW.key_owner <> OLD.key_owner OR NEW.generation <> OLD.generation THEN
    RAISE EXCEPTION 'a destroyed key stays destroyed, and a key stays with its owner' USING ERRCODE = 'check_violation';
  END IF;
  NEW.stored_at := OLD.stored_at;
  RETURN NEW;
END"""


def statements() -> Iterator[str]:
    """SQL for the key store's database, as its owner; safe to run again."""
    pinned = "SET search_path = public"
    yield (
        "CREATE OR REPLACE FUNCTION glasshouse_line_hash(line_number integer, line_kind text, line_subject text, "
        f"line_at timestamptz, line_previous text) RETURNS text LANGUAGE sql STABLE {pinned} AS $$ SELECT {line_hash('line_')} $$"
    )
    enter = "glasshouse_enter(line_kind text, line_subject text)"
    yield f"CREATE OR REPLACE FUNCTION {enter} RETURNS integer LANGUAGE plpgsql SECURITY DEFINER {pinned} AS $${ENTER}$$"
    yield f"REVOKE ALL ON FUNCTION {enter} FROM PUBLIC"
    yield f"GRANT EXECUTE ON FUNCTION {enter} TO glasshouse_vault"
    for name, body in (("glasshouse_only_append", REFUSE), ("glasshouse_key_needs_line", NEEDS_LINE)):
        yield f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {pinned} AS $${body}$$"
        yield f"REVOKE ALL ON FUNCTION {name}() FROM PUBLIC"
    yield (
        "CREATE OR REPLACE TRIGGER only_append BEFORE UPDATE OR DELETE OR TRUNCATE ON vault_ledger "
        "FOR EACH STATEMENT EXECUTE FUNCTION glasshouse_only_append()"
    )
    yield (
        "CREATE OR REPLACE TRIGGER key_needs_line BEFORE UPDATE ON vault_data_key "
        "FOR EACH ROW EXECUTE FUNCTION glasshouse_key_needs_line()"
    )
    # The bytes of keys stand in no statistics, where they would stay when the key is destroyed.
    yield "ALTER TABLE vault_data_key ALTER COLUMN wrapped SET STATISTICS 0"
    yield "GRANT USAGE ON SCHEMA public TO glasshouse_vault, glasshouse_auditor"
    yield "GRANT SELECT, INSERT, UPDATE, DELETE, MAINTAIN ON vault_data_key TO glasshouse_vault"
    yield "GRANT SELECT ON vault_ledger, vault_state TO glasshouse_vault"
    yield "GRANT SELECT ON ALL TABLES IN SCHEMA public TO glasshouse_auditor"
    yield "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO glasshouse_vault"
