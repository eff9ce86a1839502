"""What events bring to the database: what the relay that chains them may do, and that support records its own."""

from glasshouse.rowsecurity.declarations import Sql
from glasshouse.rowsecurity.settings import ACCOUNT, ORGANISATION

SQL = Sql(
    statements=(
        "GRANT SELECT ON events_event, events_link, events_root, events_unchained TO glasshouse_relay",
        "GRANT INSERT ON events_link, events_root TO glasshouse_relay",
        "GRANT DELETE, UPDATE (lost) ON events_unchained TO glasshouse_relay",
        "GRANT INSERT ON events_event TO glasshouse_support",
        "CREATE POLICY relay_reads ON events_event FOR SELECT TO glasshouse_relay USING (true)",
        f"CREATE POLICY support_records ON events_event FOR INSERT TO glasshouse_support WITH CHECK "
        f"(organisation_id = {ORGANISATION} AND actor = {ACCOUNT} AND (SELECT glasshouse_staff()))",
    )
)
