"""What the register of recipients brings to the database: what went where can be written for a live recipient only."""

from glasshouse.rowsecurity.declarations import Sql

LIVE_RECIPIENT = (
    "CREATE POLICY live_recipient ON disclosures_disclosure AS RESTRICTIVE FOR INSERT TO glasshouse_app WITH CHECK "
    "(EXISTS (SELECT 1 FROM disclosures_recipient r WHERE r.id = recipient_id AND r.active_from <= clock_timestamp() "
    "AND (r.ended_at IS NULL OR r.ended_at > clock_timestamp())))"
)
SQL = Sql(
    functions={
        # Since when an address wants news of providers; null: it does not.
        "glasshouse_subscribed_to_news(whom text)": (
            "timestamptz",
            "SELECT proved_at FROM disclosures_subscriber WHERE id = whom AND ended_at IS NULL",
        ),
    },
    statements=(
        "ALTER TABLE disclosures_disclosure ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY all_rows ON disclosures_disclosure TO glasshouse_app USING (true) WITH CHECK (true)",
        LIVE_RECIPIENT,
    ),
)
