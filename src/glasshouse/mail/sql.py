"""What mail brings to the database: none is written for a purpose that its person objected to, or sent without a ruling."""

from glasshouse.rowsecurity.declarations import Sql

_SENT = """
BEGIN
  IF OLD.sent_at IS NULL AND NEW.sent_at IS NOT NULL AND NOT glasshouse_may_be_sent(NEW.id, NEW.kind, NEW.purpose) THEN
    RAISE EXCEPTION 'nothing ruled that this mail may go' USING ERRCODE = 'check_violation', CONSTRAINT = 'sent_by_ruling';
  END IF;
  RETURN NEW;
END"""

SQL = Sql(
    functions={
        # What a ruling on a mail is made of.
        "glasshouse_mail_facts(number text)": (
            "TABLE (key_owner text, address_hash text, kind text, purpose text)",
            "SELECT m.key_owner, m.address_hash, m.kind, m.purpose FROM mail_message m WHERE m.id = number",
        ),
    },
    internal=frozenset({"glasshouse_mail_facts(number text)"}),
    statements=(
        "CREATE POLICY unobjected ON mail_message AS RESTRICTIVE FOR INSERT TO glasshouse_app "
        "WITH CHECK (purpose = '' OR NOT glasshouse_objected(key_owner, purpose))",
        "CREATE POLICY sent_by_ruling ON mail_message AS RESTRICTIVE FOR INSERT TO glasshouse_app "
        "WITH CHECK (sent_at IS NULL OR purpose = '')",
        "CREATE OR REPLACE FUNCTION glasshouse_sent() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
        f"SET search_path = public AS $${_SENT}$$",
        "REVOKE ALL ON FUNCTION glasshouse_sent() FROM PUBLIC",
        "CREATE OR REPLACE TRIGGER sent_by_ruling BEFORE UPDATE OF sent_at ON mail_message FOR EACH ROW "
        "EXECUTE FUNCTION glasshouse_sent()",
    ),
)
