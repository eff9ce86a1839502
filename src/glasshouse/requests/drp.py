"""The Data Rights Protocol, version 1.0: authorised agents ask in people's names.

Rules: an agent is registered by the officer with its public key. What it sends is signed (Ed25519, signature before the text,
both in base64) and valid for minutes; what comes twice is the same request. That an agent vouches for an address is no proof
for us: the person is mailed the same link as everybody, and nothing is answered before. Source: PRI-28; Data Rights Protocol
1.0, 2.01 to 2.06, 3.07.
"""

import asyncio
import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts import throttle
from glasshouse.accounts.rules import normal_address
from glasshouse.accounts.sessions import digest
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, Actor
from glasshouse.kernel.errors import ForbiddenError, InvalidError
from glasshouse.kernel.ids import new_token
from glasshouse.kernel.text import is_text, strings_in
from glasshouse.queues import api as queues
from glasshouse.requests import api as requests
from glasshouse.requests.models import Agent, Request
from glasshouse.vault import api as vault
from glasshouse.vault.fields import readable

VERSIONS = ("0.9.4", "1.0")
FIRST_YEAR, LAST_YEAR = 2000, 2200
LONGEST = timedelta(hours=1)
EXERCISES = {
    "access": "access",
    "access:categories": "access",
    "access:specific": "copy",
    "deletion": "erase",
    "sale:opt_out": "object",
}
SIGNATURE_BYTES = 64
# All that a pairing message says.
PAIRING = frozenset({"agent-id", "business-id", "drp.version", "issued-at", "expires-at"})
TELLING = "rights.tell-agent"
# What `agent_told` holds once nothing is left to tell: the agent knows how it ended, or cannot be called any more.
FINAL, UNREACHABLE = "final", "unreachable"
NOTHING_LEFT = (FINAL, UNREACHABLE)
ANSWER_S, CALL_S = 10.0, 30.0  # for one step of a call; for all of it


@dataclass(frozen=True, slots=True)
class Message:
    """A message whose signature is good. seal: SHA-256 of it, hexadecimal, by which it is known if it comes again."""

    body: dict[str, Any]
    seal: str


def register(actor: Actor, agent: str, name: str, verify_key: str, callback_host: str = "") -> None:
    """Register an agent. verify_key: base64 of the 32 bytes. Raises InvalidError, NotFoundError."""
    access.require_staff(actor, Permission.AGENT_CHANGE)
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(verify_key, validate=True))
    except (ValueError, binascii.Error):
        raise InvalidError("The key is the base64 of an Ed25519 public key, 32 bytes.", field="verify_key") from None
    if (
        not agent.strip()
        or len(agent) > 60
        or not name.strip()
        or Agent.objects.filter(agent_hash=_agent_hash(agent)).exists()
    ):
        raise InvalidError("Give the agent's id, which is not in use yet, and its name.", field="agent")
    with transaction.atomic():
        registered = Agent.objects.create(
            agent_id=agent,
            agent_hash=_agent_hash(agent),
            name=name[:120],
            verify_key=verify_key,
            callback_host=callback_host.strip().lower()[:120] or None,
            created_at=clock.now(),
        )
        events.record(actor, Kind.AGENT_REGISTERED, registered.id)


def _agent_hash(agent: str) -> str:
    """By which an agent is found, from the name that the protocol gives it."""
    return vault.lookup("agent", agent)


def end(actor: Actor, agent: str) -> None:
    """Let an agent, named as the protocol names it, in no more. Raises InvalidError, NotFoundError."""
    access.require_staff(actor, Permission.AGENT_CHANGE)
    let_in = Agent.objects.filter(agent_hash=_agent_hash(agent), ended_at=None)
    if not let_in.update(ended_at=clock.now(), token_hash=""):
        raise InvalidError("No agent that is let in has this id.", field="agent")


def agents(actor: Actor) -> list[Agent]:
    """Every agent. Raises NotFoundError."""
    access.require_staff(actor, Permission.REQUEST_READ)
    return sorted(readable(Agent.objects.all()), key=lambda agent: agent.name)


def _agent(agent: str) -> Agent:
    registered = Agent.objects.filter(agent_hash=_agent_hash(agent), ended_at=None).first()
    if registered is None:
        raise ForbiddenError("This agent is not registered here.")
    return registered


def _signed(agent: Agent, raw: bytes) -> Message:
    """A message whose signature is good, and nothing else is checked of. Raises ForbiddenError."""
    refused = ForbiddenError("The message is not signed as the protocol wants.")
    try:
        signed = base64.b64decode(raw, validate=True)
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(agent.verify_key))
        key.verify(signed[:SIGNATURE_BYTES], signed[SIGNATURE_BYTES:])
        body = json.loads(signed[SIGNATURE_BYTES:])
    except (binascii.Error, InvalidSignature, ValueError, RecursionError):
        raise refused from None
    if not isinstance(body, dict) or not all(map(is_text, strings_in(body))):
        raise refused
    return Message(body, hashlib.sha256(signed).hexdigest())


def _moment(body: dict[str, Any], name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(body.get(name, "")))
    except ValueError:
        raise InvalidError(f"{name} is not an ISO 8601 time.", field=name) from None
    if moment.tzinfo is None:
        raise InvalidError(f"{name} has no time zone.", field=name)
    if (
        not FIRST_YEAR <= moment.year <= LAST_YEAR
    ):  # Nearer to the ends of the calendar there is no minute before or after.
        raise InvalidError(f"{name} is not within the years {FIRST_YEAR} to {LAST_YEAR}.", field=name)
    return moment


def checked_message(agent: Agent, raw: bytes) -> Message:
    """A signed message, checked whole: signature, sender, receiver, version, time. Raises ForbiddenError, InvalidError."""
    message = _signed(agent, raw)
    body = message.body
    if body.get("agent-id") != agent.agent_id or body.get("business-id") != settings.DRP_BUSINESS:
        raise ForbiddenError("The message is from another agent, or for another business.")
    if str(body.get("drp.version", "")) not in VERSIONS:
        raise InvalidError(f"This is version {VERSIONS[-1]} of the protocol.", field="drp.version")
    now, issued, expires = clock.now(), _moment(body, "issued-at"), _moment(body, "expires-at")
    if not (issued - timedelta(minutes=1) <= now < expires and expires - issued <= LONGEST):
        raise ForbiddenError("The message is too old, or valid for too long.")
    return message


def pair(agent_id: str, raw: bytes) -> str:
    """A token for an agent that has signed with its key; the token before it ends. Raises ForbiddenError, InvalidError.

    It is a program's credential and no mailed link: it counts until the agent asks for another, or the officer ends the agent.
    A message pairs once: the next must be issued later, so that whoever saw one gets no token by it. Nor does one that says
    more than who pairs with whom: what was signed to ask for something else is no wish for a token.
    """
    agent = _agent(agent_id)
    body = checked_message(agent, raw).body
    if not body.keys() <= PAIRING:
        raise ForbiddenError("This message asks for something else than a token.")
    token, issued = new_token(), _moment(body, "issued-at")
    unused = Agent.objects.filter(id=agent.id, ended_at=None).filter(Q(paired_at=None) | Q(paired_at__lt=issued))
    if not unused.update(token_hash=digest(token), paired_at=issued):
        raise ForbiddenError("This message was used before, or a newer one was.")
    return token


def agent_of(token: str) -> Agent:
    """The agent that bears a token. Raises ForbiddenError."""
    agent = Agent.objects.filter(token_hash=digest(token), ended_at=None).first() if token else None
    if agent is None:
        raise ForbiddenError("The token is not known here.")
    return agent


def exercise(agent: Agent, raw: bytes) -> Request:
    """Open the request that an agent sends; the same message again is the same request. Raises ForbiddenError, InvalidError."""
    message = checked_message(agent, raw)
    body = message.body
    earlier = Request.objects.filter(agent=agent.id, agent_seal=message.seal).first()
    if earlier:
        return earlier
    kind = EXERCISES.get(str(body.get("exercise", "")))
    if kind is None:
        raise InvalidError(f"We know these rights: {', '.join(EXERCISES)}. Nothing is sold here.", field="exercise")
    address = normal_address(str(body.get("email", "")))
    throttle.take("request-address", address, most=5, window=timedelta(hours=1))
    callback = str(body.get("status_callback", ""))
    if callback and not _may_call(agent, callback):
        raise InvalidError(
            "The callback is not at the host that this agent registered, over HTTPS.", field="status_callback"
        )
    region = "us" if body.get("regime") == "ccpa" else "other"
    text = f"{agent.name} asks in this person's name: {body['exercise']}. {body.get('name', '')}"[: requests.MOST_TEXT]
    with transaction.atomic():
        request, secret = requests.new_request(address, kind, region, text, requests.Arrival("agent"))
        request.agent, request.agent_seal, request.callback = agent.id, message.seal, callback[:400] or None
        request.agent_request = str(body.get("agent-request-id") or "")[:120] or None
        request.save(force_insert=True)
        requests.mail_link(request, secret)
        events.record(ANONYMOUS, Kind.REQUEST_OPENED, request.id, channel="agent")
    return request


def of_agent(agent: Agent, number: str) -> Request:
    """A request that this agent sent. Raises ForbiddenError for any other, known or not."""
    request = Request.objects.filter(id=number, agent=agent.id).first()
    if request is None:
        raise ForbiddenError("This request is not yours.")
    return request


def revoke(agent: Agent, number: str, raw: bytes) -> Request:
    """Withdraw a request that is open. Raises ForbiddenError."""
    request = of_agent(agent, number)
    _signed(agent, raw)
    with transaction.atomic():
        if request.closed_at is None:
            requests.close(request, "withdrawn by the agent", "revoked")
            events.record(ANONYMOUS, Kind.REQUEST_WITHDRAWN, request.id)
    return request


DETAILS = {
    "other": "the reasons went to the person",
    "insuf_verification": "nobody confirmed the address",
    "need_user_verification": "a link went to the address that the person gave; the request goes on when it is followed",
}


class ProtocolState(NamedTuple):
    """The state of a request, by the protocol's own words. reason: "" where the status says all."""

    status: str
    reason: str


def _state(request: Request) -> ProtocolState:
    """The state of a request, from columns that are not sealed."""
    if request.outcome == "refused":
        return ProtocolState("denied", "other")
    if request.outcome == "unproved":
        return ProtocolState("denied", "insuf_verification")
    if request.closed_at is not None:
        return ProtocolState("revoked" if request.outcome == "revoked" else "fulfilled", "")
    return ProtocolState("in_progress", "" if request.proved_at else "need_user_verification")


def status_of(request: Request) -> dict[str, str]:
    """The answer to an agent about a request, as JSON values. Source: Data Rights Protocol, 3.02, 3.03."""
    status, reason = _state(request)
    answer = {
        "request_id": request.id,
        "received_at": request.asked_at.isoformat(),
        "expected_by": request.due_at.isoformat(),
        "status": status,
    }
    if request.agent_request:
        answer["agent_request_id"] = request.agent_request
    if reason:
        answer |= {"reason": reason, "processing_details": DETAILS[reason]}
    if reason == "need_user_verification":
        answer["user_verification_url"] = f"{settings.ORIGIN}/privacy"
    if (status, reason) == ("in_progress", "") and request.extended_at is not None:
        answer["processing_details"] = "it takes longer, as the law allows; the person was told why"
    return answer


def _may_call(agent: Agent, url: str) -> bool:
    # Only the host that the officer entered, and only HTTPS: a callback is no way into networks that only we can reach.
    parts = urlsplit(url)
    return parts.scheme == "https" and bool(agent.callback_host) and parts.netloc.lower() == agent.callback_host


def tell_agents() -> int:
    """Tell agents that wanted it what became of their requests; returns how many were told. For the worker."""
    rows = queues.ready(Request.objects.exclude(callback=None).exclude(agent_told__in=NOTHING_LEFT), TELLING)
    # Every one of them is looked at: those that have nothing new would fill a first batch for ever. A try is only begun for news.
    columns = ("agent_told", "outcome", "closed_at", "proved_at", "due_at")
    looked_at = rows.order_by("asked_at").only("id", *columns).iterator(chunk_size=2000)
    news = [request.id for request in looked_at if _line(request) != request.agent_told]
    return queues.each(TELLING, news, _tell_agent)


def _line(request: Request) -> str:
    """The state of a request in short, to tell whether there is something new."""
    status, reason = _state(request)
    return f"{status}:{reason}:{request.due_at:%Y%m%d}"


def _tell_agent(number: str) -> bool:
    """Tell the agent of one request, if there is something new. Raises httpx.HTTPError, TimeoutError: it is told later."""
    request = Request.objects.get(id=number)
    line = _line(request)
    if line == request.agent_told:
        return False
    agent = Agent.objects.filter(id=request.agent, ended_at=None).first()
    if agent is None or not _may_call(agent, str(request.callback)):
        # An agent that ended stays so, and so does the host that it registered.
        Request.objects.filter(id=request.id).update(agent_told=UNREACHABLE)
        return False
    _call(str(request.callback), status_of(request))
    Request.objects.filter(id=request.id).update(agent_told=FINAL if request.closed_at else line)
    return True


def _call(url: str, state: dict[str, str]) -> None:
    """Send a state to an agent; what it answers is not read. Raises httpx.HTTPError, TimeoutError (after CALL_S in all)."""

    async def post() -> None:
        async with (
            httpx.AsyncClient(timeout=ANSWER_S, follow_redirects=False) as client,
            client.stream("POST", url, json=state) as answer,
        ):
            answer.raise_for_status()

    # The time-out of the client is one of each step: a server that sends a byte now and then would hold the worker for ever.
    asyncio.run(asyncio.wait_for(post(), CALL_S))
