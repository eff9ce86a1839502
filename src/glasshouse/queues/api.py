"""Work through the items of a queue, so that one that fails stops none behind it.

Rules:
1. One process at a time works on an item: a lock of the database, which goes with the connection of whoever holds it.
2. The try is written, and committed, before the work begins; so it counts even if the process dies in the middle.
3. An item that fails waits, longer each time, and is set aside after MAX_TRIES, for staff to look at.
4. Of an error its class and our own code's place are stored and logged, never its text, which may hold personal data.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from typing import TypeVar

import structlog
from django.db import DatabaseError, connection, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Cast, Concat, Least
from procrastinate.contrib.django import app as door

from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import NotFoundError, stack_of
from glasshouse.kernel.ids import new_id
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.queues import progress, rules
from glasshouse.queues.models import Failure

log = structlog.stdlib.get_logger("glasshouse.queues")
Row = TypeVar("Row", bound=models.Model)
# Begins a try, unless the item waits, was set aside, or has had all its tries. One statement: two processes cannot both begin.
BEGIN = """
INSERT INTO queues_failure (id, queue, item, tries, tried_at, next_try_at, reason, place)
VALUES (%(id)s, %(queue)s, %(item)s, 1, %(now)s, %(next)s, %(died)s, '')
ON CONFLICT (queue, item) DO UPDATE SET tries = least(queues_failure.tries + 1, %(most)s), tried_at = %(now)s,
  next_try_at = %(next)s, reason = %(died)s, place = ''
WHERE queues_failure.next_try_at <= %(now)s AND queues_failure.set_aside_at IS NULL
RETURNING tries
"""


def defer(task: str, queue: str, **ids: str) -> None:
    """Have the worker run a task, in the caller's transaction. task: its registered name; ids: its arguments, opaque ids only.

    Tasks are named here and not imported: a task calls the verbs that defer it.
    """
    door.configure_task(task, queue=queue).defer(**ids)


@contextmanager
def claimed(queue: str, item: str) -> Iterator[bool]:
    """Whether this process alone may work on an item for the length of the block; False: another one does.

    The lock belongs to the database connection, so it outlives transactions and ends with the process. It is for work that
    takes several transactions; work within one also locks its row.
    """
    key = f"{queue}:{item}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [key])
        (is_locked,) = cursor.fetchone()
    try:
        yield bool(is_locked)
    finally:
        if is_locked:
            with suppress(DatabaseError), connection.cursor() as cursor:  # A connection that is gone holds no lock.
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])


def ready(rows: "models.QuerySet[Row]", queue: str, column: str = "pk", prefix: str = "") -> "models.QuerySet[Row]":
    """The rows without those whose item (prefix and the id in column) waits for its next try or was set aside."""
    waiting = Q(next_try_at__gt=clock.now()) | Q(set_aside_at__isnull=False)
    return rows.filter(~models.Exists(_failures(queue, column, prefix).filter(waiting)))


def not_left(rows: "models.QuerySet[Row]", queue: str, column: str = "pk", prefix: str = "") -> "models.QuerySet[Row]":
    """The rows without those whose item staff have looked at and left set aside: nothing waits for them any more."""
    return rows.filter(~models.Exists(_failures(queue, column, prefix).exclude(seen_at=None)))


def _failures(queue: str, column: str, prefix: str) -> "models.QuerySet[Failure]":
    item = Concat(models.Value(prefix), Cast(models.OuterRef(column), models.CharField()))
    return Failure.objects.filter(queue=queue, item=item)


def each(queue: str, items: Iterable[str], act: Callable[[str], object]) -> int:
    """Act on each item that is ready; returns how many were done. Called within a transaction, it keeps no try of a dead process.

    act: does one item, in transactions of its own, and may be repeated; it returns False where there was nothing (left) to do.
    """
    count = 0
    for item in items:
        progress.report()
        count += attempt(queue, item, act)
    return count


def attempt(queue: str, item: str, act: Callable[[str], object]) -> bool:
    """Try one item now, if it is ready and nobody else works on it; whether it was done."""
    with claimed(queue, item) as is_claimed:
        if not is_claimed or not _begun(queue, item):
            return False
        try:
            with transaction.atomic() if connection.in_atomic_block else nullcontext():
                result = act(item)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is noted, and is this item's alone
            failed(queue, item, error)
            return False
        Failure.objects.filter(queue=queue, item=item).delete()
        return result is not False


def each_within(
    queue: str, rows: Iterable[Row], act: Callable[[Row], object], name: Callable[[Row], str] = lambda row: str(row.pk)
) -> int:
    """Act on each row in the caller's transaction, a savepoint each; returns how many were done. For large batches.

    The caller has locked what it works on. A failure is noted in the caller's transaction, which therefore must end well.
    name: the item's opaque name.
    """
    finished = []
    for row in rows:
        progress.report()
        try:
            with transaction.atomic():
                act(row)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is noted, and is this item's alone
            count_failure(queue, name(row), error)
        else:
            finished.append(name(row))
    Failure.objects.filter(queue=queue, item__in=finished).delete()
    return len(finished)


def guarded(queue: str, item: str, act: Callable[[], object]) -> bool:
    """Act now, whatever happened before; returns whether it succeeded. For what is safe to repeat and is scheduled again anyway.

    A failure is counted and shown to staff after the last try, and never raised.
    """
    progress.report()
    try:
        act()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is noted, and is this item's alone
        count_failure(queue, item, error)
        return False
    Failure.objects.filter(queue=queue, item=item).delete()
    return True


def count_try(queue: str, item: str) -> int:
    """Count a try of an item that another mechanism runs and delays; returns its number, from 1. Call `failed` where it fails."""
    with transaction.atomic():
        now = clock.now()
        failure, _ = Failure.objects.select_for_update().get_or_create(
            queue=queue, item=item, defaults={"tried_at": now, "next_try_at": now}
        )
        failure.tries, failure.tried_at = min(failure.tries + 1, rules.MOST_COUNTED), now
        failure.reason, failure.place = rules.DIED, ""
        failure.save()
    return failure.tries


def _begun(queue: str, item: str) -> bool:
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT tries FROM queues_failure WHERE queue = %s AND item = %s", [queue, item])
        tries = (cursor.fetchone() or (0,))[0]
        if tries >= rules.MAX_TRIES:
            # Every try was begun and none came to an end, not even a bad one: the process died of it each time.
            Failure.objects.filter(queue=queue, item=item, set_aside_at=None).update(set_aside_at=now)
            return False
        upcoming = now + rules.wait_before(tries + 1)
        values: dict[str, str | int | datetime] = {
            "id": new_id(),
            "queue": queue,
            "item": item,
            "now": now,
            "next": upcoming,
            "died": rules.DIED,
            "most": rules.MOST_COUNTED,
        }
        cursor.execute(BEGIN, values)
        return cursor.fetchone() is not None


def failed(queue: str, item: str, error: BaseException) -> None:
    """Note why a try failed that was counted when it began; the last one sets the item aside."""
    now = clock.now()
    with transaction.atomic():
        failure = Failure.objects.select_for_update().filter(queue=queue, item=item).first()
        if failure is None:
            failure = Failure(queue=queue, item=item, tries=1)
        failure.tried_at, failure.next_try_at = now, now + rules.wait_before(failure.tries)
        failure.reason, failure.place = rules.reason_of(error), rules.place_of(error.__traceback__)
        failure.set_aside_at = failure.set_aside_at or (now if failure.tries >= rules.MAX_TRIES else None)
        failure.save()
    _log(queue, item, failure.tries, error)


def count_failure(queue: str, item: str, error: BaseException) -> None:
    """Count a try that failed and was not counted when it began."""
    with transaction.atomic():
        Failure.objects.filter(queue=queue, item=item).update(tries=Least(F("tries") + 1, rules.MOST_COUNTED))
        failed(queue, item, error)


def worked(queue: str, item: str) -> None:
    """Note that an item works again."""
    Failure.objects.filter(queue=queue, item=item).delete()


def _log(queue: str, item: str, tries: int, error: BaseException) -> None:
    kind, stack = type(error).__name__, stack_of(error)
    log.error("queue item failed", queue=queue, item=item, tries=tries, error=kind, stack=stack)


# -- what staff see ------------------------------------------------------------------------------------------------


def set_aside(*, seen: bool, after: str, most: int) -> Piece[Failure]:
    """A piece of the items that were set aside, the newest first.

    seen: those that staff have looked at; after, most: as in `piece_of`.
    """
    rows = Failure.objects.exclude(set_aside_at=None).filter(seen_at__isnull=not seen)
    return piece_of(rows, after, by="-tried_at", most=most)


def unseen() -> int:
    """How many items were set aside and not looked at."""
    return Failure.objects.exclude(set_aside_at=None).filter(seen_at=None).count()


@transaction.atomic
def try_again(actor: Actor, failure: str) -> None:
    """Have an item tried again from the start, at the next turn of its job. That the actor may is asked one layer up.

    Raises NotFoundError.
    """
    now = clock.now()
    rows = Failure.objects.filter(id=failure).exclude(set_aside_at=None)
    if not rows.update(tries=0, next_try_at=now, set_aside_at=None, seen_at=None):
        raise NotFoundError
    events.record(actor.alone, Kind.ITEM_RETRIED, failure)


@transaction.atomic
def leave(actor: Actor, failure: str) -> None:
    """Leave an item set aside: staff have looked at it. Raises NotFoundError."""
    if not Failure.objects.filter(id=failure).exclude(set_aside_at=None).update(seen_at=clock.now()):
        raise NotFoundError
    events.record(actor.alone, Kind.ITEM_LEFT, failure)
