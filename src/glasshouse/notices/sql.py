"""What documents bring to the database: whether a person has accepted those in force, and which notice is."""

from glasshouse.rowsecurity.declarations import Sql

# The newest version in force of each document without which nobody uses the service.
IN_FORCE = """SELECT DISTINCT ON (document) id FROM notices_version
    WHERE document IN ('notice', 'terms') AND in_force_at <= clock_timestamp() ORDER BY document, number DESC"""
SQL = Sql(
    functions={
        "glasshouse_accepted(whom text)": (
            "boolean",
            f"SELECT NOT EXISTS (SELECT 1 FROM ({IN_FORCE}) v WHERE NOT EXISTS "
            "(SELECT 1 FROM notices_acceptance a WHERE a.key_owner = whom AND a.version_id = v.id))",
        ),
        # Its number stands in the footer of every mail; 0 where there is none yet.
        "glasshouse_notice_in_force()": (
            "integer",
            "SELECT coalesce(max(number), 0)::integer FROM notices_version "
            "WHERE document = 'notice' AND in_force_at <= clock_timestamp()",
        ),
    },
    for_support=frozenset({"glasshouse_notice_in_force()"}),
)
