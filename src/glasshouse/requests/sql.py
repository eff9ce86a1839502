"""What requests bring to the database: referrals of all customers, for jobs; what was sent stays as it was sent.

What a person wrote, what we wrote, and their files are never changed, whatever role asks. One change is no change of what stands
there: a sealing under a newer key, which the second byte of a sealed value tells (`vault/envelope.py`). A message or a file
goes with its request, and never alone. Source: GDPR Art. 5(1)(f), 5(2).
"""

from glasshouse.rowsecurity.declarations import Sql
from glasshouse.rowsecurity.settings import JOB

# Table -> columns that hold what was sent, and whether they are sealed. Those that are not never change at all.
SENT = {
    "rights_request": {"address": True, "text": True, "thread": True, "answer": True, "channel": False, "id": False},
    "rights_letter": {
        "text": True,
        "authentication": True,
        **dict.fromkeys(("id", "request_id", "key_owner", "sender", "referral", "mail", "channel", "at"), False),
    },
    "rights_file": {
        "name": True,
        "media_type": True,
        **dict.fromkeys(("id", "request_id", "key_owner", "message", "size_bytes", "left_out", "blob", "at"), False),
    },
}
WRITTEN_LATER = {"answer"}  # Empty until it is given.
GOES_WITH_REQUEST = ("rights_letter", "rights_file")


def _changes(table: str) -> str:
    """SQL condition of a trigger: the new row has something else in a column that holds what was sent."""
    conditions = []
    for column, is_sealed in SENT[table].items():
        differs = f"NEW.{column} IS DISTINCT FROM OLD.{column}"
        if column in WRITTEN_LATER:
            differs = f"OLD.{column} IS NOT NULL AND {differs}"
        if is_sealed:
            newer = (
                f"octet_length(NEW.{column}) = octet_length(OLD.{column}) AND "
                f"get_byte(NEW.{column}, 1) > get_byte(OLD.{column}, 1)"
            )
            differs = f"{differs} AND NOT coalesce({newer}, false)"
        conditions.append(f"({differs})")
    return " OR ".join(conditions)


def _stays_unaltered(table: str) -> list[str]:
    return [
        f"CREATE OR REPLACE FUNCTION glasshouse_{table}_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {_changes(table)} THEN RAISE EXCEPTION 'what was sent with a privacy request is never changed' "
        "USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW; END $$",
        f"REVOKE ALL ON FUNCTION glasshouse_{table}_stays() FROM PUBLIC",
        f"CREATE OR REPLACE TRIGGER stays_unaltered BEFORE UPDATE ON {table} FOR EACH ROW "
        f"EXECUTE FUNCTION glasshouse_{table}_stays()",
    ]


def _goes_with_request(table: str) -> list[str]:
    # At the end of the transaction: whoever deletes a request deletes what belongs to it first.
    return [
        f"DROP TRIGGER IF EXISTS goes_with_request ON {table}",
        f"CREATE CONSTRAINT TRIGGER goes_with_request AFTER DELETE ON {table} DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION glasshouse_request_is_gone()",
    ]


REQUEST_IS_GONE = """
CREATE OR REPLACE FUNCTION glasshouse_request_is_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public AS $$
BEGIN
  IF EXISTS (SELECT FROM rights_request WHERE id = OLD.request_id) THEN
    RAISE EXCEPTION 'what was sent with a privacy request goes with it, and never alone' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$"""

SQL = Sql(
    functions={
        # Which customers have let a referral pass its day, for the job that reminds them: no other customer is visited.
        "glasshouse_late_referrals(moment timestamptz)": (
            "SETOF text",
            f"SELECT DISTINCT organisation_id FROM rights_referral WHERE {JOB} "
            "AND answered_at IS NULL AND warned_at IS NULL AND due_at < moment",
        ),
        # To which customers requests were passed, and which have answered: for the privacy office, and the guest who agreed.
        "glasshouse_referrals_of(requests text[])": (
            "TABLE (request_id text, organisation_id text, due_at timestamptz, answered_at timestamptz)",
            "SELECT f.request_id, f.organisation_id, f.due_at, f.answered_at FROM rights_referral f "
            f"WHERE {JOB} AND f.request_id = ANY (requests) ORDER BY f.asked_at, f.id",
        ),
    },
    for_jobs=frozenset({"glasshouse_late_referrals(moment timestamptz)", "glasshouse_referrals_of(requests text[])"}),
    statements=(
        *(statement for table in SENT for statement in _stays_unaltered(table)),
        REQUEST_IS_GONE,
        "REVOKE ALL ON FUNCTION glasshouse_request_is_gone() FROM PUBLIC",
        *(statement for table in GOES_WITH_REQUEST for statement in _goes_with_request(table)),
    ),
)
