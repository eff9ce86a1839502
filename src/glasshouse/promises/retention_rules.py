"""How long each table's rows are kept, as it was promised: written down from the notice, and why the others have no end.

The check of PRI-18 judges by it, and by no declaration of a model. A table that is in neither list is a fault.
"""

from typing import NamedTuple


class Rule(NamedTuple):
    """Rows end so many days after the time in a column. notice_text: of the notice, "" where the table is about nobody.

    only: SQL condition on the rows that it is about; "": all. Under one that names a column, the column is empty by then.
    """

    table: str
    column: str
    days: int
    notice_text: str = ""
    only: str = ""


RULES = (
    Rule("access_invitation", "expires_at", 30, "30 days after it ended"),
    Rule("access_request", "decided_at", 365),
    Rule("access_request", "created_at", 365, only="decided_at IS NULL"),
    Rule("access_token", "expires_at", 90),
    Rule("accounts_browser", "seen_at", 365, "1 year after it was last used"),
    Rule("accounts_second_step", "created_at", 1, "1 day after it was begun", only="confirmed_at IS NULL"),
    Rule("accounts_session", "expires_at", 0, "until it ends, 14 days at most"),
    Rule("accounts_session", "created_at", 14, "until it ends, 14 days at most"),
    Rule("accounts_step_reset", "due_at", 30),
    Rule("accounts_ticket", "expires_at", 7, "7 days after the link ran out"),
    Rule("accounts_tries", "until", 1, "1 day after the window of counting"),
    Rule("consent_restriction", "lifts_at", 3 * 365, "3 years after it was lifted"),
    Rule("disclosures_data_room", "ends_at", 3 * 365),
    Rule("disclosures_data_room", "prepared_at", 365, only="ends_at IS NULL"),
    Rule("disclosures_data_room_fetch", "at", 3 * 365),
    Rule("disclosures_disclosure", "last_at", 3 * 365),
    Rule("disclosures_merger_notice", "at", 3 * 365),
    Rule("disclosures_passed_on", "at", 3 * 365),
    Rule("disclosures_subscriber", "ended_at", 30, "30 days after it was ended, or never proved"),
    Rule("greenhouse_upload", "created_at", 365),
    Rule("greenhouse_upload", "created_at", 30, only="blob <> '' OR proposal IS NOT NULL"),
    Rule("mail_message", "created_at", 90, "90 days after it was written, if it could not be sent"),
    Rule("mail_message", "sent_at", 30, "30 days after it was sent"),
    Rule("messages_ruled", "at", 400),
    Rule("messages_stop_link", "at", 365, "1 year after its mail was handed over"),
    Rule("notices_announcement", "at", 3 * 365, "3 years after the change was announced"),
    Rule("personalisation_day", "at", 30, "30 days after the day"),
    Rule("personalisation_pins", "used_at", 365, "1 year after you last pinned something there, or opened a chart"),
    Rule("promises_result", "checked_at", 2 * 365),
    Rule("queues_failure", "tried_at", 365),
    Rule("retention_hold", "ends_at", 3 * 365),
    Rule("rights_copy", "expires_at", 1, "1 day after its link ran out"),
    Rule("rights_demand", "closed_at", 6 * 365, "6 years after it was closed"),
    Rule("rights_referral", "answered_at", 3 * 365),
    Rule("rights_referral", "due_at", 3 * 365, only="answered_at IS NULL"),
    Rule("rights_request", "closed_at", 3 * 365, "3 years after the answer"),
    Rule("rights_unanswered", "at", 30, "30 days after it came, unless an officer made it a request"),
    Rule("sources_supplied", "received_at", 365, "1 year after it was taken in"),
    Rule("web_form_sent", "sent_at", 1),
    Rule("web_shown_once", "expires_at", 0, "until it is shown, 11 minutes at most"),
    Rule("web_written_form", "expires_at", 0, "until the form is shown again, 11 minutes at most"),
)
ACCOUNT, CUSTOMER = "as long as the account exists", "as long as the agreement runs"
LEDGER, PUBLIC = "for ever, as opaque ids: what happened must be shown", "what is published, for ever"
REGISTER, SELF = "as long as the register is kept", "about nobody: the service's own running"
# Why the rows of a table have no end of their own; those of a table above have one but for what goes on.
REASONS = {
    "access_membership": ACCOUNT,
    "access_organisation": CUSTOMER,
    "access_role": CUSTOMER,
    "accounts_account": ACCOUNT,
    "accounts_person": ACCOUNT,
    "accounts_recovery_code": ACCOUNT,
    "consent_address": "as long as the service runs, so that a choice is followed: a keyed hash and no address",
    "consent_stance": ACCOUNT,
    "disclosures_merger": REGISTER,
    "disclosures_recipient": REGISTER,
    "django_migrations": SELF,
    "events_event": LEDGER,
    "events_link": LEDGER,
    "events_root": LEDGER,
    "events_unchained": "until it is chained",
    "greenhouse_amendment": CUSTOMER,
    "greenhouse_compartment": CUSTOMER,
    "greenhouse_device": CUSTOMER,
    "greenhouse_site": CUSTOMER,
    "greenhouse_template": CUSTOMER,
    "messages_suppression": "as long as the service runs, so that a stop is followed: a keyed hash and no address",
    "notices_acceptance": ACCOUNT,
    "notices_text": PUBLIC,
    "notices_version": PUBLIC,
    "probes_mark": "as long as a check runs",
    "probes_probe": "as long as a check runs",
    "procrastinate_events": SELF,
    "procrastinate_jobs": SELF,
    "procrastinate_periodic_defers": SELF,
    "procrastinate_workers": SELF,
    "retention_statistic": "numbers of groups of five and more",
    "retention_waiting": "until the legal hold ends, and the erasure is done",
    "retention_sweep": "certificates: counts by table",
    "rights_agent": REGISTER,
    "rights_assessment": REGISTER,
    "rights_erasure": LEDGER,
    "rights_file": "with the request that it belongs to",
    "rights_letter": "with the request that it belongs to",
    "rights_note": "with the request that it belongs to",
    "rights_officer_region": ACCOUNT,
    "sources_objected": "as long as the person wants nothing taken in",
    "sources_source": REGISTER,
    "support_grant": CUSTOMER,
    "support_seen": CUSTOMER,
    "ledger_installation": SELF,
    "ledger_mark": LEDGER,
    "vault_data_key": "as long as a row is sealed with it; a destroyed key's row stays, empty",
    "vault_ledger": LEDGER,
    "vault_state": SELF,
}
