"""What support's grants bring to the database: what a live grant opens, and what support may write of itself."""

from glasshouse.rowsecurity.declarations import Sql
from glasshouse.rowsecurity.settings import ACCOUNT, JOB, ORGANISATION

LIVE_GRANT = f"""SELECT g.* FROM support_grant g WHERE g.organisation_id = {ORGANISATION}
    AND (g.staff = {ACCOUNT} OR g.staff = '') AND g.approved_at IS NOT NULL AND g.revoked_at IS NULL
    AND g.starts_at <= clock_timestamp() AND clock_timestamp() < g.ends_at"""
# Whether a live grant `l` lets an area be changed: four eyes have seen it, and the second pair is not the one that acts.
CHANGES = f"area = ANY (l.areas) AND l.change AND l.countersigned_by NOT IN ('', {ACCOUNT})"
COUNTS = f"area = ANY (l.areas) AND (NOT changing OR ({CHANGES}))"
# What support may write as a grant by itself: a wish that a customer must approve, or an hour's emergency where that was allowed.
ASKED = (
    f"organisation_id = {ORGANISATION} AND asked_by = {ACCOUNT} AND (SELECT glasshouse_staff()) "
    "AND countersigned_by = '' AND revoked_at IS NULL AND (approved_at IS NULL OR (emergency AND NOT change "
    "AND ends_at <= clock_timestamp() + interval '1 hour' AND (SELECT glasshouse_emergency_allowed())))"
)
# Pieces of what only functions of the database show to the staff, each row after the one with the id `after`.
CUSTOMERS = """
WITH listed AS (SELECT customer, number FROM glasshouse_customers() WITH ORDINALITY AS each (customer, number))
SELECT customer FROM listed WHERE customer <> ALL (%(hidden)s)
AND number < COALESCE((SELECT number FROM listed WHERE customer = %(after)s), 'infinity'::float8)
ORDER BY number DESC LIMIT %(most)s
"""
STAFF_GRANTS = """
WITH listed AS (SELECT * FROM glasshouse_staff_grants()), last AS (SELECT created_at, id FROM listed WHERE id = %(after)s)
SELECT * FROM listed WHERE NOT EXISTS (SELECT FROM last) OR (created_at, id) < (SELECT created_at, id FROM last)
ORDER BY created_at DESC, id DESC LIMIT %(most)s
"""
LET_IN = """
SELECT DISTINCT organisation_id FROM glasshouse_staff_grants() WHERE organisation_id = ANY (%(customers)s)
AND approved_at IS NOT NULL AND revoked_at IS NULL AND starts_at <= %(now)s AND ends_at > %(now)s
"""
SQL = Sql(
    functions={
        # The grants that somebody of the staff has, asked for, or may countersign, of all customers.
        "glasshouse_staff_grants()": (
            "SETOF support_grant",
            "SELECT * FROM support_grant WHERE glasshouse_staff() ORDER BY created_at DESC",
        ),
        # Whether support may read an area ('' any) of the acting organisation now.
        "glasshouse_granted(area text)": (
            "boolean",
            f"SELECT glasshouse_staff() AND EXISTS (SELECT 1 FROM ({LIVE_GRANT}) l WHERE area = '' OR area = ANY (l.areas))",
        ),
        # Whether support may change something of an area.
        "glasshouse_grant_changes(area text)": (
            "boolean",
            f"SELECT glasshouse_staff() AND EXISTS (SELECT 1 FROM ({LIVE_GRANT}) l WHERE {CHANGES})",
        ),
        # The sites at which a grant lets support read an area, or change it; null: all. Each grant counts for its own area and
        # its own sites only: two of them never add up to more than what each of them says.
        "glasshouse_grant_sites(area text, changing boolean)": (
            "text[]",
            f"SELECT CASE WHEN EXISTS (SELECT 1 FROM ({LIVE_GRANT}) l WHERE {COUNTS} AND l.sites IS NULL) THEN NULL "
            "ELSE (SELECT coalesce(array_agg(site), ARRAY[]::text[]) "
            f"FROM ({LIVE_GRANT}) l, unnest(l.sites) site WHERE {COUNTS}) END",
        ),
        # Names and addresses of the members, sealed, where a grant names them or the administration was handed over.
        "glasshouse_member_people()": (
            "TABLE (account_id text, id text, name bytea, address bytea, address_hash text, created_at timestamptz)",
            "SELECT p.* FROM glasshouse_people_of(glasshouse_member_accounts()) p "
            "WHERE (glasshouse_granted('people') OR glasshouse_administering()) "
            "AND p.id NOT IN (SELECT glasshouse_restricted())",
        ),
        # Grants that an account asked for or gave, of all organisations: for the view of its person.
        "glasshouse_grants_by(account text)": (
            "SETOF support_grant",
            f"SELECT * FROM support_grant WHERE {JOB} AND asked_by = account",
        ),
    },
    for_jobs=frozenset({"glasshouse_grants_by(account text)"}),
    for_support=frozenset(
        {
            "glasshouse_grant_changes(area text)",
            "glasshouse_grant_sites(area text, changing boolean)",
            "glasshouse_granted(area text)",
            "glasshouse_member_people()",
            "glasshouse_staff_grants()",
        }
    ),
    statements=(
        "GRANT INSERT ON support_seen TO glasshouse_support",
        "GRANT SELECT, INSERT, UPDATE (countersigned_by) ON support_grant TO glasshouse_support",
        f"CREATE POLICY support_writes ON support_seen FOR INSERT TO glasshouse_support WITH CHECK "
        f"(organisation_id = {ORGANISATION} AND (SELECT glasshouse_granted('')))",
        f"CREATE POLICY support_reads ON support_grant FOR SELECT TO glasshouse_support USING "
        f"(organisation_id = {ORGANISATION} AND (SELECT glasshouse_staff()))",
        f"CREATE POLICY support_adds ON support_grant FOR INSERT TO glasshouse_support WITH CHECK ({ASKED})",
        f"CREATE POLICY support_changes ON support_grant FOR UPDATE TO glasshouse_support "
        f"USING (organisation_id = {ORGANISATION} AND (SELECT glasshouse_staff()) AND change "
        f"AND {ACCOUNT} NOT IN (staff, asked_by)) "
        f"WITH CHECK (countersigned_by = {ACCOUNT})",
    ),
)
