"""What mail brings to the database: none is written for a purpose that its person objected to."""

from glasshouse.rowsecurity.declarations import Sql

SQL = Sql(
    statements=(
        "CREATE POLICY unobjected ON mail_message AS RESTRICTIVE FOR INSERT TO glasshouse_app "
        "WITH CHECK (purpose = '' OR NOT glasshouse_objected(key_owner, purpose))",
    )
)
