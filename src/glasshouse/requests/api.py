"""Verbs of requests on the clock: asked by page, by mail, by an agent or entered by staff; proved by a link; answered, extended,
refused; watched before the day.

No answer to the asker tells whether somebody is known: everybody hears the same, by page and by mail. What is asked under an
unproved address is held apart under a key of its own. Source: PRI-26, PRI-28; GDPR Art. 12.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import NamedTuple

import holidays
from django.conf import settings
from django.db import connection, transaction

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts import api as accounts
from glasshouse.accounts import throttle
from glasshouse.accounts.own import known_hashes
from glasshouse.accounts.rules import normal_address
from glasshouse.accounts.sessions import digest
from glasshouse.consent import api as consent
from glasshouse.consent.rules import PURPOSES
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, JOB, Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import KeyOwnerId, OrganisationId, RequestId, new_id, new_token
from glasshouse.mail import api as mail
from glasshouse.mail.rules import body_text, masked, message_id
from glasshouse.requests import legal_deadlines as clocks
from glasshouse.requests.models import Agent, OfficerRegion, Request, RequestKind, RequestMessage
from glasshouse.sources import api as sources
from glasshouse.vault import api as vault
from glasshouse.vault.datamap import Basis

MOST_TEXT = 20_000
PAPER = ("letter", "phone")
PROOF = timedelta(
    days=14
)  # How long we wait for the proof of an address; after half of it, the link is mailed once more.
LINK = timedelta(hours=24)  # How long a confirmation link works (links.py).


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a request came.

    thread: the Message-ID of a mail; replies_to: the Message-IDs that it names; authentication: what SPF, DKIM and ARC said.
    """

    channel: str = "page"
    network: str = ""
    thread: str = ""
    replies_to: str = ""
    authentication: str = ""
    entered_by: str = ""
    identity: str = ""


class PassedTo(NamedTuple):
    """A customer that a request was passed to, as its opaque id. answered_at: None until it answered the person."""

    organisation: OrganisationId
    due_at: datetime
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A request in the officer's work list.

    answer_by: the last working day before the deadline. mine: of the officer's regions.
    """

    request: Request
    law: clocks.Law
    urgency: str
    answer_by: date
    may_extend: bool
    known: bool
    mine: bool
    messages: list[RequestMessage]
    passed_to: list[PassedTo]
    earlier: Request | None
    agent: str


def _checked(address: str, kind: str, region: str, text: str) -> str:
    if kind not in RequestKind.values or region not in clocks.REGIONS:
        raise InvalidError("Choose what you ask for, and where you live, from the lists.", field="kind")
    if len(text) > MOST_TEXT:
        raise InvalidError(f"The text has at most {MOST_TEXT} characters.", field="text")
    return normal_address(address) if address else ""


def opened(address: str, kind: str, region: str, text: str, arrival: Arrival) -> tuple[Request, str]:
    """(a request that is not saved yet, the secret that proves it)."""
    secret, now = new_token(), clock.now()
    law = clocks.LAWS[clocks.REGIONS[region][1]]
    request = Request(
        key_owner=new_id(),
        address=address,
        address_hash=vault.lookup("address", address or new_id()),
        text=body_text(text),
        thread=message_id(arrival.thread) or None,
        kind=kind,
        law=law.id,
        region=region,
        channel=arrival.channel,
        authentication=arrival.authentication[:80] or None,
        entered_by=arrival.entered_by,
        identity=arrival.identity.strip()[:80] or None,
        proof_hash=digest(secret),
        proof_ends_at=now + LINK,
        asked_at=now,
        due_at=clocks.due(law, now),
    )
    return request, secret


def ask(address: str, kind: str, region: str, text: str, arrival: Arrival, follows: Request | None = None) -> RequestId:
    """Open a request and mail a link that confirms the address. follows: the closed request that it replies to.

    Raises InvalidError, ThrottledError.
    """
    normal = _checked(address, kind, region, text)
    if not normal:
        raise InvalidError("Write the address at which we can answer you.", field="address")
    count = partial(throttle.take_network, "request", arrival.network)
    if not arrival.network:  # A mail comes from its own server, not from the person's network.
        count = partial(throttle.take, "request", normal)
    count(most=20, window=timedelta(hours=1))
    throttle.take("request-address", normal, most=5, window=timedelta(hours=1))
    with transaction.atomic():
        made, secret = opened(normal, kind, region, text, arrival)
        made.follows = follows.id if follows else ""
        made.save(force_insert=True)
        ask_proof(made, secret)
        events.record(ANONYMOUS, Kind.REQUEST_OPENED, made.id, channel=arrival.channel)
    return RequestId(made.id)


def ask_proof(request: Request, secret: str) -> None:
    """Mail the link that confirms a request's address, in the caller's transaction."""
    law = clocks.LAWS[request.law]
    after = f"It follows your request {request.follows}, which is closed.\n\n" if request.follows else ""
    words = (
        f"We have your request (number {request.id}) and answer it by {request.due_at:%Y-%m-%d} at the latest ({law.title}).\n\n"
        f"{after}Please confirm that this address is yours. Until then we can tell nobody anything about it:\n\n"
        f"{settings.ORIGIN}/privacy/prove/{secret}\n\n"
        "The link works once, for 24 hours. After that its page mails you a new one.\n"
    )
    write(request, "Your privacy request", words)


def enter(actor: Actor, address: str, kind: str, region: str, text: str, arrival: Arrival) -> RequestId:
    """Enter a request that came by letter or telephone; no address: it is answered on paper.

    Raises InvalidError, NotFoundError.
    """
    access.require_staff(actor, Permission.REQUEST_ANSWER)
    normal = _checked(address, kind, region, text)
    if arrival.channel not in PAPER or not text.strip():
        raise InvalidError("Say how it came, and what the person asks.", field="text")
    with transaction.atomic():
        made, secret = opened(normal, kind, region, text, arrival)
        if made.identity:
            made.proved_at = clock.now()
        made.save(force_insert=True)
        if normal and not made.proved_at:
            ask_proof(made, secret)
        events.record(actor, Kind.REQUEST_OPENED, made.id, channel=arrival.channel)
    return RequestId(made.id)


def object_to(actor: Actor, purpose: str, words: str) -> str:
    """Object to a purpose, or withdraw consent; what has to be judged is put on the clock. Raises InvalidError."""
    judged = purpose in PURPOSES and PURPOSES[purpose].basis is not Basis.CONSENT and not PURPOSES[purpose].at_once
    with transaction.atomic():
        request = _of_person(actor, "object", f"{PURPOSES[purpose].title}: {words}").id if judged else ""
        state = consent.withdraw(actor, purpose, words, request=request)
        if purpose == sources.PURPOSE:
            sources.forget(actor)
        return str(state)


def _of_person(actor: Actor, kind: str, text: str) -> Request:
    """A request that somebody makes on their own page: proved by that."""
    made, _ = opened(accounts.person_of(actor).address, kind, "other", text, Arrival("account"))
    made.proved_at = clock.now()
    made.save(force_insert=True)
    write(
        made, "Your privacy request", f"We have your request and answer it by {made.due_at:%Y-%m-%d} at the latest.\n"
    )
    events.record(actor.alone, Kind.REQUEST_OPENED, made.id, channel="account")
    return made


def of_person(actor: Actor) -> list[Request]:
    """The proved requests of the actor's person, the newest first."""
    person = accounts.person_of(actor)
    mine = Request.objects.filter(address_hash=person.address_hash).exclude(proved_at=None)
    return list(mine.order_by("-asked_at"))


def write(request: Request, subject: str, words: str, *, referral: str = "") -> None:
    """Mail to a request's person in its thread, and keep what was written; nothing is mailed where there is no address.

    referral: the one that a customer answers with these words; "": they are ours.
    """
    # Kept without the link that confirms the address: who reads the thread at the desk is not that person.
    RequestMessage(
        request=request,
        key_owner=request.key_owner,
        text=masked(words),
        sender="customer" if referral else "us",
        referral=referral,
        at=clock.now(),
    ).save(force_insert=True)
    if request.address:
        message = mail.Draft(f"{subject} [{request.id}]", words, answers=request.thread or "")
        kind = "referral-answer" if referral else "privacy"
        mail.queue_draft(KeyOwnerId(request.key_owner), kind, request.address, message)


# -- the officer's side --------------------------------------------------------------------------------------------


def _closed_days(year: int) -> holidays.HolidayBase:
    return holidays.country_holidays(settings.OPERATOR_COUNTRY, years=(year - 1, year, year + 1))


def worklist(actor: Actor) -> list[Listed]:
    """Open requests, those of the officer's regions first, by deadline.

    Raises NotFoundError for anybody but a privacy officer.
    """
    access.require_staff(actor, Permission.REQUEST_READ)
    now, mine = clock.now(), covers(str(actor.account))
    closed = _closed_days(now.year)
    open_requests = list(Request.objects.filter(closed_at=None).order_by("due_at")[:500])
    messages, passed = messages_of(open_requests), passed_to([one.id for one in open_requests if one.referrals])
    asking = list(Agent.objects.filter(id__in={request.agent for request in open_requests}))
    vault.open_keys({KeyOwnerId(agent.id) for agent in asking})
    agents = {agent.id: agent.name for agent in asking}
    with_account = known_hashes([request.address_hash for request in open_requests])
    earlier = Request.objects.in_bulk([one.follows for one in open_requests if one.follows])
    rows = [
        Listed(
            one,
            clocks.LAWS[one.law],
            clocks.urgency(now, one.due_at),
            clocks.working_day(one.due_at, closed),
            clocks.may_extend(clocks.LAWS[one.law]) and one.extended_at is None,
            one.proved_at is not None and bool(one.address) and one.address_hash in with_account,
            mine(one.region),
            messages[one.id],
            passed.get(one.id, []),
            earlier.get(one.follows),
            agents.get(one.agent, ""),
        )
        for one in open_requests
    ]
    return sorted(rows, key=lambda one: not one.mine)


def passed_to(numbers: list[str]) -> dict[str, list[PassedTo]]:
    """To which customers each request was passed, in that order, with one query; requests that were not are left out."""
    customers: dict[str, list[PassedTo]] = {}
    with access.organisation_transaction(JOB), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM glasshouse_referrals_of(%s)", [numbers])
        for request, organisation, due_at, answered_at in cursor.fetchall():
            customers.setdefault(request, []).append(PassedTo(OrganisationId(organisation), due_at, answered_at))
    return customers


def of_officer(actor: Actor, number: str) -> Request | None:
    """Any request, open or closed, for the page that says what was done; None where there is none. Raises NotFoundError."""
    access.require_staff(actor, Permission.REQUEST_READ)
    return Request.objects.filter(id=number).first()


def messages_of(requests: list[Request]) -> dict[str, list[RequestMessage]]:
    """The messages of each request, the oldest first; with one query for them, and one for the keys of all."""
    vault.open_keys({KeyOwnerId(request.key_owner) for request in requests})
    messages: dict[str, list[RequestMessage]] = {request.id: [] for request in requests}
    for message in RequestMessage.objects.filter(request__in=[*messages]).order_by("at"):
        messages[message.request_id].append(message)
    return messages


def covers(account: str):  # type: ignore[no-untyped-def]
    """Whether an officer answers for a region: it is theirs, or nobody's."""
    regions = {one.account_id: set(one.regions) for one in OfficerRegion.objects.all()}
    taken = set().union(*regions.values()) if regions else set()
    return lambda region: region in regions.get(account, set()) or (region not in taken and account not in regions)


@transaction.atomic
def set_regions(account: str, regions: list[str]) -> None:
    """Have an officer answer for regions only. For the command line. Raises InvalidError."""
    if not set(regions) <= set(clocks.REGIONS):
        raise InvalidError(f"Regions are: {', '.join(clocks.REGIONS)}.", field="regions")
    OfficerRegion.objects.filter(account_id=account).delete()
    if regions:
        OfficerRegion.objects.create(account_id=account, regions=regions)


def _open(actor: Actor, request: RequestId) -> Request:
    access.require_staff(actor, Permission.REQUEST_ANSWER)
    found = Request.objects.select_for_update().filter(id=request, closed_at=None).first()
    if found is None:
        raise NotFoundError
    return found


@transaction.atomic
def answer(actor: Actor, request: RequestId, text: str, *, refuse: bool) -> None:
    """Answer a request in its thread and close it; a refusal names the authority. Raises InvalidError, NotFoundError.

    Who has not proved the address can be refused, or have a question answered, and is told nothing else.
    """
    found = _open(actor, request)
    if found.proved_at is None and not refuse and found.kind != RequestKind.QUESTION and found.channel not in PAPER:
        raise InvalidError(
            "The address is not confirmed: nothing may be told yet. Have the link mailed again, or refuse.",
            field="text",
        )
    if not text.strip() or len(text) > MOST_TEXT:
        raise InvalidError("Write the answer; a refusal with its reasons.", field="text")
    law = clocks.LAWS[found.law]
    right = f"\n\nYou may complain to the authority: {law.authority}\n" if refuse else ""
    close(found, text, "refused" if refuse else "answered")
    write(found, "Re: your privacy request", f"{text}{right}")
    consent.judge(actor, found.id, uphold=not refuse)
    events.record(actor, Kind.REQUEST_CLOSED, found.id, refused=refuse)


@transaction.atomic
def ask_again(actor: Actor, request: RequestId) -> None:
    """Mail the proving link once more; the one before ends. Raises InvalidError, NotFoundError."""
    found = _open(actor, request)
    if found.proved_at is not None or not found.address:
        raise InvalidError("There is no address to confirm, or it is confirmed already.", field="request")
    mail_again(found)


def mail_again(request: Request) -> None:
    """Mail the proving link once more, in the caller's transaction; the one before ends."""
    request.reminded_at = clock.now()
    request.save(update_fields=["reminded_at"])
    ask_proof(request, fresh_link(request))


def fresh_link(request: Request) -> str:
    """The secret of a new confirmation link, in the caller's transaction; the link before it, and its page, end."""
    secret = new_token()
    request.proof_hash, request.proof_ends_at = digest(secret), clock.now() + LINK
    request.proof_used_at = request.page_hash = None
    request.save(update_fields=["proof_hash", "proof_ends_at", "proof_used_at", "page_hash"])
    return secret


def close(request: Request, text: str, outcome: str) -> None:
    """Close a request, in the caller's transaction; a confirmation link that is on its way ends."""
    now = clock.now()
    request.answer, request.closed_at, request.outcome = text, now, outcome
    request.proof_ends_at = min(request.proof_ends_at or now, now)
    request.save(update_fields=["answer", "closed_at", "outcome", "proof_ends_at"])


@transaction.atomic
def extend(actor: Actor, request: RequestId, reason: str) -> None:
    """Put the deadline off as far as the law allows, with notice and reason. Raises InvalidError, NotFoundError."""
    found = _open(actor, request)
    law = clocks.LAWS[found.law]
    if not clocks.may_extend(law) or found.extended_at is not None:
        raise InvalidError("This law knows no (further) extension.", field="request")
    if clock.now() > found.due_at:
        raise InvalidError("The deadline has passed; an extension must be told before it.", field="request")
    if not reason.strip():
        raise InvalidError("Say why it takes longer; the person is told.", field="reason")
    found.extended_at, found.due_at = clock.now(), clocks.due(law, found.asked_at, extended=True)
    found.escalated = 0
    found.save(update_fields=["extended_at", "due_at", "escalated"])
    write(found, "Your privacy request takes longer", f"We need until {found.due_at:%Y-%m-%d}: {reason}\n")
    events.record(actor, Kind.REQUEST_EXTENDED, found.id)


def overdue() -> int:
    """How many open requests are past their deadline."""
    return Request.objects.filter(closed_at=None, due_at__lt=clock.now()).count()
