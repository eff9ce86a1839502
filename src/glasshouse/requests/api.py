"""Verbs of privacy requests: made by page, mail or agent, or entered by staff; confirmed by a link; answered, extended, refused.

No answer tells whether an address is known: everybody gets the same, by page and by mail. What is asked under an address that
is not confirmed is sealed under a key of its own. Source: PRI-26, PRI-28; GDPR Art. 12.
"""

# Long because what opens, answers, extends and closes a request stands together.

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts import api as accounts
from glasshouse.accounts import throttle
from glasshouse.accounts.rules import normal_address
from glasshouse.accounts.sessions import digest
from glasshouse.consent import api as consent
from glasshouse.consent.rules import PURPOSES
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, JOB, Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import KeyOwnerId, RequestId, new_id, new_token
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.mail import api as mail
from glasshouse.mail.rules import body_text, masked, message_id
from glasshouse.notices import api as notices
from glasshouse.personalisation import api as personalisation
from glasshouse.requests import answering, files, legal_deadlines
from glasshouse.requests.answer_templates import require_whole
from glasshouse.requests.drp_rules import DENIALS
from glasshouse.requests.languages import language_of
from glasshouse.requests.mail_files import LeftOut, MailFile
from glasshouse.requests.models import Agent, Request, RequestKind, RequestMessage
from glasshouse.requests.speaks_of_law import speaks_of_law
from glasshouse.sources import api as sources
from glasshouse.vault import api as vault
from glasshouse.vault.fields import readable

MOST_TEXT, MOST_OF_MAIL = 20_000, 20_500  # characters; of a mail with its subject
PAPER = ("letter", "phone")
# How long we wait for the confirmation of an address; after half of it, the link is mailed once more.
CONFIRM_WITHIN = timedelta(days=14)
LINK_WORKS = timedelta(hours=24)  # How long a confirmation link works (email_links.py).


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a request came.

    channel: page, mail, agent, account, letter or phone. network: the sender's, "" for a mail. thread: the Message-ID of a mail;
    replies_to: the Message-IDs that it names; authentication: what SPF, DKIM and ARC said. entered_by: id of the staff account;
    identity: how the officer checked who it is. notice: number of the privacy notice that the page's form showed.
    files: what came with a mail; left_out: what of it is in neither the text nor the files, the whole mail aside. language: of
    `languages.LANGUAGES`, as the page was shown; "": as the text is written.
    """

    channel: str = "page"
    network: str = ""
    thread: str = ""
    replies_to: str = ""
    authentication: str = ""
    entered_by: str = ""
    identity: str = ""
    notice: int = 0
    files: tuple[MailFile, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    language: str = ""


class NewRequest(NamedTuple):
    """A request that is not saved yet. secret: of the link that confirms its address."""

    request: Request
    secret: str


def _checked(address: str, kind: str, region: str, text: str, most: int = MOST_TEXT) -> str:
    if kind not in RequestKind.values or region not in legal_deadlines.REGIONS:
        raise InvalidError(gettext("Choose what you ask for, and where you live, from the lists."), field="kind")
    if len(text) > most:
        raise InvalidError(gettext("The text has at most %(most)s characters.") % {"most": most}, field="text")
    return normal_address(address) if address else ""


def new_request(address: str, kind: str, region: str, text: str, arrival: Arrival) -> NewRequest:
    """A request with its legal deadline, and its link's secret; the caller saves it. address: normal, "" where there is none."""
    secret, now = new_token(), clock.now()
    law = legal_deadlines.LAWS[legal_deadlines.REGIONS[region][1]]
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
        language=arrival.language or language_of(text),
        needs_look=speaks_of_law(text),
        notice_version=notices.number_shown(arrival.notice) if arrival.channel == "page" else None,
        authentication=arrival.authentication[:80] or None,
        entered_by=arrival.entered_by,
        identity=arrival.identity.strip()[:80] or None,
        proof_hash=digest(secret),
        proof_ends_at=now + LINK_WORKS,
        asked_at=now,
        due_at=legal_deadlines.due(law, now, kind),
        acknowledge_by=legal_deadlines.acknowledge_by(law, now),
    )
    return NewRequest(request, secret)


def language_at(address: str) -> str:
    """The language of the newest request that the person of an address confirmed; "" where there is none. address: normal."""
    confirmed = Request.objects.filter(address_hash=vault.lookup("address", address)).exclude(proved_at=None)
    return confirmed.order_by("-asked_at").values_list("language", flat=True).first() or ""


def ask(address: str, kind: str, region: str, text: str, arrival: Arrival, follows: Request | None = None) -> RequestId:
    """Open a request and mail a link that confirms the address; of a mail, once that may be answered by itself (answering.py).

    follows: the closed request that it replies to.

    Raises InvalidError, ThrottledError.
    """
    by_mail = arrival.channel == "mail"
    normal = _checked(address, kind, region, text, MOST_OF_MAIL if by_mail else MOST_TEXT)
    if not normal:
        raise InvalidError(gettext("Write the address at which we can answer you."), field="address")
    count = partial(throttle.take_network, "request", arrival.network)
    if not arrival.network:  # A mail comes from its own server, not from the person's network.
        count = partial(throttle.take, "request", normal)
    count(most=20, window=timedelta(hours=1))
    throttle.take("request-address", normal, most=5, window=timedelta(hours=1))
    waits = by_mail and not answering.may_answer(normal)
    with files.arriving(arrival.files, arrival.left_out) as new_files, transaction.atomic():
        request, secret = new_request(normal, kind, region, text, arrival)
        request.follows, request.link_waits = follows.id if follows else "", waits
        request.save(force_insert=True)
        new_files.belong_to(request)
        if not waits:
            mail_link(request, secret)
        events.record(ANONYMOUS, Kind.REQUEST_OPENED, request.id, channel=arrival.channel)
    return RequestId(request.id)


def mail_link(request: Request, secret: str) -> None:
    """Mail the link that confirms a request's address, in the caller's transaction."""
    law = legal_deadlines.LAWS[request.law]
    if agent := agent_name(request):
        write(
            request,
            "requests/mails/agent_confirm",
            {
                "agent": agent,
                "exercise": request.exercise,
                "due_at": request.due_at,
                "law": law.title,
                "secret": secret,
            },
        )
        return
    write(
        request,
        "requests/mails/confirm",
        {"due_at": request.due_at, "law": law.title, "follows": request.follows, "secret": secret},
    )


def agent_name(request: Request) -> str:
    """The name of the agent that asks in the person's name; "" where none does."""
    agent = Agent.objects.filter(id=request.agent).first() if request.agent else None
    return agent.name if agent else ""


def enter(actor: Actor, address: str, kind: str, region: str, text: str, arrival: Arrival) -> RequestId:
    """Enter a request that came by postal letter or telephone; without an address it is answered on paper.

    Raises InvalidError, NotFoundError.
    """
    access.require_staff(actor, Permission.REQUEST_ANSWER)
    normal = _checked(address, kind, region, text)
    if arrival.channel not in PAPER or not text.strip():
        raise InvalidError("Say how it came, and what the person asks.", field="text")
    with transaction.atomic():
        request, secret = new_request(normal, kind, region, text, arrival)
        if request.identity:
            request.proved_at = clock.now()
        request.save(force_insert=True)
        if normal and not request.proved_at:
            mail_link(request, secret)
        events.record(actor, Kind.REQUEST_OPENED, request.id, channel=arrival.channel)
    return RequestId(request.id)


@transaction.atomic
def enter_at_command_line(address: str) -> Request:
    """Enter a request for erasure that the operator, who has checked who asks, is about to carry out. address: normal."""
    arrival = Arrival("letter", identity="by the operator, at the command line")
    request = new_request(address, "erase", "other", "An erasure, asked of the operator.", arrival).request
    request.proved_at = clock.now()
    request.save(force_insert=True)
    events.record(JOB, Kind.REQUEST_OPENED, request.id, channel=arrival.channel)
    return request


@transaction.atomic
def allow(actor: Actor, purpose: str) -> None:
    """Consent to a purpose, or take an objection back, and with it what the objection had put in its way. Raises InvalidError."""
    consent.give(actor, purpose)
    if purpose == sources.PURPOSE:
        sources.end_suppression(actor)


def object_to(actor: Actor, purpose: str, reasons: str) -> str:
    """Object to a purpose, or withdraw consent; returns the new state, of `consent.rules.State`. Raises InvalidError.

    An objection that a person has to judge becomes a privacy request with a legal deadline.
    """
    # Asked first: a request that is not kept would leave its key behind.
    consent.require_reasons(purpose, reasons)
    is_judged = consent.is_judged(purpose)
    with transaction.atomic():
        request = ask_as_person(actor, "object", f"{PURPOSES[purpose].title}: {reasons}").id if is_judged else ""
        state = consent.withdraw(actor, purpose, reasons, request=request)
        if purpose == sources.PURPOSE:
            sources.forget(actor)
        if purpose == personalisation.PURPOSE:
            personalisation.forget_use(actor)
        return str(state)


def ask_as_person(actor: Actor, kind: str, text: str, *, follows: Request | None = None, language: str = "") -> Request:
    """A request that a person makes on a page of their account, in the caller's transaction: no link need confirm the address.

    follows: the closed request that it replies to.
    """
    arrival, region = Arrival("account", language=language), follows.region if follows else "other"
    request = new_request(accounts.person_of(actor).address, kind, region, text, arrival).request
    request.proved_at, request.follows = clock.now(), follows.id if follows else ""
    request.save(force_insert=True)
    write(request, "requests/mails/received", {"due_at": request.due_at})
    events.record(actor.alone, Kind.REQUEST_OPENED, request.id, channel="account")
    return request


def own(actor: Actor, number: str) -> Request:
    """A confirmed request of the actor's person. Raises NotFoundError."""
    request = next(iter(readable(_confirmed(actor).filter(id=number))), None)
    if request is None:
        raise NotFoundError
    return request


def of_person(actor: Actor, after: str = "") -> Piece[Request]:
    """A piece of the confirmed requests of the actor's person, the newest first. after: as in `piece_of`."""
    piece = piece_of(_confirmed(actor), after, by="-asked_at")
    return piece.of(readable(piece))


def _confirmed(actor: Actor) -> "QuerySet[Request]":
    return Request.objects.filter(address_hash=accounts.person_of(actor).address_hash).exclude(proved_at=None)


def write(
    request: Request,
    template: str,
    values: mail.Values,
    *,
    referral: str = "",
    by_hand: bool = False,
    only_stored: bool = False,
) -> None:
    """Mail to a request's person in its thread, and store it as a request message, in the caller's transaction.

    template, values: of the mail; `number` of the request is added. Nothing is mailed where there is no address.
    referral: the id of the one that a customer answers with it; "": we write. by_hand: a person wrote what it says.
    only_stored: it stands in the thread, and no mail leaves.
    """
    values, by_hand = {**values, "number": request.id}, by_hand or bool(referral)
    message = mail.draft(template, values, answers=request.thread or "", by_hand=by_hand, language=request.language)
    mail_id = ""
    if request.address and not only_stored:
        # Under a key of its own: the request's lives for three years, and an old copy of the data would hold the mail open.
        kind = "referral-answer" if referral else "privacy"
        mail_id = mail.queue_draft(KeyOwnerId(new_id()), kind, request.address, message)
        _acknowledged(request)
    # Stored without the link that confirms the address: who reads the thread at the desk is not that person.
    RequestMessage(
        request=request,
        key_owner=request.key_owner,
        text=masked(message.body),
        sender="customer" if referral else "us",
        referral=referral,
        mail=mail_id,
        at=clock.now(),
    ).save(force_insert=True)


def _acknowledged(request: Request) -> None:
    """Note when we first wrote to a request's person: that is the receipt which some laws want."""
    if request.acknowledged_at is None:
        request.acknowledged_at = clock.now()
        request.save(update_fields=["acknowledged_at"])


# -- the privacy officer's verbs -------------------------------------------------------------------------------------


def messages_of(requests: list[Request]) -> dict[str, list[RequestMessage]]:
    """The messages of each request, and of those merged into it, the oldest first; one query for them, one for all keys."""
    messages: dict[str, list[RequestMessage]] = {request.id: [] for request in requests}
    of_these = Q(request__in=[*messages]) | Q(request__merged_into__in=[*messages])
    rows = RequestMessage.objects.filter(of_these).annotate(goes_on_with=F("request__merged_into"))
    for message in readable(rows.order_by("at")):
        for number in messages.keys() & {message.request_id, message.goes_on_with}:
            messages[number].append(message)
    return messages


def open_request(actor: Actor, number: RequestId) -> Request:
    """An open request, locked until the transaction ends, for an officer who may answer it. Raises NotFoundError."""
    access.require_staff(actor, Permission.REQUEST_ANSWER)
    request = Request.objects.select_for_update().filter(id=number, closed_at=None).first()
    if request is None:
        raise NotFoundError
    return request


@transaction.atomic
def answer(actor: Actor, number: RequestId, text: str, *, refuse: bool, denied_for: str = "") -> None:
    """Answer a request in its thread and close it; a refusal names the authority. Raises InvalidError, NotFoundError.

    denied_for: of `drp_rules.DENIALS`, what the agent that asked is told of a refusal; "": only that it is refused.
    Where the address is not confirmed, a request can be refused, and nothing else: whatever kind it is taken for.
    """
    request = open_request(actor, number)
    if request.proved_at is None and not refuse and request.channel not in PAPER:
        raise InvalidError(
            "The address is not confirmed: nothing may be told yet. Have the link mailed again, or refuse.",
            field="text",
        )
    if not text.strip() or len(text) > MOST_TEXT:
        raise InvalidError("Write the answer; a refusal with its reasons.", field="text")
    if denied_for and not (refuse and denied_for in DENIALS):
        raise InvalidError("Choose what the agent is told from the list.", field="denied_for")
    if denied_for:
        request.denied_for = denied_for
        request.save(update_fields=["denied_for"])
    require_whole(text)
    law = legal_deadlines.LAWS[request.law]
    close(request, text, "refused" if refuse else "answered")
    write(
        request,
        "requests/mails/answer",
        {"text": text, "authority": law.authority if refuse else "", "appeal_days": law.appeal_days if refuse else 0},
        by_hand=True,
    )
    for answered in (request.id, *Request.objects.filter(merged_into=request.id).values_list("id", flat=True)):
        consent.judge(actor, answered, uphold=not refuse)
    events.record(actor, Kind.REQUEST_CLOSED, request.id, refused=refuse)


@transaction.atomic
def ask_again(actor: Actor, number: RequestId) -> None:
    """Mail the confirmation link once more; the one before ends. Raises InvalidError, NotFoundError."""
    request = open_request(actor, number)
    if request.proved_at is not None or not request.address:
        raise InvalidError("There is no address to confirm, or it is confirmed already.", field="request")
    mail_again(request)


def mail_again(request: Request) -> None:
    """Mail the confirmation link once more, in the caller's transaction; the one before ends."""
    request.reminded_at, request.link_waits = clock.now(), False
    request.save(update_fields=["reminded_at", "link_waits"])
    mail_link(request, fresh_link(request))


def fresh_link(request: Request) -> str:
    """The secret of a new confirmation link, in the caller's transaction; the link before it, and its page, end."""
    secret = new_token()
    request.proof_hash, request.proof_ends_at = digest(secret), clock.now() + LINK_WORKS
    request.proof_used_at = request.page_hash = None
    request.save(update_fields=["proof_hash", "proof_ends_at", "proof_used_at", "page_hash"])
    return secret


def close(request: Request, text: str, outcome: str) -> None:
    """Close a request, in the caller's transaction; a confirmation link that is on its way ends. text: "" for no answer."""
    now = clock.now()
    request.answer, request.closed_at, request.outcome = text or None, now, outcome
    request.proof_ends_at = min(request.proof_ends_at or now, now)
    request.save(update_fields=["answer", "closed_at", "outcome", "proof_ends_at"])
    # What was merged into it stays as long as it does.
    Request.objects.filter(merged_into=request.id).update(closed_at=now)


@transaction.atomic
def extend(actor: Actor, number: RequestId, reason: str) -> None:
    """Extend the deadline as far as the law allows, with notice and reason. Raises InvalidError, NotFoundError."""
    request = open_request(actor, number)
    law = legal_deadlines.LAWS[request.law]
    if not legal_deadlines.may_extend(law, request.kind) or request.extended_at is not None:
        raise InvalidError("This law knows no (further) extension.", field="request")
    if clock.now() > request.due_at:
        raise InvalidError("The deadline has passed; an extension must be told before it.", field="request")
    if not reason.strip():
        raise InvalidError("Say why it takes longer; the person is told.", field="reason")
    request.extended_at, request.due_at = clock.now(), legal_deadlines.due(law, request.asked_at, extended=True)
    request.escalated = 0
    request.save(update_fields=["extended_at", "due_at", "escalated"])
    write(request, "requests/mails/extended", {"due_at": request.due_at, "reason": reason}, by_hand=True)
    events.record(actor, Kind.REQUEST_EXTENDED, request.id)
