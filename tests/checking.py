"""Promise checks in tests: the shared service has no schedule, so that mail and events are seen to while a check runs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import connections

from glasshouse.events import api as events
from glasshouse.mail import api as mail
from glasshouse.notices import announcements
from glasshouse.requests import referrals
from glasshouse.retention import api as retention
from glasshouse.sources import api as sources

if TYPE_CHECKING:
    from glasshouse.operations.installation import Installation
    from glasshouse.promises.findings import Finding

PATIENT_S = 60.0  # with a mail: several services share the machine
# What other tests leave half done in the service that they share: requests without an officer, mail that never leaves, and so on.
LEFT = (
    "DELETE FROM rights_note",
    "DELETE FROM rights_referral",
    # In one statement: what was sent goes with its request, and never alone.
    "WITH letters AS (DELETE FROM rights_letter), files AS (DELETE FROM rights_file) DELETE FROM rights_request",
    "DELETE FROM rights_demand",
    "DELETE FROM sources_supplied",
    "DELETE FROM mail_message",
    "DELETE FROM notices_announcement",
    "DELETE FROM consent_stance WHERE state = 'objected'",
    "DELETE FROM queues_failure",
    "DELETE FROM accounts_session",
    "DELETE FROM notices_acceptance a USING notices_version v WHERE v.id = a.version_id AND v.in_force_at > a.at",
    # Tests make members without an invitation; the ledger tells of one then.
    "INSERT INTO events_event (id, at, kind, actor, organisation_id, subject, facts) SELECT left(md5(m.id), 16), now(), "
    "'access:invitation:accept', m.account_id, m.organisation_id, m.account_id, '{}' FROM access_membership m "
    "WHERE NOT EXISTS (SELECT FROM events_event e WHERE e.organisation_id = m.organisation_id AND e.actor = m.account_id "
    "AND e.kind IN ('access:organisation:create', 'access:invitation:accept'))",
    "UPDATE disclosures_disclosure SET told_at = now() WHERE told_at IS NULL",
)


def clear(home: "Installation") -> None:
    """Take away what other tests left half done, so that a check finds a healthy service."""
    from tests.conftest import administering, forget_recipients, forget_versions

    with administering(home) as link:
        forget_versions(link)
        for statement in LEFT:
            link.execute(statement)
        forget_recipients(link)


@contextmanager
def worker_running() -> Iterator[None]:
    """Mail leaves, events are chained, and persons are told of what third parties gave, as the worker does it all the time."""
    from glasshouse.promises import stage

    ending, stage.MAIL_S = threading.Event(), PATIENT_S

    def work() -> None:
        while not ending.wait(0.2):
            mail.deliver_due()
            events.chain_waiting()
            sources.tell_due()
            announcements.announce_due()
            retention.run_for_probes()
            referrals.warn_for_probes()
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def checked(promise: str) -> "Finding":
    """What the check of a promise finds, with the worker at work.

    One that cannot tell runs again, as the worker has it run again: on a busy machine a mail may come too late once.
    """
    from glasshouse.promises.findings import State
    from glasshouse.promises.runner import run

    with worker_running():
        finding = run(promise)
        return run(promise) if finding.state == State.CANNOT_TELL else finding
