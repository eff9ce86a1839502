"""Record an event inside the caller's transaction; chain what was recorded; verify the chain."""

from collections.abc import Callable, Collection, Iterator
from datetime import date, datetime, timedelta
from itertools import chain
from typing import NamedTuple

from django.db import connection, connections, transaction

from glasshouse.events.kinds import Kind
from glasshouse.events.models import OF_REQUESTS, Event, Link, Root, Unchained
from glasshouse.events.rules import START, Content, Joint, breaks, digest
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor, ActorKind
from glasshouse.kernel.errors import GlasshouseError
from glasshouse.kernel.ids import OrganisationId
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.probes import api as probes
from glasshouse.probes import rules as probe_rules
from glasshouse.probes.rules import RELAY_LOCK

RELAY = "relay"  # the connection of the relay's own role
TURN_EVENTS = 250  # of one turn, which then stays below 50 ms
ROOTS_A_TURN = 1000
HISTORY = 20  # oldest events of an organisation, or of an account, that are looked for in the chain
VERIFY_BATCH = 2000
EVENTS_A_PIECE = 200
MOST_BREAKS = 1000
Progress = Callable[[int, int], None]


class EventError(GlasshouseError):
    """An event was recorded where it could get lost."""

    status = 500


def record(actor: Actor, kind: Kind, subject: str, **facts: str | int | bool) -> None:
    """Write an event with the change it tells of. Raises EventError outside a transaction. facts: opaque values only."""
    if not connection.in_atomic_block:
        raise EventError(f"{kind} was recorded outside a transaction: the change and its event could part.")
    Event.objects.create(
        at=clock.now(), kind=kind, actor=actor.id, organisation_id=actor.organisation, subject=subject, facts=facts
    )


class Wanted(NamedTuple):
    """Which events of an organisation are asked for. actors: ids as events have them; since, until: aware UTC. None: all."""

    kinds: Collection[str] | None = None
    actors: Collection[str] | None = None
    since: datetime | None = None
    until: datetime | None = None


def of_organisation(organisation: OrganisationId, after: str = "", wanted: Wanted | None = None) -> Piece[Event]:
    """Events of the organisation that the transaction acts for, newest first, a piece of them; until: before that moment."""
    rows = Event.objects.filter(organisation_id=organisation)
    wanted = wanted or Wanted()
    asked = {
        "kind__in": wanted.kinds,
        "actor__in": wanted.actors,
        "at__gte": wanted.since,
        "at__lt": wanted.until,
    }
    rows = rows.filter(**{column: value for column, value in asked.items() if value is not None})
    return piece_of(rows, after, by="-at", most=EVENTS_A_PIECE)


def each_of_actor(account: str) -> Iterator[Event]:
    """The events of one account, inside organisations and outside, newest first: for its person. Read by the relay's role."""
    yield from Event.objects.using(RELAY).filter(actor=account).order_by("-at", "-id").iterator(chunk_size=2000)


def of_request(request: str, most: int = 200) -> list[Event]:
    """The newest events of a privacy request, the oldest of them first, for the privacy office. Read by the relay's role."""
    of_requests = Event.objects.using(RELAY).filter(subject=request, kind__startswith=OF_REQUESTS)
    return list(of_requests.order_by("-at", "-id")[:most])[::-1]


def _content(event: Event) -> Content:
    return Content(event.id, event.at, event.kind, event.actor, event.organisation_id, event.subject, event.facts)


def chain_new(limit: int = TURN_EVENTS) -> int:
    """Chain the first `limit` events of the outbox; returns how many rows of the outbox are done with. Safe to stop anywhere.

    One relay at a time, by a lock; the database refuses a second link of an event, whoever writes it. The cost depends on
    `limit` alone, not on the length of the chain.
    """
    with transaction.atomic(using=RELAY):
        with connections[RELAY].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [RELAY_LOCK])
        last_link = Link.objects.using(RELAY).order_by("-number").first()
        _publish_roots()
        waiting = Unchained.objects.using(RELAY).filter(lost=False, probe_id=None).order_by("number")
        outbox = dict(waiting.values_list("number", "event_id")[:limit])
        events = Event.objects.using(RELAY).in_bulk(list(outbox.values()))
        finished = outbox.keys() - _put_apart(outbox, events)
        chained = set(Link.objects.using(RELAY).filter(event_id__in=list(events)).values_list("event_id", flat=True))
        new_events = sorted((events[id] for id in events.keys() - chained), key=lambda event: (event.at, event.id))
        Link.objects.using(RELAY).bulk_create(_links(last_link, new_events))
        lost_numbers = [number for number in finished if outbox[number] not in events]
        if lost_numbers:
            Unchained.objects.using(RELAY).filter(number__in=lost_numbers).update(lost=True)
        Unchained.objects.using(RELAY).filter(number__in=[*(finished - set(lost_numbers))]).delete()
    return len(outbox)


def _put_apart(outbox: dict[int, str], events: dict[str, Event]) -> set[int]:
    """Keep the events of promise checks out of the chain: their rows of the outbox stay until the probe is removed.

    By now the transaction of each has ended, so that the database knows what is a probe's, in whatever order it was written.
    Removes the events from `events`; returns the numbers of their rows.
    """
    ids = {id for event in events.values() for id in (event.organisation_id, event.subject, event.actor) if id}
    marks = probes.marked(sorted(ids), using=RELAY) if ids else {}
    apart = set()
    for number, id in outbox.items():
        probe = _probe_of(events[id], marks) if marks and id in events else None
        if probe is not None:
            Unchained.objects.using(RELAY).filter(number=number).update(probe_id=probe)
            apart.add(number)
            del events[id]
    return apart


def _probe_of(event: Event, marks: dict[str, str]) -> str | None:
    """Whose probe's an event is; None: nobody's. Then it is chained.

    What it is about must be a probe's: its customer, or what it speaks of where it is of no customer. Who acted must be of the
    same probe, or no account. And nothing that has a history in the chain, which the relay alone writes, is a probe's.
    """
    account = marks.get(probe_rules.of_account(event.actor))
    if event.organisation_id:
        probe = marks.get(probe_rules.of_organisation(event.organisation_id))
        history = Event.objects.using(RELAY).filter(organisation_id=event.organisation_id)
    else:
        ends = f":{event.subject}"
        probe = next((probe for mark, probe in marks.items() if mark.endswith(ends)), None)
        history = Event.objects.using(RELAY).filter(actor=event.subject)
    by_nobody = event.actor in set(ActorKind)
    if probe is None or not (by_nobody or account == probe):
        return None
    oldest = list(history.order_by("at", "id").values_list("id", flat=True)[:HISTORY])
    return None if Link.objects.using(RELAY).filter(event_id__in=oldest).exists() else probe


def chain_waiting(most_turns: int = 40) -> int:
    """Turn until the outbox is empty, at most so many times; returns how many rows of it are done with. For the worker."""
    total = 0
    for _ in range(most_turns):
        count = chain_new()
        total += count
        if count < TURN_EVENTS:
            break
    return total


def _links(last_link: Link | None, new_events: list[Event]) -> list[Link]:
    before, first_number = (last_link.hash, last_link.number + 1) if last_link else (START, 1)
    now, links = clock.now(), []
    for number, event in enumerate(new_events, first_number):
        hashed = digest(before, _content(event), now)
        links.append(Link(number=number, event_id=event.id, before=before, hash=hashed, chained_at=now))
        before = hashed
    return links


# A day's root is the last link that was chained by its end. Days on which nothing was chained repeat the one before.
PUBLISH = """
INSERT INTO events_root (day, number, hash, published_at)
SELECT began::date, link.number, link.hash, %(now)s
FROM generate_series((SELECT date_trunc('day', min(chained_at) AT TIME ZONE 'UTC') FROM events_link),
  %(yesterday)s::timestamp, interval '1 day') AS began
CROSS JOIN LATERAL (
  SELECT number, hash FROM events_link WHERE chained_at < (began + interval '1 day') AT TIME ZONE 'UTC'
  ORDER BY chained_at DESC, number DESC LIMIT 1) AS link
WHERE NOT EXISTS (SELECT 1 FROM events_root published WHERE published.day = began::date)
ORDER BY began LIMIT %(limit)s
"""


def _publish_roots() -> None:
    """Publish the root of each day that has ended and has none: yesterday's, and those of days without a relay."""
    now = clock.now()
    yesterday = now.date() - timedelta(days=1)
    if Root.objects.using(RELAY).filter(day=yesterday).exists():
        return
    with connections[RELAY].cursor() as cursor:
        cursor.execute(PUBLISH, {"now": now, "yesterday": yesterday, "limit": ROOTS_A_TURN})


def roots(limit: int = 400) -> list[Root]:
    """The published daily roots, newest first."""
    return list(Root.objects.using(RELAY).order_by("-day")[:limit])


# -- verifying -----------------------------------------------------------------------------------------------------


class Verification(NamedTuple):
    """What reading the whole chain gave. event_count: events chained; breaks: MOST_BREAKS lines at most, then how many more."""

    event_count: int
    breaks: list[str]


def verify(progress: Progress = lambda done, total: None) -> Verification:
    """Read the chain, and say what is wrong with it.

    Events not yet chained are chained first. Reads the chain once, in batches, up to the link that was the last at its start;
    memory does not grow with the chain. progress: told (links read, links in all).
    """
    while chain_new():
        continue
    last_link = Link.objects.using(RELAY).order_by("-number").first()
    total = last_link.number if last_link else 0
    wrong: list[str] = []
    more = 0
    for line in chain(breaks(_joints(total, progress)), _false_roots(), _never_chained()):
        if len(wrong) < MOST_BREAKS:
            wrong.append(line)
        else:
            more += 1
    if more:
        wrong.append(f"{more} more breaks are not listed")
    return Verification(Link.objects.using(RELAY).count(), wrong)


def _joints(total: int, progress: Progress) -> Iterator[Joint]:
    number = 0
    while True:
        links = Link.objects.using(RELAY).filter(number__gt=number, number__lte=total).order_by("number")
        batch = list(links[:VERIFY_BATCH])
        events = Event.objects.using(RELAY).in_bulk([link.event_id for link in batch])
        for link in batch:
            event = events.get(link.event_id)
            content = _content(event) if event else None
            yield Joint(link.number, link.event_id, link.before, link.hash, content, link.chained_at)
        if len(batch) < VERIFY_BATCH:
            progress(total, total)
            return
        number = batch[-1].number
        progress(number, total)


def _false_roots() -> Iterator[str]:
    """Published roots that the chain does not hold."""
    day = date.min
    while batch := list(Root.objects.using(RELAY).filter(day__gt=day).order_by("day")[:VERIFY_BATCH]):
        numbers = [root.number for root in batch]
        hashes = dict(Link.objects.using(RELAY).filter(number__in=numbers).values_list("number", "hash"))
        yield from (
            f"the root of {root.day} is not in the chain" for root in batch if hashes.get(root.number) != root.hash
        )
        day = batch[-1].day


# Both sides are read once (anti-join by hash); what was committed meanwhile stands in the outbox.
PAST_THE_OUTBOX = """
SELECT e.id FROM events_event e
WHERE NOT EXISTS (SELECT 1 FROM events_link l WHERE l.event_id = e.id)
AND NOT EXISTS (SELECT 1 FROM events_unchained u WHERE u.event_id = e.id) LIMIT %s
"""


def _never_chained() -> Iterator[str]:
    """Events that somebody removed before they were chained, or inserted past the outbox."""
    for id in Unchained.objects.using(RELAY).filter(lost=True).values_list("event_id", flat=True)[:MOST_BREAKS]:
        if not Event.objects.using(RELAY).filter(id=id).exists():
            yield f"event {id} was removed before it was chained"
    for id in probes.apart_for_ever(using=RELAY)[:MOST_BREAKS]:
        yield f"event {id} was kept out of the chain for a promise check that is over"
    with connections[RELAY].cursor() as cursor:
        cursor.execute(PAST_THE_OUTBOX, [MOST_BREAKS])
        for (id,) in cursor.fetchall():
            yield f"event {id} is in no link: it was inserted past the outbox"
