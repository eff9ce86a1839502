"""The privacy officer's desk: figures, holds, certificates, assessments, restrictions. Raises NotFoundError for anybody else."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from django.db import transaction

from glasshouse.accounts import api as accounts
from glasshouse.accounts.own import own
from glasshouse.consent import api as consent
from glasshouse.consent.models import Restriction, Stance
from glasshouse.consent.rules import PURPOSES
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import HolderId
from glasshouse.mail import api as mail
from glasshouse.queues import api as queues
from glasshouse.retention import api as retention
from glasshouse.retention.models import Hold, Statistic, Sweep
from glasshouse.rights.models import Assessment, Request
from glasshouse.vault.datamap import people_rows
from glasshouse.vault.processing import activities

RISKS = ("low", "medium", "high")
REVIEW = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Assessed:
    """A purpose of the record of processing, with its newest assessment, if there is one."""

    purpose: str
    newest: Assessment | None
    due: bool


@dataclass(frozen=True, slots=True)
class Desk:
    """All that the officer's page shows. figures: (what, how many); restricted: (restriction's id, person, since, ends).

    set_aside: how many mails and items of jobs failed in every try, and nobody has looked at.
    """

    figures: list[tuple[str, str]]
    stances: list[tuple[str, dict[str, int]]]
    holds: list[Hold]
    sweeps: list[Sweep]
    due: int
    restricted: list[Restriction]
    assessed: list[Assessed]
    statistics: list[Statistic]
    set_aside: int


def desk(actor: Actor) -> Desk:
    """The officer's desk."""
    accounts.require_officer(actor)
    now = clock.now()
    live = [one for one in Restriction.objects.order_by("at") if one.lifts_at is None or one.lifts_at > now]
    due = sum(retention.due().values())
    return Desk(
        _figures(),
        _stances(),
        retention.holds(),
        retention.certificates(10),
        due,
        live,
        _assessed(),
        retention.statistics(),
        mail.unseen() + queues.unseen(),
    )


def _figures() -> list[tuple[str, str]]:
    rows = list(Request.objects.values_list("kind", "law", "outcome", "asked_at", "closed_at", "due_at", "extended_at"))
    days = [(closed - asked).total_seconds() / 86_400 for _, _, _, asked, closed, _, _ in rows if closed]
    late = sum(1 for row in rows if (row[4] or clock.now()) > row[5])
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(row[0] for row in rows).most_common())
    laws = ", ".join(f"{count} {law}" for law, count in Counter(row[1] for row in rows).most_common())
    return [
        ("requests", f"{len(rows)} ({kinds or 'none yet'})"),
        ("by law", laws or "–"),
        ("answered", f"{len(days)}, after {median(days):.1f} days in the middle" if days else "0"),
        ("refused", str(sum(row[2] == "refused" for row in rows))),
        ("extended", str(sum(row[6] is not None for row in rows))),
        ("late", str(late)),
    ]


def _stances() -> list[tuple[str, dict[str, int]]]:
    newest: dict[tuple[str, str], str] = {}
    for holder, purpose, state in Stance.objects.order_by("at", "id").values_list("holder", "purpose", "state"):
        newest[holder, purpose] = state
    return [
        (one.title, dict(Counter(state for (_, purpose), state in newest.items() if purpose == one.id)))
        for one in PURPOSES.values()
    ]


def _assessed() -> list[Assessed]:
    newest: dict[str, Assessment] = {one.purpose: one for one in Assessment.objects.order_by("at")}
    today = clock.now().date()
    purposes = dict.fromkeys(one.purpose[:200] for one in activities(people_rows([])) if one.klass == "personal")
    return [Assessed(one, newest.get(one), one not in newest or newest[one].review_at < today) for one in purposes]


@transaction.atomic
def assess(actor: Actor, purpose: str, risk: str, text: str) -> None:
    """Note an assessment of a purpose; it is due again after a year. Raises InvalidError, NotFoundError."""
    accounts.require_officer(actor)
    if risk not in RISKS or not text.strip() or len(text) > 20_000:
        raise InvalidError("Say how high the risk is, and why; what lowers it.", field="text")
    if purpose not in {one.purpose for one in _assessed()}:
        raise InvalidError("Choose a purpose from the record of processing.", field="purpose")
    now = clock.now()
    made = Assessment(
        purpose=purpose,
        risk=risk,
        text=text,
        by=actor.id,
        at=now,
        review_at=date.fromisoformat(f"{now + REVIEW:%Y-%m-%d}"),
    )
    made.save(force_insert=True)
    events.record(actor, Kind.ASSESSMENT_NOTED, made.id, risk=risk)


def hold(actor: Actor, address: str, reason: str, days: int) -> None:
    """Hold a person's data, found by address. Raises InvalidError, NotFoundError."""
    accounts.require_officer(actor)
    if not reason.strip():
        raise InvalidError("Name the law or the court that makes us keep it.", field="reason")
    whom = accounts.actor_of_address(address)
    retention.hold(HolderId(str(whom.person)), actor.id, reason, days)


def end_hold(actor: Actor, number: str) -> None:
    """End a hold now. Raises NotFoundError."""
    accounts.require_officer(actor)
    retention.end_hold(actor, number)


def lift(actor: Actor, restriction: str, reason: str) -> None:
    """Lift a restriction, with notice to its person. Raises InvalidError, NotFoundError."""
    accounts.require_officer(actor)
    found = Restriction.objects.filter(id=restriction, lifts_at=None).first()
    if found is None:
        raise NotFoundError
    with own(found.holder):  # The law wants the person told.
        address = found.address or accounts.address_of(HolderId(found.holder))
        consent.lift_for(actor, HolderId(found.holder), address, reason)
