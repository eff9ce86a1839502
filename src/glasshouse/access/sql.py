"""What access brings to the database: who belongs to the acting organisation, and that it keeps an administrator."""

from glasshouse.rowsecurity.declarations import Sql
from glasshouse.rowsecurity.settings import ACCOUNT, JOB, ORGANISATION

ADMINISTERED = (
    f"EXISTS (SELECT 1 FROM access_organisation WHERE id = {ORGANISATION} AND administered_since IS NOT NULL)"
)
LAST_ADMINISTRATOR = """
CREATE OR REPLACE FUNCTION glasshouse_keep_administrator() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM access_organisation WHERE id = OLD.organisation_id) AND NOT EXISTS (
      SELECT 1 FROM access_membership
      WHERE organisation_id = OLD.organisation_id AND role = 'administrator' AND sites IS NULL) THEN
    RAISE EXCEPTION 'the last administrator of an organisation cannot go' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$"""
SQL = Sql(
    functions={
        # Whether who acts belongs to the acting organisation, and has accepted what is in force.
        "glasshouse_member()": (
            "boolean",
            f"SELECT {JOB} OR ((EXISTS (SELECT 1 FROM access_membership "
            f"WHERE organisation_id = {ORGANISATION} AND account_id = {ACCOUNT}) OR (glasshouse_staff() AND {ADMINISTERED})) "
            "AND glasshouse_accepted(glasshouse_acting_person()))",
        ),
        # Whether the customer has handed its administration to the operator; and whether who acts may use that.
        "glasshouse_administered()": ("boolean", f"SELECT {ADMINISTERED}"),
        "glasshouse_administering()": ("boolean", f"SELECT glasshouse_staff() AND {ADMINISTERED}"),
        # Whether the customer allowed support, beforehand, to break the glass.
        "glasshouse_emergency_allowed()": (
            "boolean",
            f"SELECT EXISTS (SELECT 1 FROM access_organisation WHERE id = {ORGANISATION} AND emergency_allowed)",
        ),
        # Whether the acting organisation has nobody yet: its first member may be written.
        "glasshouse_empty()": (
            "boolean",
            f"SELECT NOT EXISTS (SELECT 1 FROM access_membership WHERE organisation_id = {ORGANISATION})",
        ),
        # The sites that a member is limited to; null: all.
        "glasshouse_sites()": (
            "text[]",
            f"SELECT sites::text[] FROM access_membership WHERE organisation_id = {ORGANISATION} AND account_id = {ACCOUNT}",
        ),
        # The accounts that belong to the acting organisation.
        "glasshouse_member_accounts()": (
            "text[]",
            f"SELECT array_agg(account_id::text) FROM access_membership WHERE organisation_id = {ORGANISATION}",
        ),
        # API tokens of an account, of all organisations: for the view of its person.
        "glasshouse_tokens_of(account text)": (
            "SETOF access_token",
            f"SELECT * FROM access_token WHERE {JOB} AND account_id = account",
        ),
        # The accounts that belong to a customer.
        "glasshouse_accounts_in(customer text)": (
            "SETOF text",
            "SELECT account_id FROM access_membership WHERE organisation_id = customer",
        ),
        # Every organisation's id, for jobs that go from one to the next.
        "glasshouse_organisations()": (
            "SETOF text",
            f"SELECT id FROM access_organisation WHERE {JOB} ORDER BY created_at",
        ),
        # Every customer's opaque id, for the staff's list: this much they see of everybody.
        "glasshouse_customers()": (
            "SETOF text",
            "SELECT id FROM access_organisation WHERE glasshouse_staff() ORDER BY created_at",
        ),
    },
    internal=frozenset({"glasshouse_accounts_in(customer text)", "glasshouse_member_accounts()"}),
    for_jobs=frozenset({"glasshouse_organisations()", "glasshouse_tokens_of(account text)"}),
    for_support=frozenset(
        {
            "glasshouse_administered()",
            "glasshouse_administering()",
            "glasshouse_customers()",
            "glasshouse_emergency_allowed()",
        }
    ),
    statements=(
        LAST_ADMINISTRATOR,
        "REVOKE ALL ON FUNCTION glasshouse_keep_administrator() FROM PUBLIC",
        "DROP TRIGGER IF EXISTS keep_administrator ON access_membership",
        "CREATE CONSTRAINT TRIGGER keep_administrator AFTER UPDATE OR DELETE ON access_membership "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION glasshouse_keep_administrator()",
    ),
)
