"""What retention brings to the database: which rows a legal hold keeps, and that they stay.

Deleting a person or a customer under a hold is refused. What lies under other keys and is found by an address (mails,
invitations, third-party data, subscriptions) is not seen by a deletion. Probes of the checks go all the same: the tables' owner
removes them.
"""

from collections.abc import Iterator

from glasshouse.access.models import Organisation
from glasshouse.accounts.models import Person
from glasshouse.rowsecurity.declarations import Sql
from glasshouse.rowsecurity.policies import hidden_by_address
from glasshouse.vault.declarations import models_by_address
from glasshouse.vault.fields import key_owner_column

LIVE = "FROM retention_hold h WHERE h.ends_at > moment"
HELD_PERSONS = (
    f"SELECT h.key_owner::text {LIVE} UNION "
    f"SELECT glasshouse_person_at(h.address_hash) {LIVE} AND h.address_hash IS NOT NULL"
)
REFUSE = """
BEGIN
  IF EXISTS (SELECT FROM retention_hold WHERE key_owner = OLD.id AND ends_at > now()) THEN
    RAISE EXCEPTION 'a legal hold keeps this row';
  END IF;
  RETURN OLD;
END"""


def _statements() -> Iterator[str]:
    for anchor in (Person, Organisation):
        yield (
            f"CREATE OR REPLACE TRIGGER refuse_held BEFORE DELETE ON {anchor._meta.db_table} FOR EACH ROW "
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
            f"SELECT h.address_hash {LIVE} AND h.address_hash IS NOT NULL "
            f"UNION SELECT held FROM ({HELD_PERSONS}) AS persons (held) WHERE held IS NOT NULL "
            f"UNION SELECT glasshouse_address_hashes(ARRAY({HELD_PERSONS})) "
            f"UNION SELECT glasshouse_accounts_of(ARRAY({HELD_PERSONS}))",
        ),
        # The holds that keep data of these persons or addresses.
        "glasshouse_holds_on(persons text[], hashes text[], moment timestamptz)": (
            "SETOF text",
            f"SELECT h.id {LIVE} AND (h.key_owner = ANY (persons) OR h.address_hash = ANY (hashes) "
            "OR h.address_hash IN (SELECT glasshouse_address_hashes(persons)) "
            "OR h.key_owner IN (SELECT glasshouse_person_at(hash) FROM unnest(hashes) AS hash))",
        ),
        # The holds that keep data of a customer: on it, on a member, or on an address that it invited.
        "glasshouse_holds_on_customer(customer text, moment timestamptz)": (
            "SETOF text",
            f"SELECT h.id {LIVE} AND h.key_owner = customer UNION SELECT * FROM glasshouse_holds_on("
            "ARRAY(SELECT id FROM glasshouse_people_of(ARRAY(SELECT glasshouse_accounts_in(customer)))), "
            "ARRAY(SELECT glasshouse_invited_by(customer)), moment)",
        ),
    },
    procedures={"glasshouse_refuse_held()": ("trigger", REFUSE)},
    internal=frozenset({"glasshouse_refuse_held()"}),
    statements=tuple(_statements()),
)
