"""What was asked for under a legal hold is done when the hold ends: erasures of persons and guests, closed organisations.

Who asked need not ask again, and gets a mail that says that it is done. Source: PRI-18, PRI-24; GDPR Art. 17(3).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from glasshouse.access import api as access
from glasshouse.accounts import api as accounts
from glasshouse.accounts import languages
from glasshouse.accounts.own import own
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, JOB, Actor, ActorKind
from glasshouse.kernel.ids import AccountId, KeyOwnerId, OrganisationId, PersonId
from glasshouse.mail import api as mail
from glasshouse.queues import api as queues
from glasshouse.requests.email_links import of_page
from glasshouse.requests.models import Request
from glasshouse.retention import legal_holds, waiting
from glasshouse.retention.models import HoldOn, LegalHold, WaitingErasure
from glasshouse.sources import api as sources
from glasshouse.subject import erasure as rights
from glasshouse.subject.closing import close_organisation

FINISHING, OBJECTED = "retention.finish-waiting", "sources.forget-objected"
BATCH = 50


@dataclass(frozen=True, slots=True)
class Wait:
    """An erasure that waits, as its page shows it. holds: those that may be told.

    is_held: a legal hold keeps it, told or not; without one it is carried out by the worker's next turn, unless obstacles, in
    plain words, stand in its way.
    """

    asked_at: datetime
    holds: list[LegalHold]
    is_held: bool
    obstacles: list[str]


class WaitCounts(NamedTuple):
    """How many erasures and closings wait. held: for the end of a legal hold; free: for the worker's next turn only."""

    held: int
    free: int


def of_person(actor: Actor) -> Wait | None:
    """The erasure of the actor's person that waits."""
    erasure = waiting.of(str(actor.person))
    if erasure is None:
        return None
    plan = rights.plan(actor)
    return Wait(erasure.asked_at, plan.shown_holds, bool(plan.holds), plan.obstacles)


def of_guest(secret: str) -> Wait | None:
    """The erasure that waits of the guest whose page a secret opens. Raises NotFoundError."""
    address_hash = of_page(secret).address_hash
    erasure = waiting.of(*rights.requests_at(address_hash))
    holds = legal_holds.on_address(address_hash)
    return Wait(erasure.asked_at, legal_holds.may_show(holds), bool(holds), []) if erasure else None


def holds_of_guest(secret: str) -> list[LegalHold]:
    """The holds for whose end an erasure by the guest would wait, as far as they may be told. Raises NotFoundError."""
    return legal_holds.may_show(legal_holds.on_address(of_page(secret).address_hash))


def of_closing(organisation: str) -> Wait | None:
    """The closing of an organisation that waits; only a hold on the organisation itself is told to its members."""
    erasure = waiting.of(organisation)
    if erasure is None:
        return None
    return Wait(erasure.asked_at, holds_of_closing(organisation), bool(legal_holds.on_organisation(organisation)), [])


def holds_of_closing(organisation: str) -> list[LegalHold]:
    """The holds for whose end closing an organisation would wait, as far as its members may be told."""
    own_holds = [hold for hold in legal_holds.on_organisation(organisation) if hold.key_owner == organisation]
    return legal_holds.may_show(own_holds)


def withdraw(actor: Actor) -> None:
    """Have the actor's person not be erased when the hold ends. Raises NotFoundError."""
    waiting.withdraw(actor, str(actor.person))


def withdraw_as_guest(secret: str) -> None:
    """Have what is held of the guest's address not be erased when the hold ends. Raises NotFoundError."""
    erasure = waiting.of(*rights.requests_at(of_page(secret).address_hash))
    waiting.withdraw(ANONYMOUS, erasure.subject if erasure else "")


def finish_due() -> int:
    """Do what waits for no legal hold any more; returns how many. For the worker. Safe to repeat."""
    queues.guarded(OBJECTED, "held", sources.forget_objected)
    ready = queues.ready(WaitingErasure.objects.order_by("asked_at"), FINISHING)
    free = [erasure.id for erasure in ready if not _holds(erasure)]
    return queues.each(FINISHING, free[:BATCH], _finish)


def counts(left_out: Collection[str] = ()) -> WaitCounts:
    """How many erasures and closings wait, for a legal hold and for the worker. left_out: ids of persons, requests, customers."""
    held = [bool(_holds(erasure)) for erasure in WaitingErasure.objects.exclude(subject__in=left_out)]
    return WaitCounts(sum(held), len(held) - sum(held))


def freed_by(number: str) -> int:
    """How many erasures and closings would be carried out if a legal hold ended: no other one keeps them."""
    return sum(
        [legal_hold.id for legal_hold in _holds(erasure)] == [number] for erasure in WaitingErasure.objects.all()
    )


def _holds(erasure: WaitingErasure) -> list[LegalHold]:
    if erasure.scope == HoldOn.PERSON:
        return legal_holds.on_person(erasure.subject)
    if erasure.scope == HoldOn.ORGANISATION:
        return legal_holds.on_organisation(erasure.subject)
    request = Request.objects.filter(id=erasure.subject).first()
    return legal_holds.on_address(request.address_hash) if request else []


def _finish(number: str) -> bool:
    erasure = WaitingErasure.objects.filter(id=number).first()
    if erasure is None:
        return False
    return {HoldOn.PERSON: _erase_person, HoldOn.ADDRESS: _erase_guest, HoldOn.ORGANISATION: _close}[
        HoldOn(erasure.scope)
    ](erasure)


def _erase_person(erasure: WaitingErasure) -> bool:
    """Erase a person, unless something else stands in the way by now: that is on their page, and it is tried again."""
    account, person = AccountId(erasure.account), PersonId(erasure.subject)
    kind = ActorKind.STAFF if accounts.is_staff(account) else ActorKind.PERSON
    actor = Actor(kind, account, person, proved_at=clock.now())
    with own(person):
        plan = rights.plan(actor)
        return not plan.obstacles and not plan.holds and not rights.erase(actor).waits


def _erase_guest(erasure: WaitingErasure) -> bool:
    request = Request.objects.filter(id=erasure.subject).first()
    if request is None:  # Its three years are over, and with it went what confirmed the address.
        waiting.take(erasure.subject)
        return False
    rights.erase_address(request)
    return True


def _close(erasure: WaitingErasure) -> bool:
    organisation = OrganisationId(erasure.subject)
    job = JOB.for_organisation(organisation)
    with access.organisation_transaction(job):
        closing = access.organisation_or_none(job)
        name = closing.name if closing else ""
    close_organisation(organisation)
    person = KeyOwnerId(accounts.person_id(AccountId(erasure.account)))
    with own(person), transaction.atomic():
        if waiting.take(organisation) and (address := accounts.address_of(person)):
            draft = mail.draft(
                "subject/mails/closed_after_hold",
                {"name": name, "asked_at": erasure.asked_at},
                language=languages.of_key_owner(person),
            )
            mail.queue_draft(person, "announcement", address, draft)
    return True
