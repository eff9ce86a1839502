"""Verbs of the page of one request: all that an officer needs to answer it, and what happened to it. Source: PRI-28."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, TypedDict

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts.own import known_hashes
from glasshouse.events import api as events
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import NotFoundError
from glasshouse.requests import answer_templates, assignment, files, legal_deadlines, notes, threads
from glasshouse.requests import api as requests
from glasshouse.requests.answer_templates import OfferedTemplate
from glasshouse.requests.assignment import Officer
from glasshouse.requests.desk_rules import masked_address
from glasshouse.requests.models import Agent, Request, RequestFile, RequestKind, RequestMessage
from glasshouse.requests.notes import Note
from glasshouse.requests.passed import PassedTo, passed_to
from glasshouse.requests.worklist import asks_for_erasure, closed_days, covers, shown_to, state_of
from glasshouse.retention import legal_holds, waiting
from glasshouse.vault.fields import readable

EXPORTED, RESTRICTED = (RequestKind.ACCESS, RequestKind.COPY), (RequestKind.RESTRICT, RequestKind.OBJECT)


class Happening(NamedTuple):
    """One thing that happened to a request. kind: of the event; by: an officer's name, "" for nobody; facts: of the event."""

    at: datetime
    kind: str
    by: str
    facts: dict[str, object]


@dataclass(frozen=True, slots=True)
class Case:
    """A request with all that belongs to it.

    address: masked, for as long as nobody confirmed it. state: of `queue_filter.STATES`. answer_by: the last working day before
    the deadline; days_left: below 0 once it has passed; ends_on: the day on which the law's time ends, if that is later.
    known: the address is confirmed, and has an account. earlier: the closed request that it follows; others: the other requests
    of the same address, of which it may be merged into those of `may_merge_into`; merged: those that go on with it.
    needs_look: it speaks of law, and nobody has looked at it. may_prove: an officer may note another proof than the link.

    may_erase: it asks for erasure, and who asks is confirmed, or checked where the address has an account; needs_second: a second
    officer has to agree; erasure_by: the name of the officer who asked for the erasure, "" where none did; is_second: that is
    another one than the reader. may_export, may_restrict: it asks for that, and is confirmed.
    held_until: when the last legal hold on the address ends. waits: its erasure waits for that.
    """

    request: Request
    address: str
    state: str
    law: legal_deadlines.Law
    urgency: str
    answer_by: date
    days_left: int
    ends_on: date
    may_extend: bool
    known: bool
    is_own_region: bool
    assigned_to: str
    officers: list[Officer]
    messages: list[RequestMessage]
    files: list[RequestFile]
    notes: list[Note]
    history: list[Happening]
    passed_to: list[PassedTo]
    earlier: Request | None
    others: list[Request]
    may_merge_into: set[str]
    merged: list[Request]
    needs_look: bool
    may_prove: bool
    agent: str
    templates: list[OfferedTemplate]
    language: str
    may_tell: bool
    may_erase: bool
    needs_second: bool
    erasure_by: str
    is_second: bool
    may_export: bool
    may_restrict: bool
    held_until: datetime | None
    waits: bool

    @property
    def has_acts(self) -> bool:
        """Whether there is something to do for the person, beside answering."""
        asks_for_more = self.request.kind in (RequestKind.CORRECT, RequestKind.ERASE) and self.known
        is_unconfirmed = self.request.proved_at is None and bool(self.request.address)
        by_kind = self.may_export or self.may_restrict or self.may_erase or self.waits or asks_for_more
        return by_kind or is_unconfirmed or self.may_prove

    @property
    def days_late(self) -> int:
        """Whole days since the deadline."""
        return -self.days_left - 1


def case_of(actor: Actor, number: str) -> Case:
    """All of one request, open or closed. Raises NotFoundError, also for a promise check's."""
    access.require_staff(actor, Permission.REQUEST_READ)
    request = next(iter(readable(shown_to(actor).filter(id=number))), None)
    if request is None:
        raise NotFoundError
    now, law = clock.now(), legal_deadlines.LAWS[request.law]
    confirmed = request.proved_at is not None and bool(request.address)
    is_known = bool(request.address) and bool(known_hashes([request.address_hash]))
    waits = bool(waiting.among([request.id]))
    officer_names = assignment.names([request.assigned_to, request.erasure_by])
    others_may, others = access.others_with(actor, Permission.REQUEST_ANSWER), _others(actor, request)
    return Case(
        request=request,
        address=masked_address(request.address),
        state=state_of(request, waits=waits),
        law=law,
        urgency=legal_deadlines.urgency(now, request.due_at),
        answer_by=legal_deadlines.working_day(request.due_at, closed_days(now.year)),
        days_left=(request.due_at - now).days,
        ends_on=legal_deadlines.legal_end(law, request.due_at, closed_days(now.year)),
        known=confirmed and is_known,
        is_own_region=covers(str(actor.account))(request.region),
        assigned_to=officer_names.get(request.assigned_to, ""),
        officers=assignment.officers(actor),
        messages=requests.messages_of([request])[request.id],
        files=files.of_requests([request])[request.id],
        notes=notes.of_request(request),
        history=history(request),
        passed_to=passed_to([request.id]).get(request.id, []) if request.referrals else [],
        earlier=next(iter(readable(Request.objects.filter(id=request.follows))), None) if request.follows else None,
        others=others,
        may_merge_into=threads.may_merge_into(request, others),
        merged=threads.merged_into([request.id]).get(request.id, []),
        agent=next((agent.name for agent in readable(Agent.objects.filter(id=request.agent))), ""),
        templates=answer_templates.offered(request.kind),
        language=request.language,
        needs_second=others_may > 0 or is_known,
        erasure_by=officer_names.get(request.erasure_by, ""),
        is_second=request.erasure_by not in ("", str(actor.account)),
        held_until=legal_holds.ends_at([request.address_hash]).get(request.address_hash) if confirmed else None,
        waits=waits,
        **_acts_of(request, law, is_confirmed=confirmed, is_known=is_known),
    )


class _Acts(TypedDict):
    """What an officer may do with a request, as `Case` tells it."""

    may_extend: bool
    needs_look: bool
    may_prove: bool
    may_tell: bool
    may_erase: bool
    may_export: bool
    may_restrict: bool


def _acts_of(request: Request, law: legal_deadlines.Law, *, is_confirmed: bool, is_known: bool) -> _Acts:
    """is_confirmed: whoever asks has the address. is_known: the address has an account."""
    is_open = request.closed_at is None
    return {
        "may_extend": is_open and legal_deadlines.may_extend(law, request.kind) and request.extended_at is None,
        "needs_look": is_open and request.needs_look and request.seen_at is None,
        "may_prove": is_open and request.proved_at is None,
        "may_tell": is_open and is_confirmed,
        "may_erase": may_erase(request, is_known=is_known),
        "may_export": is_open and is_confirmed and request.kind in EXPORTED,
        "may_restrict": is_open and is_confirmed and request.kind in RESTRICTED,
    }


def may_erase(request: Request, *, is_known: bool) -> bool:
    """Whether officers may erase for the person of an open request. is_known: the address has an account.

    Whoever has an account signs in, which is more than a link in a mail: there an officer must have checked the identity, or
    the person have asked while signed in.
    """
    is_checked = bool(request.identity) or request.channel == "account"
    return asks_for_erasure(request) and (not is_known or is_checked)


def _others(actor: Actor, request: Request) -> list[Request]:
    """The other requests of the same address, open ones first, then the newest."""
    others = threads.of_same_address([request])[request.id]
    shown = set(shown_to(actor).filter(id__in=[other.id for other in others]).values_list("id", flat=True))
    return readable([other for other in others if other.id in shown])


def history(request: Request) -> list[Happening]:
    """What happened to a request, the oldest first, as the record of events tells it."""
    recorded = events.of_request(request.id)
    accounts_of = [str(event.facts.get("to", "")) for event in recorded] + [event.actor for event in recorded]
    names = assignment.names([account for account in accounts_of if len(account) == len(request.id)])
    return [
        Happening(
            event.at,
            str(event.kind),
            names.get(event.actor, ""),
            {**event.facts, "to": names.get(str(event.facts.get("to", "")), "")},
        )
        for event in recorded
    ]
