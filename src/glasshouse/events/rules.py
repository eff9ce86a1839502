"""The chain, without I/O: what is hashed, and what a break in it means."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

START = "0" * 64
# How much later than its own time an event may be chained: transactions end in any order.
LATENESS = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Content:
    """What of an event is chained: all of it."""

    id: str
    at: datetime
    kind: str
    actor: str
    organisation_id: str | None
    subject: str
    facts: dict[str, object]


@dataclass(frozen=True, slots=True)
class Joint:
    """One link of the chain, with the event it points at (None: the row is gone)."""

    number: int
    event_id: str
    before: str
    hash: str
    event: Content | None
    chained_at: datetime | None = None


def digest(before: str, event: Content, chained_at: datetime | None) -> str:
    """SHA-256, hex, of the hash before, the event's content and when it was chained, in canonical JSON."""
    body = [event.id, event.at.isoformat(), event.kind, event.actor, event.organisation_id, event.subject, event.facts]
    whole = [before, body, chained_at.isoformat()] if chained_at else [before, body]
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def breaks(chain: Iterable[Joint]) -> Iterator[str]:
    """What is wrong with a chain, in order: rows altered, removed, inserted. Keeps nothing in memory."""
    before, number, newest = START, 0, None
    for joint in chain:
        number += 1
        if joint.number != number:
            yield f"links {number} to {joint.number - 1} were removed"
            number = joint.number
        if joint.before != before:
            yield f"link {joint.number} does not follow the one before it"
        if joint.event is None:
            yield f"event {joint.event_id} (link {joint.number}) was removed"
        else:
            if digest(joint.before, joint.event, joint.chained_at) != joint.hash:
                yield f"event {joint.event_id} (link {joint.number}) was altered"
            if newest is not None and joint.event.at < newest - LATENESS:
                yield f"event {joint.event_id} (link {joint.number}) was inserted afterwards"
            # A clock that jumped ahead dates an event later than it was chained; by such a one no other is measured.
            if joint.chained_at is None or joint.event.at <= joint.chained_at + LATENESS:
                newest = max(newest or joint.event.at, joint.event.at)
        before = joint.hash
