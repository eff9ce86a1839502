"""What invitations bring to the database: whom a shown secret lets look, and what is found by an address."""

from glasshouse.rowsecurity.declarations import Sql
from glasshouse.rowsecurity.policies import NOT_ADDRESSED
from glasshouse.rowsecurity.settings import INVITATION, JOB

SQL = Sql(
    functions={
        # The organisation of the open invitation whose secret was shown.
        "glasshouse_invited()": (
            "text",
            f"SELECT organisation_id FROM access_invitation WHERE secret_hash = {INVITATION} "
            "AND accepted_at IS NULL AND revoked_at IS NULL AND now() < expires_at",
        ),
        # Hashes of the addresses that a customer invited.
        "glasshouse_invited_by(customer text)": (
            "SETOF text",
            "SELECT address_hash FROM access_invitation WHERE organisation_id = customer",
        ),
        # Invitations for an address, of all organisations: for the view of the person who has proved it.
        "glasshouse_invitations_for(hash text)": (
            "SETOF access_invitation",
            f"SELECT * FROM access_invitation WHERE {JOB} AND address_hash = hash",
        ),
        # Invitations that an account sent, and what it asked for, of all organisations: for the view of its person. An
        # invitation to somebody who has restricted their data is only stored: the view leaves it out, an erasure finds it.
        "glasshouse_invitations_by(account text)": (
            "SETOF access_invitation",
            f"SELECT * FROM access_invitation WHERE {JOB} AND inviter = account AND {NOT_ADDRESSED}",
        ),
        "glasshouse_access_requests_of(account text)": (
            "SETOF access_request",
            f"SELECT * FROM access_request WHERE {JOB} AND account_id = account",
        ),
    },
    internal=frozenset({"glasshouse_invited_by(customer text)"}),
    for_jobs=frozenset(
        {
            "glasshouse_access_requests_of(account text)",
            "glasshouse_invitations_by(account text)",
            "glasshouse_invitations_for(hash text)",
        }
    ),
)
