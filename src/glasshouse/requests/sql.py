"""What requests bring to the database: referrals of all customers, for jobs."""

from glasshouse.rowsecurity.declarations import Sql
from glasshouse.rowsecurity.settings import JOB

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
)
