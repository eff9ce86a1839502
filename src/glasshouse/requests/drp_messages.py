"""Signed messages of the Data Rights Protocol: an Ed25519 signature, then JSON, both together in base64.

Rules: nothing of a message is read before its signature is good. It is from the agent whose key that is, for this business, and
counts within the time that it names, which is an hour at most. A message to withdraw need not say so much (2.04); where it says
any of it, it is held to all of it. Source: Data Rights Protocol 1.0, 2.01, 2.04, 3.07.
"""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings

from glasshouse.kernel import clock
from glasshouse.kernel.errors import ForbiddenError, InvalidError
from glasshouse.kernel.text import is_text, strings_in
from glasshouse.requests.models import Agent

VERSIONS = ("0.9.4", "1.0")
FIRST_YEAR, LAST_YEAR = 2000, 2200
LONGEST = timedelta(hours=1)
SKEW = timedelta(minutes=1)  # by which an agent's clock may run ahead of ours
SIGNATURE_BYTES = 64
# Who asks whom, and when it counts.
ENVELOPE = frozenset({"agent-id", "business-id", "issued-at", "expires-at"})
# All that a pairing message says.
PAIRING = ENVELOPE | {"drp.version"}
# All that a message to withdraw may say.
REVOCATION = PAIRING | {"reason", "request_id"}


class RetryableError(ForbiddenError):
    """Refused now; the same message, or another token, may be taken later."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message whose signature is good. seal: SHA-256 of it, hexadecimal, by which it is known if it comes again."""

    body: dict[str, Any]
    seal: str


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


def moment(body: dict[str, Any], name: str) -> datetime:
    """A time that a message names, aware. Raises InvalidError."""
    try:
        named = datetime.fromisoformat(str(body.get(name, "")))
    except ValueError:
        raise InvalidError(f"{name} is not an ISO 8601 time.", field=name) from None
    if named.tzinfo is None:
        raise InvalidError(f"{name} has no time zone.", field=name)
    # Nearer to the ends of the calendar there is no minute before or after.
    if not FIRST_YEAR <= named.year <= LAST_YEAR:
        raise InvalidError(f"{name} is not within the years {FIRST_YEAR} to {LAST_YEAR}.", field=name)
    return named


def _check_envelope(agent: Agent, body: dict[str, Any]) -> None:
    """Return if a message is from this agent, for us, and for now, in this order. Raises ForbiddenError, InvalidError."""
    if body.get("agent-id") != agent.agent_id or body.get("business-id") != settings.DRP_BUSINESS:
        raise ForbiddenError("The message is from another agent, or for another business.")
    now, issued, expires = clock.now(), moment(body, "issued-at"), moment(body, "expires-at")
    if now < issued - SKEW:
        raise RetryableError("The message is issued in the future: compare the clocks.")
    if now >= expires or not timedelta() < expires - issued <= LONGEST:
        raise ForbiddenError("The message has expired, or is valid for longer than an hour.")


def checked_message(agent: Agent, raw: bytes) -> Message:
    """A signed message, checked whole: signature, sender, receiver, time, version. Raises ForbiddenError, InvalidError."""
    message = _signed(agent, raw)
    _check_envelope(agent, message.body)
    if str(message.body.get("drp.version", "")) not in VERSIONS:
        raise InvalidError(f"This is version {VERSIONS[-1]} of the protocol.", field="drp.version")
    return message


def checked_revocation(agent: Agent, raw: bytes, number: str) -> Message:
    """A message that withdraws a request. number: the request's. Raises ForbiddenError, InvalidError.

    What was signed to pair or to ask is no wish to withdraw. A message may be the reason alone, as the protocol shows it; one
    that says for whom or when, or which request, is held to that.
    """
    message = _signed(agent, raw)
    body = message.body
    if not body.keys() <= REVOCATION or (body and not body.keys() & {"reason", "request_id"}):
        raise ForbiddenError("This message asks for something else than to withdraw a request.")
    if body.keys() & PAIRING:
        _check_envelope(agent, body)
    if body.get("request_id", number) != number:
        raise ForbiddenError("The message withdraws another request.")
    return message
