"""Record an event inside the caller's transaction; chain what was recorded; verify the chain."""

from collections.abc import Iterator
from datetime import timedelta

from django.db import connection, transaction

from glasshouse.events.kinds import Kind
from glasshouse.events.models import Event, Link, Root
from glasshouse.events.rules import START, Content, Joint, breaks, digest
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import GlasshouseError
from glasshouse.kernel.ids import OrganisationId

RELAY_LOCK = 0x676C6173


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


def of_organisation(organisation: OrganisationId, limit: int = 200) -> list[Event]:
    """The newest events of the organisation that the transaction acts for."""
    return list(Event.objects.filter(organisation_id=organisation).order_by("-at", "-id")[:limit])


def each_of_actor(account: str) -> Iterator[Event]:
    """The events of one account, of organisations and of none, newest first: for the person's own view, read by the relay."""
    yield from Event.objects.using("relay").filter(actor=account).order_by("-at", "-id").iterator(chunk_size=2000)


def _content(event: Event) -> Content:
    return Content(event.id, event.at, event.kind, event.actor, event.organisation_id, event.subject, event.facts)


def chain_new() -> int:
    """Append every event that is not chained yet; returns how many. One relay at a time; safe to stop anywhere."""
    with transaction.atomic(using="relay"):
        from django.db import connections

        with connections["relay"].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [RELAY_LOCK])
        last = Link.objects.using("relay").order_by("-number").first()
        _publish_root(last)
        before, number = (last.hash, last.number) if last else (START, 0)
        fresh = (
            Event.objects.using("relay")
            .exclude(id__in=Link.objects.using("relay").values("event_id"))
            .order_by("at", "id")[:5000]
        )
        links, now = [], clock.now()
        for event in fresh:
            number += 1
            hashed = digest(before, _content(event), now)
            link = Link(number=number, event_id=event.id, before=before, hash=hashed, chained_at=now)
            before = link.hash
            links.append(link)
        Link.objects.using("relay").bulk_create(links)
    return len(links)


def _publish_root(last: Link | None) -> None:
    """Publish yesterday's root, once: the chain as it stands at the first relay of the new day."""
    yesterday = clock.now().date() - timedelta(days=1)
    if last and not Root.objects.using("relay").filter(day__gte=yesterday).exists():
        Root.objects.using("relay").create(day=yesterday, number=last.number, hash=last.hash)


def roots(limit: int = 400) -> list[Root]:
    """The published daily roots, newest first."""
    return list(Root.objects.using("relay").order_by("-day")[:limit])


def _joints() -> Iterator[Joint]:
    links = Link.objects.using("relay").order_by("number")
    batch: list[Link] = []
    for link in links.iterator(chunk_size=2000):
        batch.append(link)
        if len(batch) == 2000:
            yield from _joined(batch)
            batch = []
    yield from _joined(batch)


def _joined(batch: list[Link]) -> Iterator[Joint]:
    events = Event.objects.using("relay").in_bulk([link.event_id for link in batch])
    for link in batch:
        event = events.get(link.event_id)
        content = _content(event) if event else None
        yield Joint(link.number, link.event_id, link.before, link.hash, content, link.chained_at)


def verify() -> tuple[int, list[str]]:
    """(events chained, what is wrong with the chain). Events not yet chained are chained first."""
    while chain_new():
        continue
    hashes = dict(
        Link.objects.using("relay").filter(number__in=[r.number for r in roots()]).values_list("number", "hash")
    )
    broken = [f"the root of {root.day} is not in the chain" for root in roots() if hashes.get(root.number) != root.hash]
    return Link.objects.using("relay").count(), [*breaks(_joints()), *broken]
