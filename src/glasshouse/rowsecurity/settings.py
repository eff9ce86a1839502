"""What a transaction tells the database of itself, as SQL that reads it. Set by `access.acting` and `accounts.own`.

A transaction says who acts; that it is true is for the application, that the one who acts belongs there is for the database.
"""

ORGANISATION = "nullif(current_setting('glasshouse.organisation', true), '')"
ACCOUNT = "nullif(current_setting('glasshouse.account', true), '')"
INVITATION = "nullif(current_setting('glasshouse.invitation', true), '')"
NARROWED = "nullif(current_setting('glasshouse.sites', true), '')"
JOB = "coalesce(current_setting('glasshouse.job', true), '') = '1'"
SELF = "coalesce(current_setting('glasshouse.self', true), '')"
