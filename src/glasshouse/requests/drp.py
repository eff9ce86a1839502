"""The Data Rights Protocol, version 1.0: authorised agents ask in people's names.

Rules: an agent is registered by the officer with its public key. What it sends is signed (`drp_messages.py`); what comes twice is
the same request. That an agent vouches for an address is no proof for us: the person is mailed the same link as everybody, and
nothing is answered before. Only what restricts us, an opt-out of sale, counts at once. Where the agent names no address, an
officer finds out who asks. Source: PRI-28; Data Rights Protocol 1.0, 2.01 to 2.06, 3.04.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.template.loader import render_to_string

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts import throttle
from glasshouse.accounts.rules import normal_address
from glasshouse.accounts.sessions import digest
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, Actor
from glasshouse.kernel.errors import ForbiddenError, GlasshouseError, InvalidError
from glasshouse.kernel.ids import new_token
from glasshouse.requests import api as requests
from glasshouse.requests import drp_messages as messages
from glasshouse.requests import drp_rules as rules
from glasshouse.requests import sale
from glasshouse.requests.models import Agent, Request
from glasshouse.vault import api as vault
from glasshouse.vault.fields import readable

HOUR = timedelta(hours=1)
MOST_AN_HOUR = 300  # requests of one agent
_AGENT_ID = re.compile(r"[A-Za-z0-9_-]{1,60}")  # It stands in a path.
_HOST = re.compile(r"(?!-)[a-z0-9.-]{1,100}(:[0-9]{1,5})?")


class ClosedError(GlasshouseError):
    """The request is closed: nothing is left to withdraw."""

    status = 409


@dataclass(frozen=True, slots=True)
class Wish:
    """What a message asks for, checked. exercise: of `rules.EXERCISES`; address: normal, "" where the agent named none."""

    exercise: str
    address: str
    region: str
    text: str
    callback: str | None
    agent_request: str | None

    @property
    def kind(self) -> str:
        """What kind of request it is here."""
        return rules.EXERCISES[self.exercise]


def register(actor: Actor, agent: str, name: str, verify_key: str, callback_host: str = "") -> None:
    """Register an agent. verify_key: base64 of the 32 bytes. callback_host: where it is called, and people are led back to.

    Raises InvalidError, NotFoundError.
    """
    access.require_staff(actor, Permission.AGENT_CHANGE)
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(verify_key, validate=True))
    except (ValueError, binascii.Error):
        raise InvalidError("The key is the base64 of an Ed25519 public key, 32 bytes.", field="verify_key") from None
    is_taken = Agent.objects.filter(agent_hash=_agent_hash(agent)).exists()
    if not _AGENT_ID.fullmatch(agent) or not name.strip() or is_taken:
        raise InvalidError(
            "Give the agent's id, which is not in use yet (letters, digits, - and _), and its name.", field="agent"
        )
    host = callback_host.strip().lower()
    if host and (not _HOST.fullmatch(host) or rules.is_at(host, settings.ORIGIN)):
        raise InvalidError("Give the agent's own host, such as agent.example.", field="callback_host")
    with transaction.atomic():
        registered = Agent.objects.create(
            agent_id=agent,
            agent_hash=_agent_hash(agent),
            name=name[:120],
            verify_key=verify_key,
            callback_host=host or None,
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


def pair(agent_id: str, raw: bytes) -> str:
    """A token for an agent that has signed with its key; the token before it ends. Raises ForbiddenError, InvalidError.

    It is a program's credential and no mailed link: it counts until the agent asks for another, or the officer ends the agent.
    A message pairs once: the next must be issued later, so that whoever saw one gets no token by it. Nor does one that says
    more than who pairs with whom: what was signed to ask for something else is no wish for a token.
    """
    agent = _agent(agent_id)
    body = messages.checked_message(agent, raw).body
    if not body.keys() <= messages.PAIRING:
        raise ForbiddenError("This message asks for something else than a token.")
    token, issued = new_token(), messages.moment(body, "issued-at")
    unused = Agent.objects.filter(id=agent.id, ended_at=None).filter(Q(paired_at=None) | Q(paired_at__lt=issued))
    if not unused.update(token_hash=digest(token), paired_at=issued):
        raise ForbiddenError("This message was used before, or a newer one was.")
    return token


def agent_of(token: str) -> Agent:
    """The agent that bears a token. Raises ForbiddenError."""
    agent = Agent.objects.filter(token_hash=digest(token), ended_at=None).first() if token else None
    if agent is None:
        raise messages.RetryableError("The token is not known here: pair again.")
    return agent


def exercise(agent: Agent, raw: bytes) -> Request:
    """Open the request that an agent sends; the same message again is the same request.

    Raises ForbiddenError, InvalidError, ThrottledError.
    """
    message = messages.checked_message(agent, raw)
    sent = Request.objects.filter(agent=agent.id, agent_seal=message.seal)
    if earlier := sent.first():
        return earlier
    wish = _wish(agent, message.body)
    throttle.take("agent", agent.id, most=MOST_AN_HOUR, window=HOUR)
    if wish.address:
        throttle.take("request-address", wish.address, most=5, window=HOUR)
    try:
        return _open(agent, wish, message.seal)
    except IntegrityError:
        # It came twice at once, and the other one was first.
        if earlier := sent.first():
            return earlier
        raise


def _wish(agent: Agent, body: dict[str, Any]) -> Wish:
    """What a message asks for. Raises InvalidError."""
    exercise = rules.exercise_of(body.get("exercise"))
    if not exercise:
        raise InvalidError(f"We know these rights: {', '.join(rules.EXERCISES)}.", field="exercise")
    number = rules.text_of(body, "phone_number", 40)
    if number and not rules.is_number(number):
        raise InvalidError("phone_number is no telephone number in E.164.", field="phone_number")
    claimed = body.get("email")
    if not claimed and not number:
        raise InvalidError("Name the person's email or phone_number.", field="email")
    callback = body.get("status_callback") or ""
    if callback and not (isinstance(callback, str) and rules.is_at(agent.callback_host, callback)):
        raise InvalidError(
            "The callback is not at the host that this agent registered, over HTTPS.", field="status_callback"
        )
    return Wish(
        exercise,
        normal_address(str(claimed)) if claimed else "",
        "us" if body.get("regime") == "ccpa" else "other",
        _text(agent, exercise, body),
        callback or None,
        str(body.get("agent-request-id") or "")[:120] or None,
    )


def _text(agent: Agent, exercise: str, body: dict[str, Any]) -> str:
    """What the agent says of the person and the wish, as the officer and the person read it."""
    hints, place = body.get("relationships"), body.get("address")
    parts = place.values() if isinstance(place, dict) else [place]
    values = {
        "agent": agent.name,
        "exercise": exercise,
        "name": rules.text_of(body, "name", 200),
        "phone_number": rules.text_of(body, "phone_number", 40),
        "address": ", ".join(" ".join(part.split()) for part in parts if isinstance(part, str) and part)[:400],
        "power_of_attorney": rules.text_of(body, "power_of_attorney", 400),
        "relationships": [hint[:60] for hint in hints[:20] if isinstance(hint, str)] if isinstance(hints, list) else [],
    }
    return render_to_string("requests/agent_asks.txt", values).strip()[: requests.MOST_TEXT]


def _open(agent: Agent, wish: Wish, seal: str) -> Request:
    """Store a request that an agent sends; an opt-out of sale is done at once. Raises IntegrityError where it is there."""
    with sale.acting_for(wish.address if wish.exercise == rules.OPT_OUT else ""), transaction.atomic():
        # What an agent sends is in no language: the person's is known from what they asked before, or once they open our page.
        language = requests.language_at(wish.address) if wish.address else ""
        arrival = requests.Arrival("agent", language=language)
        request, secret = requests.new_request(wish.address, wish.kind, wish.region, wish.text, arrival)
        request.agent, request.agent_seal, request.exercise = agent.id, seal, wish.exercise
        request.callback, request.agent_request = wish.callback, wish.agent_request
        request.no_address = not wish.address
        if wish.exercise in (rules.OPT_OUT, rules.OPT_IN):
            request.due_at = sale.due(request.asked_at)
        request.save(force_insert=True)
        events.record(ANONYMOUS, Kind.REQUEST_OPENED, request.id, channel="agent")
        if wish.exercise == rules.OPT_OUT and wish.address:
            sale.opt_out(request, agent.name)
        elif wish.address:
            requests.mail_link(request, secret)
    return request


def of_agent(agent: Agent, number: str) -> Request:
    """A request that this agent sent. Raises ForbiddenError for any other, known or not."""
    request = Request.objects.filter(id=number, agent=agent.id).first()
    if request is None:
        raise ForbiddenError("This request is not yours.")
    return request


def revoke(agent: Agent, number: str, raw: bytes) -> Request:
    """Withdraw a request that is open; a person who confirmed it is told. Raises ClosedError, ForbiddenError, InvalidError.

    A message withdraws one request: signed again it is another message only if it says something else, such as when.
    """
    of_agent(agent, number)
    message = messages.checked_revocation(agent, raw, number)
    used = ForbiddenError("This message withdrew another request. Sign a new one, with its request_id or a time.")
    if Request.objects.filter(revoke_seal=message.seal).exclude(id=number).exists():
        raise used
    try:
        with transaction.atomic():
            request = Request.objects.select_for_update().get(id=number, agent=agent.id)
            if request.outcome == "revoked":
                return request
            if request.closed_at is not None:
                raise ClosedError("The request is closed: nothing is left to withdraw.")
            request.revoke_seal = message.seal
            request.save(update_fields=["revoke_seal"])
            reason = rules.text_of(message.body, "reason", 400)
            requests.close(
                request, f"withdrawn by the agent: {reason}" if reason else "withdrawn by the agent", "revoked"
            )
            if request.proved_at is not None:
                requests.write(request, "requests/mails/agent_withdrew", {"agent": agent.name, "reason": reason})
            events.record(ANONYMOUS, Kind.REQUEST_WITHDRAWN, request.id)
    except IntegrityError:
        raise used from None
    return request
