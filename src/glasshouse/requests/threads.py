"""Verbs of a request's thread: writing to the person, merging two requests of one person, ending those of an erased one.

Rules: what was sent stays where it was sent, unaltered (sql.py): a merge moves no message, it says with which request another
goes on. A request is merged only with one that its own address asked, as surely as it did. Source: PRI-26, PRI-28; GDPR Art. 12.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB, Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import RequestId
from glasshouse.mail.rules import body_text
from glasshouse.requests import answer_templates, answering, files, legal_deadlines
from glasshouse.requests import api as requests
from glasshouse.requests.models import Passing, Request, RequestFile
from glasshouse.retention import waiting
from glasshouse.vault.fields import readable

MERGED, MOST_SHOWN = "merged", 50


@transaction.atomic
def write_to(actor: Actor, number: RequestId, text: str, *, asks: bool) -> None:
    """Mail to the person of an open request, in its thread. It stays open, its deadline runs on, and the mail says so.

    asks: an answer is needed; until the person sends something, the request waits for them (replies.py).
    Raises InvalidError, NotFoundError.
    """
    request, text = requests.open_request(actor, number), body_text(text).strip()
    if not request.address:
        raise InvalidError("There is no email address to write to. Use a letter or the telephone.", field="text")
    if request.proved_at is None:
        raise InvalidError(
            "The address is not confirmed: have the link mailed again first. Then write.",
            field="text",
        )
    if not text or len(text) > requests.MOST_TEXT:
        raise InvalidError("Write what is to be mailed.", field="text")
    answer_templates.require_whole(text)
    if not asks:
        requests.write(request, "requests/mails/word_between", {"text": text, "due_at": request.due_at}, by_hand=True)
        events.record(actor, Kind.REQUEST_MAILED, request.id)
        return
    Request.objects.filter(id=request.id).update(asked_back_at=clock.now())
    requests.write(request, "requests/mails/asked_back", {"text": text, "due_at": request.due_at}, by_hand=True)
    events.record(actor, Kind.REQUEST_ASKED_BACK, request.id)


@transaction.atomic
def merge(actor: Actor, number: RequestId, into: RequestId) -> None:
    """Have a request go on with another of the same person; the earlier deadline counts, and the person is told once.

    Both are open, of one address, and both confirmed or neither. Every message and file stays, and is shown with the other.
    Raises InvalidError, NotFoundError.
    """
    # In one order, whichever of the two somebody else merges: nobody waits for the other for ever.
    by_number = {each: requests.open_request(actor, each) for each in sorted((number, into))}
    request, target = by_number[number], by_number[into]
    if obstacle := _obstacle(request, target):
        raise InvalidError(obstacle, field="into")
    due_at = min(request.due_at, target.due_at)
    target.asked_back_at = target.asked_back_at or request.asked_back_at
    if due_at < target.due_at:
        target.due_at, target.escalated = due_at, 0
    # A look that one of them waits for is still to be had.
    if request.needs_look and request.seen_at is None:
        target.needs_look, target.seen_at = True, None
    target.save(update_fields=["due_at", "escalated", "asked_back_at", "needs_look", "seen_at"])
    Request.objects.filter(merged_into=request.id).update(merged_into=target.id)
    requests.close(request, "", MERGED)
    Request.objects.filter(id=request.id).update(merged_into=target.id)
    # Under an address that nobody confirmed a program writes as seldom as ever.
    if target.address and (target.proved_at is not None or answering.may_answer(target.address)):
        requests.write(target, "requests/mails/merged", {"earlier": request.id, "due_at": target.due_at})
    events.record(actor, Kind.REQUEST_MERGED, request.id, into=target.id)


@transaction.atomic
def unmerge(actor: Actor, number: RequestId) -> None:
    """Have a request that was merged into an open one go on by itself again. Its person is told.

    Both keep the deadline that the person was told. What was written in the other one meanwhile stays there.
    Raises InvalidError, NotFoundError.
    """
    access.require_staff(actor, Permission.REQUEST_ANSWER)
    into = Request.objects.filter(id=number, outcome=MERGED).values_list("merged_into", flat=True).first()
    if not into:
        raise NotFoundError
    # In one order, as a merge locks them. What one of them was meanwhile is seen once both are locked.
    rows = Request.objects.select_for_update().filter(id__in=[number, into]).order_by("id")
    by_number = {row.id: row for row in rows}
    request, target = by_number[number], by_number.get(into)
    if request.merged_into != into:
        raise NotFoundError
    if target is None or target.closed_at is not None:
        raise InvalidError("The request that it was merged into is closed: both have one answer.", field="number")
    if request.answer is not None:  # An earlier version stored an empty one, which cannot be changed.
        raise InvalidError("It was merged by an earlier version: that cannot be undone.", field="number")
    due_at = min(request.due_at, target.due_at)
    changed = {"closed_at": None, "outcome": "", "merged_into": "", "due_at": due_at, "escalated": 0}
    Request.objects.filter(id=request.id).update(**changed)
    request.refresh_from_db()
    if request.address and (request.proved_at is not None or answering.may_answer(request.address)):
        requests.write(request, "requests/mails/unmerged", {"other": target.id, "due_at": due_at})
    events.record(actor, Kind.REQUEST_UNMERGED, request.id, out_of=target.id)


def _obstacle(request: Request, target: Request) -> str:
    """Why an open request may not be merged into another one; "" where it may."""
    if request.id == target.id or not request.address or request.address_hash != target.address_hash:
        return "Only two requests of the same email address can be merged."
    if (request.proved_at is None) is not (target.proved_at is None):
        return "One of the two addresses is not confirmed yet: merge them when both are."
    if request.agent or target.agent:
        return "An agent waits for the answer to a request of its own: it is not merged."
    if request.referrals:
        return "It was passed on already. Merge the other one into it."
    if waiting.among([request.id]):
        return "Its erasure waits for the end of a legal hold. Merge the other one into it."
    return ""


def may_merge_into(request: Request, others: list[Request]) -> set[str]:
    """The ids of those open requests that an open one may go on with."""
    still_open = [other for other in others if {request.closed_at, other.closed_at} == {None}]
    return {other.id for other in still_open if not _obstacle(request, other)}


def goes_on_with(request: Request) -> Request:
    """The request in which a thread goes on: the one that it was merged into, or itself."""
    following = Request.objects.filter(id=request.merged_into).first() if request.merged_into else None
    return following or request


def merged_into(numbers: list[str]) -> dict[str, list[Request]]:
    """The requests that were merged into each of these, the oldest first; those without any are left out. One query."""
    merged: dict[str, list[Request]] = {}
    for request in readable(Request.objects.filter(merged_into__in=numbers).order_by("asked_at")):
        merged.setdefault(request.merged_into, []).append(request)
    return merged


def of_same_address(shown: list[Request]) -> dict[str, list[Request]]:
    """The other requests of each one's address, open ones first, then the newest; at most MOST_SHOWN of an address. One query.

    For the officer. A number of an unconfirmed one proves nothing of who asked.
    """
    hashes = {request.address_hash for request in shown if request.address}
    by_hash: dict[str, list[Request]] = {}
    rows = Request.objects.filter(address_hash__in=hashes).order_by("-closed_at", "-asked_at")
    for request in rows[: MOST_SHOWN * max(1, len(hashes))]:
        by_hash.setdefault(request.address_hash, []).append(request)
    return {
        request.id: [other for other in by_hash.get(request.address_hash, []) if other.id != request.id][:MOST_SHOWN]
        for request in shown
    }


# -- what its person sees ------------------------------------------------------------------------------------------


class Written(NamedTuple):
    """One text of a thread. sender: a key of `models.WRITERS`. channel: how it came; "": it is not noted, or we wrote it."""

    sender: str
    text: str
    at: datetime
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A request as its person sees it. state: of `state_of`; entries: all that was written, the oldest first."""

    request: Request
    law: legal_deadlines.Law
    state: str
    entries: list[Written]
    files: list[RequestFile]

    @property
    def opens_another(self) -> bool:
        """Whether what the person writes now opens a request that follows this one."""
        return self.request.closed_at is not None and self.state != MERGED


def state_of(request: Request) -> str:
    """How far a request is: open, passed, asked_back, or how it was closed (answered, refused, merged, erased, unproved, …)."""
    if request.closed_at is not None:
        return str(request.outcome)
    if request.asked_back_at is not None:
        return "asked_back"
    return "passed" if request.referrals and request.passing != Passing.DECLINED else "open"


def shown(request: Request) -> Shown:
    """What a person sees of a request; that it is theirs is asked before. With what was merged into it."""
    asked = [request, *merged_into([request.id]).get(request.id, [])]
    entries = [Written("person", each.text, each.asked_at, each.channel) for each in asked]
    entries += [
        Written(row.sender, row.text, row.at, row.channel) for row in requests.messages_of([request])[request.id]
    ]
    return Shown(
        request,
        legal_deadlines.LAWS[request.law],
        state_of(request),
        sorted(entries, key=lambda entry: entry.at),
        files.of_requests([request])[request.id],
    )


# -- where its person is erased ------------------------------------------------------------------------------------


def end_of_erased(address_hash: str) -> int:
    """End the open requests of a person who was erased, and note it in each; returns how many. In the caller's transaction.

    Those stay open that a customer is still to answer, whose erasure waits for a legal hold, that an officer is to see first, and
    by which officers erase.
    """
    rows = Request.objects.select_for_update().filter(
        address_hash=address_hash, closed_at=None, referrals=0, erasure_by=""
    )
    ending = [request for request in rows.order_by("asked_at") if not request.needs_look or request.seen_at]
    waiting_ids = waiting.among([request.id for request in ending])
    count = 0
    for request in readable([request for request in ending if request.id not in waiting_ids]):
        requests.close(request, "", "erased")
        if request.proved_at is not None:
            # Not mailed: the mail would name for weeks whom nothing names any more. The page of the erasure says it before.
            requests.write(request, "requests/mails/ended", {}, only_stored=True)
        events.record(JOB, Kind.REQUEST_CLOSED, request.id, erased=True)
        count += 1
    return count
