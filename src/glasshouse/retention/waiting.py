"""Verbs of erasures that wait for the end of a legal hold: noted once, and done by `subject.waiting`. Source: PRI-18, PRI-24."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import NotFoundError
from glasshouse.retention.models import HoldOn, WaitingErasure


@transaction.atomic
def enter(actor: Actor, scope: HoldOn, subject: str) -> WaitingErasure:
    """Note that an erasure waits; a second time changes nothing. subject: the person, the guest's request, or the customer."""
    erasure, is_new = WaitingErasure.objects.get_or_create(
        subject=subject, defaults={"scope": scope, "account": str(actor.account or ""), "asked_at": clock.now()}
    )
    if is_new:
        events.record(actor.alone, Kind.ERASURE_WAITS, erasure.id)
    return erasure


def of(*subjects: str) -> WaitingErasure | None:
    """The first erasure that waits of a person, of one of a guest's requests, or of a customer."""
    return WaitingErasure.objects.filter(subject__in=subjects).order_by("asked_at").first()


def among(subjects: list[str]) -> set[str]:
    """Those among persons, requests and customers whose erasure waits."""
    return set(WaitingErasure.objects.filter(subject__in=subjects).values_list("subject", flat=True))


def subjects() -> "QuerySet[WaitingErasure, Any]":
    """The persons, requests and customers whose erasure waits, as a part of another question."""
    return WaitingErasure.objects.values("subject")


@transaction.atomic
def withdraw(actor: Actor, subject: str) -> None:
    """Have an erasure that waits not be done: who asked has changed their mind. Raises NotFoundError."""
    erasure = take(subject)
    if erasure is None:
        raise NotFoundError("No erasure waits.")
    events.record(actor.alone, Kind.ERASURE_WITHDRAWN, erasure.id)


def take(subject: str) -> WaitingErasure | None:
    """Take the note of an erasure away that is done, in the caller's transaction; None where it did not wait."""
    erasure = WaitingErasure.objects.select_for_update().filter(subject=subject).first()
    if erasure is not None:
        WaitingErasure.objects.filter(id=erasure.id).delete()
    return erasure
