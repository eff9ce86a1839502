"""Verbs of requests on the clock: asked by page or by mail, proved by a link, answered, extended or refused by staff.

No answer to the asker tells whether somebody is known: everybody hears the same, by page and by mail. What is asked under an
unproved address is held apart under a key of its own. Source: PRI-26, PRI-28; GDPR Art. 12.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction

from glasshouse.accounts import api as accounts
from glasshouse.accounts import throttle
from glasshouse.accounts.rules import normal_address
from glasshouse.accounts.sessions import digest
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, Actor, ActorKind
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import HolderId, RequestId, new_id, new_token
from glasshouse.mail import api as mail
from glasshouse.rights import clocks
from glasshouse.rights.models import Request, RequestKind
from glasshouse.rights.rules import classed
from glasshouse.vault import api as vault

MOST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Listed:
    """A request in the officer's work list."""

    request: Request
    law: clocks.Law
    urgency: str
    may_extend: bool
    known: bool


def ask(address: str, kind: str, region: str, text: str, *, channel: str = "page", network: str = "") -> RequestId:
    """Open a request and mail a link that proves the address. Raises InvalidError, ThrottledError."""
    normal = normal_address(address)
    if kind not in RequestKind.values or region not in clocks.REGIONS:
        raise InvalidError("Choose what you ask for, and where you live, from the lists.", field="kind")
    if len(text) > MOST_TEXT:
        raise InvalidError(f"The text has at most {MOST_TEXT} characters.", field="text")
    throttle.take("request", network or normal, most=20, window=timedelta(hours=1))
    throttle.take("request-address", normal, most=5, window=timedelta(hours=1))
    secret, now = new_token(), clock.now()
    law = clocks.LAWS[clocks.REGIONS[region][1]]
    with transaction.atomic():
        made = Request.objects.create(
            holder=new_id(),
            address=normal,
            address_hash=vault.lookup("address", normal),
            text=text,
            kind=kind,
            law=law.id,
            channel=channel,
            proof_hash=digest(secret),
            asked_at=now,
            due_at=clocks.due(law, now),
        )
        words = (
            f"We have your request (number {made.id}) and answer it by {made.due_at:%Y-%m-%d} at the latest ({law.title}).\n\n"
            "Please prove that this address is yours; without that we can tell nobody anything about it:\n\n"
            f"{settings.ORIGIN}/privacy/prove/{secret}\n"
        )
        _write(made, "Your privacy request", words)
        events.record(ANONYMOUS, Kind.REQUEST_OPENED, made.id, channel=channel)
    return RequestId(made.id)


def from_mail(address: str, subject: str, body: str) -> RequestId:
    """Open a request out of a mail to the privacy address. Raises InvalidError, ThrottledError."""
    text = f"{subject}\n\n{body}"[:MOST_TEXT]
    return ask(address, classed(text), "other", text, channel="mail")


def _write(request: Request, subject: str, words: str) -> None:
    holder = HolderId(request.holder)
    mail.queue(holder, "privacy", request.address, subject=f"{subject} [{request.id}]", body=words)


@transaction.atomic
def prove(secret: str) -> tuple[Request, bool]:
    """(the request, whether the address has an account), for somebody who holds the mailed link. Raises NotFoundError."""
    found = Request.objects.select_for_update().filter(proof_hash=digest(secret)).first()
    if found is None:
        raise NotFoundError("This link belongs to no request.")
    if found.proved_at is None:
        found.proved_at = clock.now()
        found.save(update_fields=["proved_at"])
        events.record(ANONYMOUS, Kind.REQUEST_PROVED, found.id)
    return found, accounts.address_known(found.address)


# -- the officer's side --------------------------------------------------------------------------------------------


def _officer(actor: Actor) -> None:
    if actor.kind is not ActorKind.STAFF or not accounts.has_staff_role(actor, "privacy"):
        raise NotFoundError


def worklist(actor: Actor) -> list[Listed]:
    """Open requests by deadline. Raises NotFoundError for anybody but a privacy officer."""
    _officer(actor)
    now = clock.now()
    rows = Request.objects.filter(closed_at=None).order_by("due_at")[:500]
    return [
        Listed(
            one,
            clocks.LAWS[one.law],
            clocks.urgency(now, one.due_at),
            clocks.may_extend(clocks.LAWS[one.law]) and one.extended_at is None,
            one.proved_at is not None and accounts.address_known(one.address),
        )
        for one in rows
    ]


def _open(actor: Actor, request: RequestId) -> Request:
    _officer(actor)
    found = Request.objects.select_for_update().filter(id=request, closed_at=None).first()
    if found is None:
        raise NotFoundError
    return found


@transaction.atomic
def answer(actor: Actor, request: RequestId, text: str, *, refuse: bool) -> None:
    """Answer a request in its thread and close it; a refusal names the authority. Raises InvalidError, NotFoundError."""
    found = _open(actor, request)
    if not text.strip() or len(text) > MOST_TEXT:
        raise InvalidError("Write the answer; a refusal with its reasons.", field="text")
    law = clocks.LAWS[found.law]
    right = f"\n\nYou may complain to the authority: {law.authority}\n" if refuse else ""
    found.answer, found.closed_at, found.outcome = text, clock.now(), "refused" if refuse else "answered"
    found.save(update_fields=["answer", "closed_at", "outcome"])
    _write(found, "Re: your privacy request", f"{text}{right}")
    events.record(actor, Kind.REQUEST_CLOSED, found.id, refused=refuse)


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
    found.save(update_fields=["extended_at", "due_at"])
    _write(found, "Your privacy request takes longer", f"We need until {found.due_at:%Y-%m-%d}: {reason}\n")
    events.record(actor, Kind.REQUEST_EXTENDED, found.id)


def overdue() -> int:
    """How many open requests are past their deadline."""
    return Request.objects.filter(closed_at=None, due_at__lt=clock.now()).count()
