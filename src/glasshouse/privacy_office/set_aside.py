"""Verbs of what was set aside after its last try: mails and items of jobs, for the privacy officer to see and to try again.

Nothing here says whom an item is about: it has an opaque id, a kind, a time, and a reason in plain words.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.pieces import Piece, piece_of_lists
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


def listed(actor: Actor, after: str = "") -> Piece[SetAside]:
    """A piece of what was set aside: what nobody has looked at first, and of that the mails. after: as in `piece_of`.

    Raises NotFoundError.
    """
    access.require_staff(actor, Permission.FAILURE_RETRY)
    lists = [partial(rows_after, seen) for seen in (False, True) for rows_after in (_mails, _jobs)]
    return piece_of_lists(lists, after, lambda item: item.id)


def _mails(seen: bool, after: str, most: int) -> Piece[SetAside]:
    piece = mail.set_aside(seen=seen, after=after, most=most)
    return piece.of(
        [
            SetAside(
                MAIL,
                message.id,
                f"a mail: {message.kind}",
                message.id,
                message.created_at,
                message.tries,
                message.reason,
                message.place,
                seen,
                may_retry=True,
            )
            for message in piece
        ]
    )


def _jobs(seen: bool, after: str, most: int) -> Piece[SetAside]:
    piece = queues.set_aside(seen=seen, after=after, most=most)
    return piece.of(
        [
            SetAside(
                JOB,
                failure.id,
                JOBS.get(failure.queue, failure.queue),
                failure.item,
                failure.tried_at,
                failure.tries,
                plain_reason(failure.reason),
                failure.place,
                seen,
                may_retry=failure.queue not in ONCE,
            )
            for failure in piece
        ]
    )


def try_again(actor: Actor, source: str, number: str) -> None:
    """Have an item tried again from the start, at the next run of its queue. Raises NotFoundError."""
    access.require_staff(actor, Permission.FAILURE_RETRY)
    (mail.try_again if source == MAIL else queues.try_again)(actor, number)


def leave(actor: Actor, source: str, number: str) -> None:
    """Leave an item set aside: it is looked at, and counts as trouble no more. Raises NotFoundError."""
    access.require_staff(actor, Permission.FAILURE_RETRY)
    (mail.leave if source == MAIL else queues.leave)(actor, number)
