"""What documents bring to the database: whether a person has accepted those in force."""

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
    }
)
