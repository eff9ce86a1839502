"""What the key store's database holds by itself: who gets a line into the ledger, and that no key goes without one.

Three roles of the service sign in, and none of them may write the ledger or delete a row by itself:

- `vault`, of every process: opens keys and makes new ones. It ends none, and enters no line.
- `ledger`, of the worker, the start and the commands: enters lines, ends keys, wraps them anew, deletes by two functions.
- `erasure`, of the processes that take what comes from outside: enters lines of erasures and closings, MOST_AN_HOUR of them in an
  hour, and ends the keys that the ledger names.

Source: PRI-24; docs/adr/0028.
"""

from collections.abc import Iterator

from glasshouse.vault.keys.questions import line_hash

YOUNG = "15 minutes"  # Probes of promise checks live shorter, and leave no line.
MOST_AN_HOUR = 1_000  # lines of erasures and closings, as long as one that a page enters is among them
LEDGER = "ledger"  # also the connection by which lines are entered and keys end; `vault` reads them
ROLES = ("vault", LEDGER, "erasure")

ENTER = f"""
DECLARE
  there integer;
  last vault_ledger;
  moment timestamptz := clock_timestamp();
  previous_hash text;
BEGIN
  PERFORM pg_advisory_xact_lock(1818583906);
  SELECT number INTO there FROM vault_ledger WHERE kind = line_kind AND subject = line_subject;
  IF FOUND THEN RETURN there; END IF;
  IF session_user = 'glasshouse_erasure' THEN
    IF line_kind NOT IN ('erasure', 'closing') THEN
      RAISE EXCEPTION 'a page enters erasures and closings only' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF (SELECT count(*) FROM vault_ledger WHERE kind IN ('erasure', 'closing') AND at > moment - interval '1 hour')
        >= {MOST_AN_HOUR} THEN
      RAISE EXCEPTION 'too many erasures within an hour' USING ERRCODE = 'configuration_limit_exceeded';
    END IF;
  END IF;
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

# A key of before is left as it is: when it was destroyed is not said anew. The trigger asks for the line.
DESTROY = """
BEGIN
  UPDATE vault_data_key SET wrapped = '', destroyed_at = moment WHERE key_owner = owner AND length(wrapped) > 0;
END"""

# A probe's keys are young, and leave nothing. A key that is older is not deleted, whoever says that it is a probe's: it is
# destroyed, after its line, and its row stays, as everybody's does.
REMOVE = f"""
DECLARE
  owner text;
BEGIN
  FOREACH owner IN ARRAY owners LOOP
    IF NOT EXISTS (SELECT FROM vault_data_key
        WHERE key_owner = owner AND stored_at < clock_timestamp() - interval '{YOUNG}') THEN
      DELETE FROM vault_data_key WHERE key_owner = owner;
    ELSIF EXISTS (SELECT FROM vault_data_key WHERE key_owner = owner AND length(wrapped) > 0) THEN
      PERFORM glasshouse_enter('unused', owner);
      PERFORM glasshouse_destroy_keys(owner, clock_timestamp());
    END IF;
  END LOOP;
END"""

# Of an owner who was erased meanwhile no newer key lives, and nothing is deleted.
RETIRE = """
BEGIN
  DELETE FROM vault_data_key old WHERE old.key_owner = owner AND old.generation < newest AND EXISTS
    (SELECT FROM vault_data_key k WHERE k.key_owner = owner AND k.generation >= newest AND length(k.wrapped) > 0);
END"""

# Function -> (what it returns, its body, the roles that call it).
FUNCTIONS = {
    "glasshouse_enter(line_kind text, line_subject text)": ("integer", ENTER, (LEDGER, "erasure")),
    "glasshouse_destroy_keys(owner text, moment timestamptz)": ("void", DESTROY, (LEDGER, "erasure")),
    "glasshouse_remove_keys(owners text[])": ("void", REMOVE, (LEDGER,)),
    "glasshouse_retire_keys(owner text, newest integer)": ("void", RETIRE, (LEDGER,)),
}


def statements() -> Iterator[str]:
    """SQL for the key store's database, as its owner; safe to run again."""
    pinned = "SET search_path = public"
    yield (
        "CREATE OR REPLACE FUNCTION glasshouse_line_hash(line_number integer, line_kind text, line_subject text, "
        f"line_at timestamptz, line_previous text) RETURNS text LANGUAGE sql STABLE {pinned} AS $$ SELECT {line_hash('line_')} $$"
    )
    everybody = ", ".join(f"glasshouse_{role}" for role in ROLES)
    for function, (returns, body, callers) in FUNCTIONS.items():
        yield (
            f"CREATE OR REPLACE FUNCTION {function} RETURNS {returns} "
            f"LANGUAGE plpgsql SECURITY DEFINER {pinned} AS $${body}$$"
        )
        yield f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC, {everybody}"
        yield f"GRANT EXECUTE ON FUNCTION {function} TO {', '.join(f'glasshouse_{role}' for role in callers)}"
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
    yield f"GRANT USAGE ON SCHEMA public TO {everybody}, glasshouse_auditor"
    # An earlier version gave more: what is not granted below goes.
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {everybody}"
    yield f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {everybody}"
    yield f"GRANT SELECT ON vault_data_key, vault_ledger, vault_state TO {everybody}"
    yield "GRANT INSERT ON vault_data_key TO glasshouse_vault"
    yield "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO glasshouse_vault"
    yield (
        "GRANT UPDATE (wrapped, root_generation, created_at, destroyed_at), MAINTAIN ON vault_data_key TO glasshouse_ledger"
    )
    yield "GRANT MAINTAIN ON vault_data_key TO glasshouse_erasure"
    yield "GRANT SELECT ON ALL TABLES IN SCHEMA public TO glasshouse_auditor"
