"""Pure rules of the Data Rights Protocol 1.0: its words, which URLs an agent may name, what a telephone number looks like.

Source: Data Rights Protocol 1.0, 3.01, 3.02, 3.04.
"""

import re
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

# Each right that an agent may exercise, and what kind of request it is here.
EXERCISES = {
    "access": "access",
    "access:categories": "access",
    "access:specific": "copy",
    "deletion": "erase",
    "sale:opt-out": "object",
    "sale:opt-in": "question",
}
OPT_OUT, OPT_IN = "sale:opt-out", "sale:opt-in"
ACCESS = frozenset(exercise for exercise in EXERCISES if exercise.startswith("access"))
# How version 0.9.4 and the public client write some of them.
SPELLINGS = {"sale:opt_out": OPT_OUT, "sale:opt_in": OPT_IN}
# Why a request is denied. What an officer says of it goes to the person, in words.
DENIALS = (
    "suspected_fraud",
    "insuf_verification",
    "no_match",
    "claim_not_covered",
    "outside_jurisdiction",
    "too_many_requests",
    "other",
)
RESULTS_OPEN = timedelta(days=30)  # How long after the answer the results can be seen; then the request is `expired`.
MOST_URL = 400  # characters
_URL = re.compile(r"https://[!-~]+")  # Printable ASCII: no space, no line break, nothing that parsers read in two ways.
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164


class ProtocolState(NamedTuple):
    """The state of a request, by the protocol's own words. reason: "" where the status says all."""

    status: str
    reason: str = ""


class Standing(NamedTuple):
    """What of a request decides its state. outcome: "" while it is open. denied_for: of DENIALS, or ""."""

    outcome: str
    denied_for: str
    proved: bool
    closed_at: datetime | None


def exercise_of(claim: object) -> str:
    """The right that a message names, in the spelling of 1.0; "" if it is none."""
    name = SPELLINGS.get(claim, claim) if isinstance(claim, str) else ""
    return name if name in EXERCISES else ""


def state_of(standing: Standing, now: datetime) -> ProtocolState:
    """The state of a request. Source: 3.02."""
    if standing.outcome == "refused":
        return ProtocolState("denied", standing.denied_for or "other")
    if standing.outcome == "unproved":
        return ProtocolState("denied", "insuf_verification")
    if standing.closed_at is None:
        return ProtocolState("in_progress", "" if standing.proved else "need_user_verification")
    if standing.outcome == "revoked":
        return ProtocolState("revoked")
    return ProtocolState("expired" if now >= standing.closed_at + RESULTS_OPEN else "fulfilled")


def is_number(text: str) -> bool:
    """Whether it is a telephone number as the protocol wants it (E.164)."""
    return _NUMBER.fullmatch(text) is not None


def text_of(body: dict[str, Any], claim: str, most: int) -> str:
    """A claim that is a text, on one line and cut to so many characters; "" where it is none."""
    value = body.get(claim)
    return " ".join(value.split())[:most] if isinstance(value, str) else ""


def is_at(host: str | None, url: str) -> bool:
    """Whether a URL is at a host (with its port, if it has one), over HTTPS, and says nothing else where the host stands.

    So neither a callback nor the way back from our pages leads to anybody whom the officer did not register.
    """
    if not host or len(url) > MOST_URL or not _URL.fullmatch(url) or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and parts.netloc.lower() == host
