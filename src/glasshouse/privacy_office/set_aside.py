"""Verbs of what was set aside after its last try: mails and items of jobs, for the privacy officer to see and to try again.

Nothing here says whom an item is about: it has an opaque id, a kind, a time, and a reason in plain words.
"""

from dataclasses import dataclass
from datetime import datetime

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.kernel.actor import Actor
from glasshouse.mail import api as mail
from glasshouse.queues import api as queues
from glasshouse.queues.rules import plain_reason

MAIL, JOB = "mail", "job"
# What a queue is for, in plain words; one that is not named here is shown by its technical name.
JOBS = {
    "accounts.reset": "removing two-step verification after its waiting time",
    "disclosures.announce-merger": "telling everybody of a business transfer",
    "disclosures.tell-merger": "telling one person of a business transfer",
    "greenhouse.import": "importing a file",
    "notices.announce": "announcing a document",
    "notices.settle": "sending an announcement once more",
    "notices.tell": "announcing a document to one person",
    "promises.check": "checking a promise",
    "retention.count": "counting a year before its rows are deleted",
    "retention.delete": "deleting a row that has outlived its rule",
    "retention.end-key": "destroying a key that nothing is sealed with",
    "retention.sweep": "deleting what has outlived its rule",
    "rights.copy": "making an export",
    "rights.erase": "erasing a person",
    "rights.erase-late": "erasing what arrived during an erasure",
    "rights.escalate-1": "reminding of a legal deadline",
    "rights.escalate-2": "telling of a missed legal deadline",
    "rights.finish-demand": "closing a legal request",
    "rights.give-up": "closing a request whose address nobody confirmed",
    "rights.remind": "reminding of a link that confirms an address",
    "rights.tell-agent": "telling an agent of a request's state",
    "rights.tell-demand": "telling a person of a legal request",
    "rights.warn-referral": "reminding a customer of a referred request",
    "sources.tell": "telling a person of third-party data",
    "worker.schedule": "a scheduled job",
}
# Jobs that no schedule takes up again: the person who asked for them starts them once more.
ONCE = {"greenhouse.import"}


@dataclass(frozen=True, slots=True)
class SetAside:
    """One item. source: MAIL or JOB; item: an opaque id, or the name of a table or job; place: where in our code it failed.

    seen: staff have looked at it.
    """

    source: str
    id: str
    what: str
    item: str
    since: datetime
    tries: int
    reason: str
    place: str
    seen: bool
    may_retry: bool


def listed(actor: Actor) -> list[SetAside]:
    """Everything that was set aside, what nobody has looked at first. Raises NotFoundError."""
    access.require_staff(actor, Permission.FAILURE_RETRY)
    mails = [
        SetAside(
            MAIL,
            message.id,
            f"a mail: {message.kind}",
            message.id,
            message.created_at,
            message.tries,
            message.reason,
            message.place,
            message.seen,
            may_retry=True,
        )
        for message in mail.set_aside()
    ]
    jobs = [
        SetAside(
            JOB,
            failure.id,
            JOBS.get(failure.queue, failure.queue),
            failure.item,
            failure.tried_at,
            failure.tries,
            plain_reason(failure.reason),
            failure.place,
            failure.seen_at is not None,
            may_retry=failure.queue not in ONCE,
        )
        for failure in queues.set_aside()
    ]
    return sorted([*mails, *jobs], key=lambda item: item.seen)


def try_again(actor: Actor, source: str, number: str) -> None:
    """Have an item tried again from the start, at the next run of its queue. Raises NotFoundError."""
    access.require_staff(actor, Permission.FAILURE_RETRY)
    (mail.try_again if source == MAIL else queues.try_again)(actor, number)


def leave(actor: Actor, source: str, number: str) -> None:
    """Leave an item set aside: it is looked at, and counts as trouble no more. Raises NotFoundError."""
    access.require_staff(actor, Permission.FAILURE_RETRY)
    (mail.leave if source == MAIL else queues.leave)(actor, number)
