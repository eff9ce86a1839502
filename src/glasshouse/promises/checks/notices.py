"""Checks of documents, their acceptance and announced changes: PRI-01, PRI-03."""

from datetime import timedelta

from django.db import DatabaseError, transaction
from django.db.models import F, Q

from glasshouse.access import api as access
from glasshouse.accounts.models import Account, Session
from glasshouse.accounts.own import STORAGE, own
from glasshouse.greenhouse.models import Site
from glasshouse.kernel import clock
from glasshouse.notices.models import Acceptance, Announcement, Version
from glasshouse.promises import probe
from glasshouse.promises.findings import Finding, judge, nothing_to_check
from glasshouse.promises.registry import check

GRACE = timedelta(minutes=5)  # A newcomer is told of what is coming by the next scheduled job.


@check("PRI-01")
def acceptance() -> Finding:
    """Every account that is in use has accepted versions that were in force; without that, no row of a customer opens."""
    wrong = Acceptance.objects.filter(Q(version__in_force_at=None) | Q(version__in_force_at__gt=F("at"))).count()
    now = clock.now()
    used = Session.objects.filter(pending=False, expires_at__gt=now).values_list("account__person_id", flat=True)
    persons = set(Account.objects.filter(person_id__in=list(used)).values_list("person_id", flat=True))
    done = set(Acceptance.objects.filter(holder__in=persons).values_list("holder", flat=True))
    with probe.customers(1) as (one,):
        with transaction.atomic():
            Acceptance.objects.filter(holder=one.actor.person).delete()
        with access.acting(one.actor):
            seen = Site.objects.count()
            entered = _enters(one.organisation)
    told = (
        f"{len(done)} of {len(persons)} signed-in accounts have accepted; {wrong} acceptances of a version not in force"
    )
    if seen or entered:
        told += "; a probe that accepted nothing got in"
    return judge(not wrong and not seen and not entered, told)


def _enters(organisation: str) -> bool:
    """Whether the one who acts may write a row of the organisation."""
    try:
        with transaction.atomic():
            Site.objects.create(organisation_id=organisation, name="probe", facts={}, created_at=clock.now())
    except DatabaseError:
        return False
    return True


@check("PRI-03")
def announcements() -> Finding:
    """Each significant version was announced to everybody who had an account, and came into force after its time."""
    with own(STORAGE):  # Whose data is restricted has to be told, too.
        return _announced()


def _announced() -> Finding:
    wrong, told = [], []
    for one in Version.objects.filter(significant=True).exclude(published_at=None).order_by("published_at"):
        mails = Announcement.objects.filter(version=one).count()
        told.append(f"{one.document} {one.number}: {mails} told")
        if one.in_force_at is None:
            continue
        if one.announced_at is None or one.in_force_at < one.announced_at + timedelta(days=one.lead_days):
            wrong.append(f"{one.document} {one.number} is in force before its time")
        concerned = Account.objects.filter(created_at__lt=min(one.in_force_at, clock.now()) - GRACE)
        holders = Announcement.objects.filter(version=one).values("holder")
        if left := concerned.exclude(person_id__in=holders).count():
            wrong.append(f"{one.document} {one.number} was not told to {left}")
    if not told:
        return nothing_to_check("0 significant versions so far")
    return judge(not wrong, "; ".join(wrong) or "; ".join(told[-2:]))
