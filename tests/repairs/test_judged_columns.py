"""Each technical column in which a text could stand was judged by where its value comes from."""

import pytest
from django.contrib.postgres.fields import ArrayField
from django.db import models

from glasshouse.retention.api import ours
from glasshouse.vault.datamap import Class, entry_of

# Technical columns in which a text could stand (ids and hashes aside), by where their value comes from.
JUDGED = {
    "a list in the code, and the verb refuses any other value": """
        accounts_account.staff_role access_invitation.role access_membership.role access_organisation.second_factor_roles
        access_request.role access_role.permissions access_token.permissions consent_restriction.ground consent_stance.purpose
        disclosures_recipient.channels disclosures_recipient.fields disclosures_recipient.kind notices_acceptance.language
        notices_text.language notices_version.document rights_assessment.purpose rights_assessment.risk rights_demand.asked
        rights_demand.first_verdict rights_demand.narrowed rights_demand.second_verdict rights_officer_region.regions
        rights_request.channel rights_request.kind rights_request.region sources_source.kind sources_supplied.field
        support_grant.areas""",
    "the path of our own answer, which is looked at once more before anybody is led there": "web_form_sent.location",
    "two letters": "rights_demand.country",
    "ids of rows that the verb has looked for": """
        access_invitation.sites access_membership.sites access_request.sites access_token.sites support_grant.sites
        support_seen.ids""",
    "the code, from no input": """
        accounts_second_step.kind accounts_ticket.purpose consent_stance.state events_event.facts events_event.kind
        greenhouse_upload.state mail_message.kind mail_message.place mail_message.purpose mail_message.reason mail_message.refused
        notices_acceptance.how queues_failure.place queues_failure.queue queues_failure.reason web_shown_once.purpose
        notices_announcement.state notices_version.tables promises_result.figure promises_result.promise
        retention_statistic.group retention_statistic.table retention_sweep.rows rights_demand.outcome rights_letter.sender
        rights_request.agent_told rights_request.law rights_request.outcome rights_request.passing sources_supplied.state
        support_seen.what""",
}
ID, HASH = 16, 64  # lengths


@pytest.mark.usefixtures("home")
def test_every_technical_text_column_was_judged() -> None:
    """Whoever adds a technical column that a text fits in says here where its value comes from, or seals it."""

    texts = (models.CharField, models.TextField, models.JSONField, ArrayField)
    found = {
        f"{model._meta.db_table}.{one.column}"
        for model in ours()
        for one in model._meta.local_concrete_fields
        if isinstance(one, texts) and one.max_length not in (ID, HASH)
        if (entry := entry_of(one)) and entry.classification is Class.TECHNICAL
    }
    judged = {column for columns in JUDGED.values() for column in columns.split()}
    assert found - judged == set(), "say where the value comes from, or seal it"
    assert judged - found == set(), "not there any more"
