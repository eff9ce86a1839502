"""What retention brings to the database: which rows a legal hold keeps, and that they stay.

Deleting a person or a customer under a hold is refused. What lies under other keys and is found by an address (mails,
invitations, third-party data, subscriptions) is not seen by a deletion. Probes of the checks go all the same: the tables' owner
removes them.
"""

from collections.abc import Iterator

from glasshouse.access.models import Organisation
from glasshouse.accounts.models import Person
from glasshouse.retention.whose_columns import naming
from glasshouse.rowsecurity.declarations import Sql, row_access
from glasshouse.rowsecurity.policies import customer_models, hidden_by_address
from glasshouse.rowsecurity.settings import JOB
from glasshouse.vault.datamap import kept_of
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


def _due_of_customers() -> str:
    """How many rows of each table of customers have outlived their rules and no legal hold keeps, of all customers together.

    The same as `_due` in `retention/api.py`, which a row policy lets ask of one customer at a time. Raises ValueError.
    """
    counts = []
    for model in customer_models():
        if not kept_of(model):
            continue
        table = model._meta.db_table
        if not row_access(model).owner_reads:
            raise ValueError(
                f"{table} has a retention rule: declare that owner_reads, so that what is due can be counted."
            )
        ended = " OR ".join(
            f"({rule.column} < moment - make_interval(hours => {24 * rule.days})"
            + (f" AND {rule.while_empty} IS NULL)" if rule.while_empty else ")")
            for rule in kept_of(model)
        )
        held = "".join(f" AND NOT coalesce({column} IN (SELECT mark FROM held), false)" for column in naming(model))
        counts.append(f"SELECT '{table}'::text, count(*) FROM {table} WHERE {JOB} AND ({ended}){held}")
    marks = "WITH held AS MATERIALIZED (SELECT mark FROM glasshouse_held(held_at) AS held (mark)) "
    return f"{marks}SELECT * FROM ({' UNION ALL '.join(counts)}) AS due WHERE {JOB}"


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


DUE_OF_CUSTOMERS = "glasshouse_due_of_customers(moment timestamptz, held_at timestamptz)"
SQL = Sql(
    functions={
        DUE_OF_CUSTOMERS: ("TABLE (name text, total bigint)", _due_of_customers()),
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
    for_jobs=frozenset({DUE_OF_CUSTOMERS}),
    procedures={"glasshouse_refuse_held()": ("trigger", REFUSE)},
    internal=frozenset({"glasshouse_refuse_held()"}),
    statements=tuple(_statements()),
)
