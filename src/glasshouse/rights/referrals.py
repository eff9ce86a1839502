"""Verbs of referrals: a person whom only a customer knows is brought to that customer.

Rules: what is passed is the request itself, to the organisation that entered the address, with a day of its own. The
person is told
of organisations that have written to them before, and of no other. One customer never learns of another. Source: PRI-27.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from glasshouse.access import api as access
from glasshouse.access.models import Invitation, Membership, Organisation
from glasshouse.access.permissions import Permission, Role
from glasshouse.accounts import api as accounts
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB, Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import AccountId, HolderId, OrganisationId
from glasshouse.mail import api as mail
from glasshouse.queues import api as queues
from glasshouse.rights import requests
from glasshouse.rights.models import Letter, Referral, Request

WARNING = "rights.warn-referral"
DAYS = timedelta(days=14)
ADDRESSED = (str(Role.PRIVACY_CONTACT), str(Role.ADMINISTRATOR))


@dataclass(frozen=True, slots=True)
class Passed:
    """A request as the customer sees it."""

    id: str
    request: Request
    letters: list[Letter]
    due_at: object
    late: bool
    answered_at: object


def refer(request: Request) -> list[str]:
    """Pass a proved request to each customer that entered its address, where nobody else knows the person; returns their names.

    Safe to repeat.
    """
    if request.proved_at is None or not request.address or accounts.address_known(request.address):
        return []
    with access.acting(JOB), connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT organisation_id FROM glasshouse_invitations_for(%s)", [request.address_hash])
        found = [OrganisationId(row[0]) for row in cursor.fetchall()]
    return [_pass(request, one) for one in found]


def _pass(request: Request, organisation: OrganisationId) -> str:
    job, now = JOB.within(organisation), clock.now()
    with access.acting(job):
        name = str(Organisation.objects.get(id=organisation).name)
        if Referral.objects.filter(organisation_id=organisation, request_id=request.id).exists():
            return name
        due = min(now + DAYS, request.due_at)
        made = Referral(organisation_id=organisation, request_id=request.id, asked_at=now, due_at=due)
        made.save(force_insert=True)
        Request.objects.filter(id=request.id).update(referrals=F("referrals") + 1)
        _tell_contacts(organisation, f"A person asks about their data. Please answer by {due:%Y-%m-%d}")
        events.record(job, Kind.REQUEST_REFERRED, made.id)
    return name


def _tell_contacts(organisation: OrganisationId, subject: str) -> None:
    """Mail to the organisation's privacy contacts and administrators, in a transaction of the organisation's job."""
    rows = Membership.objects.filter(organisation_id=organisation, role__in=ADDRESSED)
    text = (
        f"Somebody whose address your organisation entered asks about it: {settings.ORIGIN}/o/{organisation}/privacy\n"
    )
    for person in accounts.people([AccountId(row.account_id) for row in rows]).values():
        mail.queue(HolderId(person.id), "referral", person.address, subject=subject, body=text)


def passed(actor: Actor) -> list[Passed]:
    """Requests that were passed to the actor's organisation, the open ones first. Raises ForbiddenError."""
    with access.acting(actor):
        access.require(actor, Permission.REFERRAL_ANSWER)
        access.saw(actor, "referrals", [])
        rows = list(
            Referral.objects.filter(organisation_id=actor.organisation).order_by("-answered_at", "due_at")[:200]
        )
        known = {one.id: one for one in Request.objects.filter(id__in=[row.request_id for row in rows])}
        found = [
            Passed(
                row.id,
                known[row.request_id],
                # What the operator and other customers wrote is not this customer's to see.
                list(Letter.objects.filter(request_id=row.request_id, sender="person").order_by("at")),
                row.due_at,
                row.answered_at is None and row.due_at < clock.now(),
                row.answered_at,
            )
            for row in rows
            if row.request_id in known
        ]
    return sorted(found, key=lambda one: one.answered_at is not None)


def answer(actor: Actor, referral: str, text: str, *, delete: bool) -> None:
    """Answer as the customer; delete: what the organisation entered of the person goes. Raises InvalidError, NotFoundError."""
    with access.acting(actor):
        access.require(actor, Permission.REFERRAL_ANSWER)
        mine = Referral.objects.select_for_update().filter(organisation_id=actor.organisation, answered_at=None)
        found = mine.filter(id=referral).first()
        if found is None:
            raise NotFoundError
        if not text.strip() or len(text) > requests.MOST_TEXT:
            raise InvalidError("Write what the person should hear.", field="text")
        request = Request.objects.select_for_update().get(id=found.request_id)
        found.answered_at, found.answered_by = clock.now(), actor.id
        found.save(update_fields=["answered_at", "answered_by"])
        if delete:
            Invitation.objects.filter(organisation_id=actor.organisation, address_hash=request.address_hash).delete()
        name = access.organisation_of(actor).name
        requests.write(request, f"The answer of {name}", f"{name} answers:\n\n{text}\n")
        events.record(actor, Kind.REFERRAL_ANSWERED, found.id, deleted=delete)


def warn_due() -> int:
    """Remind customers whose day has passed, once; returns how many. For the worker."""
    told = 0
    for organisation in access.all_organisations():
        with access.acting(JOB.within(organisation)):
            late = Referral.objects.filter(organisation_id=organisation, answered_at=None, warned_at=None)
            due = queues.ready(late.filter(due_at__lt=clock.now()), WARNING)
            numbers = list(due.values_list("id", flat=True))
        told += queues.each(WARNING, numbers, partial(_warn, organisation))
    return told


def _warn(organisation: OrganisationId, number: str) -> bool:
    with access.acting(JOB.within(organisation)):
        rows = Referral.objects.select_for_update(skip_locked=True).filter(
            id=number, organisation_id=organisation, answered_at=None, warned_at=None
        )
        if rows.first() is None:
            return False
        _tell_contacts(organisation, "A person still waits for your answer about their data")
        Referral.objects.filter(id=number).update(warned_at=clock.now())
    return True


@transaction.atomic
def tell_person(request: Request, names: list[str]) -> None:
    """Tell the person whom their request was passed to; these organisations have written to them before."""
    whom = ", ".join(names)
    text = (
        f"We ourselves have no account for this address. It was entered by: {whom}, which invited you. Your request "
        f"is with them now, "
        "and we watch that they answer. You may also turn to them yourself.\n"
    )
    requests.write(request, "Who answers your privacy request", text)
