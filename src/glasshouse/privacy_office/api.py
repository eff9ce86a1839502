"""Verbs of the privacy officer's desk: figures, deletion runs, assessments, restrictions.

Each raises NotFoundError for anybody but a privacy officer. Source: PRI-18, PRI-23, PRI-28; GDPR Art. 35.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Count, F, Q, QuerySet
from django.template.defaultfilters import floatformat
from django.utils.translation import gettext

from glasshouse.access import api as access
from glasshouse.access.models import Organisation
from glasshouse.access.permissions import Permission
from glasshouse.accounts import api as accounts
from glasshouse.accounts.models import Person
from glasshouse.accounts.own import own
from glasshouse.consent import api as consent
from glasshouse.consent.models import ConsentRecord, Restriction
from glasshouse.consent.rules import PURPOSES
from glasshouse.disclosures import passing_on
from glasshouse.disclosures.passing_on import Subject
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.mail import api as mail
from glasshouse.privacy_office.held import ListedHold, held_by_people, listed
from glasshouse.privacy_office.models import Assessment
from glasshouse.probes import api as probes
from glasshouse.queues import api as queues
from glasshouse.requests.kind_titles import KIND_TITLES
from glasshouse.requests.legal_deadlines import LAWS
from glasshouse.requests.models import Request
from glasshouse.retention import api as retention
from glasshouse.retention.models import DeletionRun, Statistic
from glasshouse.subject import waiting
from glasshouse.subject.waiting import WaitCounts
from glasshouse.vault.datamap import people_rows
from glasshouse.vault.fields import readable
from glasshouse.vault.processing import activities

FORMS_A_PIECE = 30
RISKS = ("low", "medium", "high")
LAW_TITLES = {law.id: law.short for law in LAWS.values()}
REVIEW = timedelta(days=365)
MEDIAN_DAYS = (
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM closed_at - asked_at) / 86400) "
    f"FROM {Request._meta.db_table} WHERE closed_at IS NOT NULL AND NOT id = ANY (%s)"
)


@dataclass(frozen=True, slots=True)
class AssessedPurpose:
    """A purpose of the record of processing, with its newest assessment, if there is one. due: it needs a new one."""

    purpose: str
    newest: Assessment | None
    due: bool


class Figure(NamedTuple):
    """A figure of the privacy requests, in plain words."""

    title: str
    value: str


class PurposeCounts(NamedTuple):
    """How many persons are in which state (of `consent.rules.State`) of a purpose."""

    title: str
    persons_by_state: dict[str, int]


@dataclass(frozen=True, slots=True)
class Desk:
    """All that the officer's page shows. due: rows that the next deletion run deletes; restricted: live restrictions.

    waiting: how many erasures and closings wait, for the end of a legal hold and for the worker.
    set_aside: how many mails and items of jobs failed in every try, and nobody has looked at.
    """

    figures: list[Figure]
    consent_records: list[PurposeCounts]
    legal_holds: Piece[ListedHold]
    waiting: WaitCounts
    deletion_runs: list[DeletionRun]
    due: int
    restricted: Piece[Restriction]
    statistics: Piece[Statistic]
    set_aside: int


class Begun(NamedTuple):
    """After which rows the pieces of the desk's lists begin, as in `piece_of`; "": at the beginning."""

    restricted: str = ""
    holds: str = ""
    statistics: str = ""


BEGINNING = Begun()


def desk(actor: Actor, begun: Begun = BEGINNING) -> Desk:
    """The officer's desk, with a piece of each of its lists."""
    access.require_staff(actor, Permission.DESK_READ)
    now, viewer = clock.now(), str(actor.account)
    of_checks = probes.hidden_from(viewer, Request)
    persons_of_checks = probes.hidden_from(viewer, Person)
    live_now = Restriction.objects.filter(Q(lifts_at=None) | Q(lifts_at__gt=now))
    restrictions = live_now.exclude(id__in=probes.hidden_from(viewer, Restriction))
    restricted = piece_of(restrictions, begun.restricted, by="-at", most=FORMS_A_PIECE)
    holds = held_by_people(viewer, begun.holds)
    due = sum(retention.due().values())
    return Desk(
        _figures(of_checks),
        _consent_records(persons_of_checks),
        holds.of(listed(holds)),
        waiting.counts(of_checks | persons_of_checks | probes.hidden_from(viewer, Organisation)),
        retention.deletion_runs(10),
        due,
        restricted.of(readable(restricted)),
        retention.statistics(begun.statistics),
        mail.unseen() + queues.unseen(),
    )


def assessed(actor: Actor) -> list[AssessedPurpose]:
    """Every purpose of the record of processing, with its newest assessment."""
    access.require_staff(actor, Permission.DESK_READ)
    return _assessed()


def _figures(of_checks: Collection[str] = ()) -> list[Figure]:
    """Counted by the database: the page costs the same however many requests there are. of_checks: requests left out."""
    people = Request.objects.exclude(id__in=of_checks)
    late = Q(closed_at__gt=F("due_at")) | Q(closed_at=None, due_at__lt=clock.now())
    totals = people.aggregate(
        asked=Count("pk"),
        answered=Count("closed_at"),
        refused=Count("pk", filter=Q(outcome="refused")),
        extended=Count("extended_at"),
        late=Count("pk", filter=late),
    )
    with connection.cursor() as cursor:
        cursor.execute(MEDIAN_DAYS, [list(of_checks)])
        median_days = cursor.fetchone()[0]
    return [
        Figure("requests", f"{totals['asked']} ({_counts(people, 'kind', KIND_TITLES) or gettext('none yet')})"),
        Figure("by law", _counts(people, "law", LAW_TITLES) or "–"),
        Figure(
            "answered",
            _answered(totals["answered"], median_days),
        ),
        Figure("refused", str(totals["refused"])),
        Figure("extended", str(totals["extended"])),
        Figure("late", str(totals["late"])),
    ]


def _answered(count: int, median_days: float | None) -> str:
    if median_days is None:
        return str(count)
    return gettext("%(count)s, half of them within %(days)s days") % {
        "count": count,
        "days": floatformat(median_days, 1),
    }


def _counts(requests: "QuerySet[Request]", column: str, titles: dict[str, str]) -> str:
    rows = requests.values_list(column).annotate(count=Count("pk")).order_by("-count", column)
    return ", ".join(f"{gettext(titles.get(value, value))} {count}" for value, count in rows)


def _consent_records(of_checks: Collection[str] = ()) -> list[PurposeCounts]:
    """of_checks: persons left out."""
    newest = (
        ConsentRecord.objects.exclude(key_owner__in=of_checks)
        .order_by("key_owner", "purpose", "-at", "-id")
        .distinct("key_owner", "purpose")
        .values("pk")
    )
    counts: dict[str, dict[str, int]] = {}
    rows = ConsentRecord.objects.filter(pk__in=newest).values_list("purpose", "state").annotate(count=Count("pk"))
    for purpose, state, count in rows.order_by("purpose", "state"):
        counts.setdefault(purpose, {})[state] = count
    return [PurposeCounts(purpose.title, counts.get(purpose.id, {})) for purpose in PURPOSES.values()]


def _assessed() -> list[AssessedPurpose]:
    assessments = readable(Assessment.objects.order_by("at"))
    newest: dict[str, Assessment] = {assessment.purpose: assessment for assessment in assessments}
    today = clock.now().date()
    purposes = dict.fromkeys(
        activity.purpose[:200] for activity in activities(people_rows([])) if activity.classification == "personal"
    )
    return [
        AssessedPurpose(purpose, newest.get(purpose), purpose not in newest or newest[purpose].review_at < today)
        for purpose in purposes
    ]


@transaction.atomic
def assess(actor: Actor, purpose: str, risk: str, text: str) -> None:
    """Note an assessment of a purpose; a new one is due after a year. risk: of RISKS. Raises InvalidError, NotFoundError."""
    access.require_staff(actor, Permission.PURPOSE_ASSESS)
    if risk not in RISKS or not text.strip() or len(text) > 20_000:
        raise InvalidError("Say how high the risk is, and why; what lowers it.", field="text")
    if purpose not in {assessed.purpose for assessed in _assessed()}:
        raise InvalidError("Choose a purpose from the record of processing.", field="purpose")
    now = clock.now()
    assessment = Assessment(
        purpose=purpose,
        risk=risk,
        text=text,
        by=actor.id,
        at=now,
        review_at=date.fromisoformat(f"{now + REVIEW:%Y-%m-%d}"),
    )
    assessment.save(force_insert=True)
    Assessment.objects.filter(purpose=purpose).exclude(
        id=assessment.id
    ).delete()  # One is kept until there is a newer one.
    events.record(actor, Kind.ASSESSMENT_NOTED, assessment.id, risk=risk)


def lift(actor: Actor, number: str, reason: str) -> None:
    """Lift a restriction, with notice to its person. Raises InvalidError, NotFoundError."""
    access.require_staff(actor, Permission.RESTRICTION_LIFT)
    live = Restriction.objects.filter(id=number, lifts_at=None).first()
    if live is None:
        raise NotFoundError
    with own(live.key_owner), transaction.atomic():  # The law wants the person told, and whoever received the data.
        address = live.address or accounts.address_of(KeyOwnerId(live.key_owner))
        lifts_at = consent.lift_for(actor, KeyOwnerId(live.key_owner), address, reason)
        passing_on.tell_lifted(Subject(KeyOwnerId(live.key_owner), address), lifts_at)
