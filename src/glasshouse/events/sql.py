"""What events bring to the database: what the relay that chains them may do, and that support records its own."""

from glasshouse.rowsecurity.declarations import Sql
from glasshouse.rowsecurity.settings import ACCOUNT, ORGANISATION

# Every event goes into the outbox by the statement that writes it. One that was lost and is there again waits once more.
TO_OUTBOX = """
CREATE OR REPLACE FUNCTION glasshouse_event_to_outbox() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public AS $$
BEGIN
  INSERT INTO events_unchained (event_id) SELECT id FROM new_events ORDER BY at, id
    ON CONFLICT (event_id) DO UPDATE SET lost = false;
  RETURN NULL;
END $$"""
SQL = Sql(
    statements=(
        TO_OUTBOX,
        "REVOKE ALL ON FUNCTION glasshouse_event_to_outbox() FROM PUBLIC",
        "CREATE OR REPLACE TRIGGER event_to_outbox AFTER INSERT ON events_event REFERENCING NEW TABLE AS new_events "
        "FOR EACH STATEMENT EXECUTE FUNCTION glasshouse_event_to_outbox()",
        # It is emptied as fast as it fills: dead rows are to go at once.
        "ALTER TABLE events_unchained SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)",
        "GRANT SELECT ON events_event, events_link, events_root, events_unchained TO glasshouse_relay",
        "GRANT INSERT ON events_link, events_root TO glasshouse_relay",
        "GRANT DELETE, UPDATE (lost, probe_id) ON events_unchained TO glasshouse_relay",
        "GRANT INSERT ON events_event TO glasshouse_support",
        "CREATE POLICY relay_reads ON events_event FOR SELECT TO glasshouse_relay USING (true)",
        f"CREATE POLICY support_records ON events_event FOR INSERT TO glasshouse_support WITH CHECK "
        f"(organisation_id = {ORGANISATION} AND actor = {ACCOUNT} AND (SELECT glasshouse_staff()))",
    )
)
