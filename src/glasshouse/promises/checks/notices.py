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
    accepted = set(Acceptance.objects.filter(key_owner__in=persons).values_list("key_owner", flat=True))
    with probe.customers(1) as (customer,):
        with transaction.atomic():
            Acceptance.objects.filter(key_owner=customer.actor.person).delete()
        with access.organisation_transaction(customer.actor):
            visible_sites = Site.objects.count()
            entered = _enters(customer.organisation)
    figure = f"{len(accepted)} of {len(persons)} signed-in accounts have accepted; {wrong} acceptances of a version not in force"
    if visible_sites or entered:
        figure += "; a probe that accepted nothing got in"
    return judge(not wrong and not visible_sites and not entered, figure)


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
    wrong, announcements = [], []
    for version in Version.objects.filter(significant=True).exclude(published_at=None).order_by("published_at"):
        mails = Announcement.objects.filter(version=version).count()
        announcements.append(f"{version.document} {version.number}: {mails} told")
        if version.in_force_at is None:
            continue
        if version.announced_at is None or version.in_force_at < version.announced_at + timedelta(
            days=version.lead_days
        ):
            wrong.append(f"{version.document} {version.number} is in force before its time")
        concerned = Account.objects.filter(created_at__lt=min(version.in_force_at, clock.now()) - GRACE)
        key_owners = Announcement.objects.filter(version=version).values("key_owner")
        if left := concerned.exclude(person_id__in=key_owners).count():
            wrong.append(f"{version.document} {version.number} was not told to {left}")
    if not announcements:
        return nothing_to_check("0 significant versions so far")
    return judge(not wrong, "; ".join(wrong) or "; ".join(announcements[-2:]))
