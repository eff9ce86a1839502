"""What retention brings to the database: which rows a legal hold keeps, and that they stay.

Deleting a person or a customer under a hold is refused. What lies under other keys and is found by an address (mails,
invitations, third-party data, subscriptions) is not seen by a deletion. Probes of the checks go all the same: the tables' owner
removes them.
"""

from collections.abc import Iterator

from glasshouse.rowsecurity.declarations import Sql
from glasshouse.rowsecurity.policies import hidden_by_address
from glasshouse.vault.declarations import models_by_address
from glasshouse.vault.fields import key_owner_column

LIVE = "FROM retention_hold h WHERE h.ends_at > moment"
HELD_PERSONS = (
    f"SELECT p.id FROM accounts_person p WHERE p.id IN (SELECT h.key_owner {LIVE}) "
    f"OR p.address_hash IN (SELECT h.address_hash {LIVE})"
)
REFUSE = """
BEGIN
  IF EXISTS (SELECT FROM retention_hold WHERE key_owner = OLD.id AND ends_at > now()) THEN
    RAISE EXCEPTION 'a legal hold keeps this row';
  END IF;
  RETURN OLD;
END"""


def _statements() -> Iterator[str]:
    for table in ("accounts_person", "access_organisation"):
        yield (
            f"CREATE OR REPLACE TRIGGER refuse_held BEFORE DELETE ON {table} FOR EACH ROW "
            "WHEN (current_user <> 'glasshouse_owner') EXECUTE FUNCTION glasshouse_refuse_held()"
        )
    for model, _ in models_by_address():
        if model._meta.db_table in hidden_by_address():
            names = {key_owner_column(model), "organisation_id", "address_hash"}
            columns = sorted(names & {str(field.column) for field in model._meta.local_concrete_fields})
            held = " OR ".join(f"{column} IN (SELECT glasshouse_held(now()))" for column in columns)
            yield (
                f"CREATE POLICY held ON {model._meta.db_table} AS RESTRICTIVE FOR DELETE TO glasshouse_app "
                f"USING (NOT coalesce({held}, false))"
            )


SQL = Sql(
    functions={
        # What names a held row: ids of persons, their accounts and customers, and hashes of addresses.
        "glasshouse_held(moment timestamptz)": (
            "SETOF text",
            f"SELECT h.key_owner {LIVE} UNION SELECT h.address_hash {LIVE} AND h.address_hash IS NOT NULL "
            f"UNION {HELD_PERSONS} "
            f"UNION SELECT p.address_hash FROM accounts_person p WHERE p.id IN ({HELD_PERSONS}) "
            f"UNION SELECT a.id FROM accounts_account a WHERE a.person_id IN ({HELD_PERSONS})",
        ),
        # The holds that keep data of these persons or addresses.
        "glasshouse_holds_on(persons text[], hashes text[], moment timestamptz)": (
            "SETOF text",
            f"SELECT h.id {LIVE} AND (h.key_owner = ANY (persons) OR h.address_hash = ANY (hashes) "
            "OR h.address_hash IN (SELECT p.address_hash FROM accounts_person p WHERE p.id = ANY (persons)) "
            "OR h.key_owner IN (SELECT p.id FROM accounts_person p WHERE p.address_hash = ANY (hashes)))",
        ),
        # The holds that keep data of a customer: on it, on a member, or on an address that it invited.
        "glasshouse_holds_on_customer(customer text, moment timestamptz)": (
            "SETOF text",
            f"SELECT h.id {LIVE} AND h.key_owner = customer UNION SELECT * FROM glasshouse_holds_on("
            "ARRAY(SELECT a.person_id::text FROM accounts_account a JOIN access_membership m ON m.account_id = a.id "
            "WHERE m.organisation_id = customer), "
            "ARRAY(SELECT i.address_hash::text FROM access_invitation i WHERE i.organisation_id = customer), moment)",
        ),
    },
    procedures={"glasshouse_refuse_held()": ("trigger", REFUSE)},
    internal=frozenset({"glasshouse_refuse_held()"}),
    statements=tuple(_statements()),
)
