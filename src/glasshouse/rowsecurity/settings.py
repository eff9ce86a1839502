"""What a transaction tells the database of itself, as SQL that reads it.

Set by `access.organisation_transaction` and `connections.acting_for`.

A transaction says who acts; that it is true is for the application, that the one who acts belongs there is for the database.
What the database cannot look up (a background job, a person's own act) counts for the roles of `connections.py` alone. They are
told by `session_user`: a function that runs as the owner, and SET ROLE, leave that as it is.
"""

ORGANISATION = "nullif(current_setting('glasshouse.organisation', true), '')"
ACCOUNT = "nullif(current_setting('glasshouse.account', true), '')"
INVITATION = "nullif(current_setting('glasshouse.invitation', true), '')"
NARROWED = "nullif(current_setting('glasshouse.sites', true), '')"
JOB = "(session_user = 'glasshouse_job' AND current_setting('glasshouse.kind', true) = 'job')"
# Whose own act this is: a person's id, "@" and the hash of an address that was proved, "*" for everybody; "": nobody's.
PERSON = (
    "(CASE WHEN session_user = 'glasshouse_job' OR (session_user = 'glasshouse_person' "
    "AND current_setting('glasshouse.person', true) <> '*') "
    "THEN coalesce(current_setting('glasshouse.person', true), '') ELSE '' END)"
)
