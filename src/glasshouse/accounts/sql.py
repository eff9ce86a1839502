"""What accounts bring to the database: who is of the staff, and which person an account or an address is of."""

from glasshouse.rowsecurity.declarations import Sql
from glasshouse.rowsecurity.settings import ACCOUNT

SQL = Sql(
    functions={
        # The person with an address: for signing in, and so that nobody else takes it while its person is restricted.
        "glasshouse_person_at(hash text)": ("text", "SELECT id FROM accounts_person WHERE address_hash = hash"),
        # Whether who acts is support staff with a confirmed second factor: they alone may be shown rows of customers.
        # Read with each statement, so that taking the role or the factor away counts from the next one on.
        "glasshouse_staff()": (
            "boolean",
            f"SELECT EXISTS (SELECT 1 FROM accounts_account a WHERE a.id = {ACCOUNT} AND a.staff_role = 'support' AND EXISTS "
            "(SELECT 1 FROM accounts_second_step s WHERE s.account_id = a.id AND s.confirmed_at IS NOT NULL))",
        ),
        # Whether who acts is support staff at all.
        "glasshouse_support_role()": (
            "boolean",
            f"SELECT EXISTS (SELECT 1 FROM accounts_account WHERE id = {ACCOUNT} AND staff_role = 'support')",
        ),
        "glasshouse_acting_person()": ("text", f"SELECT person_id FROM accounts_account WHERE id = {ACCOUNT}"),
        "glasshouse_address_hashes(persons text[])": (
            "SETOF text",
            "SELECT address_hash FROM accounts_person WHERE id = ANY (persons)",
        ),
        "glasshouse_accounts_of(persons text[])": (
            "SETOF text",
            "SELECT id FROM accounts_account WHERE person_id = ANY (persons)",
        ),
        # Names and addresses, sealed as they are.
        "glasshouse_people_of(accounts text[])": (
            "TABLE (account_id text, id text, name bytea, address bytea, address_hash text, created_at timestamptz)",
            "SELECT a.id, p.id, p.name, p.address, p.address_hash, p.created_at FROM accounts_account a "
            "JOIN accounts_person p ON p.id = a.person_id WHERE a.id = ANY (accounts)",
        ),
    },
    for_support=frozenset({"glasshouse_staff()", "glasshouse_support_role()"}),
    internal=frozenset(
        {
            "glasshouse_accounts_of(persons text[])",
            "glasshouse_acting_person()",
            "glasshouse_address_hashes(persons text[])",
            "glasshouse_people_of(accounts text[])",
        }
    ),
)
