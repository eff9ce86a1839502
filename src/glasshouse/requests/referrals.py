"""Verbs of referrals: the request of a person whom only a customer knows is passed to that customer, if the person agrees.

Rules: nothing is passed before the person has agreed on a page that says what goes to whom. What is passed is what the person
asks for (the kind) and the address, to the organisation that entered the address, with a deadline of its own; never the person's
text: it may be about that very organisation. The person is told of organisations that have written to them before, and of no
other. One customer never learns of another. Source: PRI-27; GDPR Art. 5(1)(c).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext

from glasshouse.access import api as access
from glasshouse.access.models import Membership, Organisation
from glasshouse.access.permissions import Permission, Role
from glasshouse.accounts import api as accounts
from glasshouse.accounts import languages
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, JOB, Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import AccountId, KeyOwnerId, OrganisationId
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.mail import api as mail
from glasshouse.organisations.models import Invitation
from glasshouse.probes import api as probes
from glasshouse.queues import api as queues
from glasshouse.requests import api as requests
from glasshouse.requests import email_links
from glasshouse.requests.models import Passing, Referral, Request, RequestKind, RequestMessage
from glasshouse.requests.passed import passed_to
from glasshouse.vault.fields import readable

WARNING = "rights.warn-referral"
ANSWER_WITHIN = timedelta(days=14)
A_PIECE = 30
NEVER = datetime(9999, 1, 1, tzinfo=UTC)  # what is open comes before what is answered
# What a customer can do with what it entered. Anything else stays with the officer.
PASSED = frozenset(
    (
        RequestKind.ACCESS,
        RequestKind.COPY,
        RequestKind.CORRECT,
        RequestKind.ERASE,
        RequestKind.OBJECT,
        RequestKind.RESTRICT,
    )
)
ADDRESSED = (str(Role.PRIVACY_CONTACT), str(Role.ADMINISTRATOR))


@dataclass(frozen=True, slots=True)
class PassedRequest:
    """A request as the customer sees it: what is asked for and by whom; nothing of what the person wrote.

    kind: a value of RequestKind. agreed: whether the person agreed to it; an older version passed requests on without asking.
    answer: what was answered.
    """

    id: str
    request_id: str
    kind: str
    address: str
    due_at: datetime
    late: bool
    answered_at: datetime | None
    agreed: bool
    answer: str


class Customer(NamedTuple):
    """An organisation that entered a person's address, as that person may know it."""

    id: OrganisationId
    name: str


def offered(secret: str) -> list[Customer]:
    """The organisations to which the request of a guest's page may be passed; empty once the person has decided.

    Raises NotFoundError.
    """
    return customers_of(email_links.of_page(secret))


def customers_of(request: Request) -> list[Customer]:
    """The organisations that entered a confirmed request's address, where nobody else knows the person, until it is decided.

    A question is none of theirs: the officer answers it.
    """
    undecided = request.closed_at is None and not request.passing and request.kind in PASSED
    if request.proved_at is None or not undecided or not request.address or accounts.address_known(request.address):
        return []
    with access.organisation_transaction(JOB), connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT organisation_id FROM glasshouse_invitations_for(%s)", [request.address_hash])
        organisations = [OrganisationId(row[0]) for row in cursor.fetchall()]
    customers = [Customer(organisation, _name_of(organisation)) for organisation in organisations]
    return sorted((customer for customer in customers if customer.name), key=lambda customer: customer.name)


def _name_of(organisation: OrganisationId) -> str:
    """An organisation's name; "" where it is closed."""
    with access.organisation_transaction(JOB.for_organisation(organisation)):
        row = Organisation.objects.filter(id=organisation).first()
        return str(row.name) if row else ""


def names_passed_to(secret: str) -> list[str]:
    """The names of the organisations to which the request of a guest's page was passed. Raises NotFoundError."""
    request = email_links.of_page(secret)
    customers = passed_to([request.id]).get(request.id, [])
    return sorted(filter(None, (_name_of(customer.organisation) for customer in customers)))


def agree(secret: str, organisations: Sequence[str]) -> list[str]:
    """Pass the request of a guest's page to these of the offered organisations; returns their names.

    Raises InvalidError, NotFoundError. Safe to repeat where it was cut off.
    """
    request = email_links.of_page(secret)
    chosen = [customer for customer in customers_of(request) if customer.id in organisations]
    if not chosen or len(chosen) != len(set(organisations)):
        raise InvalidError(
            gettext("Choose at least one organisation of the list, or do not pass the request on."),
            field="organisation",
        )
    for customer in chosen:
        _pass(request, customer.id)
    names = [customer.name for customer in chosen]
    with transaction.atomic():
        _decide(request, Passing.AGREED)
        tell_person(request, names)
    return names


def decline(secret: str) -> None:
    """Have nothing passed on: the privacy officer answers. Raises InvalidError, NotFoundError."""
    with transaction.atomic():
        _decide(email_links.of_page(secret), Passing.DECLINED)


def _decide(request: Request, passing: Passing) -> None:
    rows = Request.objects.filter(id=request.id, passing="", closed_at=None)
    if not rows.update(passing=passing):
        raise InvalidError(gettext("You have decided this already, or the request is closed."), field="act")
    events.record(ANONYMOUS, Kind.REFERRAL_DECIDED, request.id, agreed=passing == Passing.AGREED)


def _pass(request: Request, organisation: OrganisationId) -> None:
    job, now = JOB.for_organisation(organisation), clock.now()
    with access.organisation_transaction(job):
        Request.objects.select_for_update().get(id=request.id)  # One after the other: nothing is passed twice.
        if Referral.objects.filter(organisation_id=organisation, request_id=request.id).exists():
            return
        due = min(now + ANSWER_WITHIN, request.due_at)
        referral = Referral(organisation_id=organisation, request_id=request.id, asked_at=now, due_at=due)
        referral.save(force_insert=True)
        Request.objects.filter(id=request.id).update(referrals=F("referrals") + 1)
        asked = mail.Templated("requests/mails/referral_asked", {"due_at": due, "organisation": organisation})
        _tell_contacts(organisation, asked)
        events.record(job, Kind.REQUEST_REFERRED, referral.id)


def _tell_contacts(organisation: OrganisationId, news: mail.Templated) -> None:
    """Mail to the organisation's privacy contacts and administrators, in a transaction of the organisation's job."""
    rows = Membership.objects.filter(organisation_id=organisation, role__in=ADDRESSED)
    for person in accounts.people([AccountId(row.account_id) for row in rows]).values():
        draft = mail.draft(news.template, news.values, language=languages.of_person(person))
        mail.queue_draft(KeyOwnerId(person.id), "referral", person.address, draft)


def passed(actor: Actor, after: str = "") -> Piece[PassedRequest]:
    """A piece of the requests that were passed to the actor's organisation, the open ones first, then what was answered last.

    after: as in `piece_of`. Raises ForbiddenError.
    """
    with access.organisation_transaction(actor):
        access.require(actor, Permission.REFERRAL_ANSWER)
        access.record_access(actor, "referrals", [])
        every = Referral.objects.filter(organisation_id=actor.organisation)
        rows = piece_of(
            every.annotate(ended=Coalesce("answered_at", Value(NEVER))), after, by=("-ended", "due_at"), most=A_PIECE
        )
        requests_by_id = {
            request.id: request for request in readable(Request.objects.filter(id__in=[row.request_id for row in rows]))
        }
        answers = RequestMessage.objects.filter(
            sender="customer", referral__in=[row.id for row in rows if row.answered_at]
        )
        texts = {message.referral: message.text for message in readable(answers)}
        passed_requests = [
            PassedRequest(
                row.id,
                row.request_id,
                requests_by_id[row.request_id].kind,
                requests_by_id[row.request_id].address,
                row.due_at,
                row.answered_at is None and row.due_at < clock.now(),
                row.answered_at,
                requests_by_id[row.request_id].passing == Passing.AGREED,
                texts.get(row.id, ""),
            )
            for row in rows
            if row.request_id in requests_by_id
        ]
    return rows.of(passed_requests)


def answer(actor: Actor, number: str, text: str, *, delete: bool) -> None:
    """Answer as the customer. delete: delete the organisation's invitations to the person. Raises InvalidError, NotFoundError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.REFERRAL_ANSWER)
        unanswered = Referral.objects.select_for_update().filter(organisation_id=actor.organisation, answered_at=None)
        referral = unanswered.filter(id=number).first()
        if referral is None:
            raise NotFoundError
        if not text.strip() or len(text) > requests.MOST_TEXT:
            raise InvalidError("Write what the person should hear.", field="text")
        request = Request.objects.select_for_update().get(id=referral.request_id)
        referral.answered_at, referral.answered_by = clock.now(), actor.id
        referral.save(update_fields=["answered_at", "answered_by"])
        if delete:
            Invitation.objects.filter(organisation_id=actor.organisation, address_hash=request.address_hash).delete()
        name = access.organisation_of(actor).name
        requests.write(
            request, "requests/mails/referral_answer", {"organisation": name, "text": text}, referral=referral.id
        )
        events.record(actor, Kind.REFERRAL_ANSWERED, referral.id, deleted=delete)


def warn_due() -> int:
    """Remind customers whose deadline has passed, once; returns how many. For the worker."""
    return _warn_each(_late())


def warn_for_probes() -> int:
    """The same for promise checks' own customers, and for nobody else. For the worker: a check cannot wait for minutes."""
    return _warn_each([OrganisationId(number) for probe in probes.living() for number in probes.organisations(probe)])


def _warn_each(organisations: list[OrganisationId]) -> int:
    count = 0
    for organisation in organisations:
        with access.organisation_transaction(JOB.for_organisation(organisation)):
            late = Referral.objects.filter(organisation_id=organisation, answered_at=None, warned_at=None)
            due = queues.ready(late.filter(due_at__lt=clock.now()), WARNING)
            numbers = list(due.values_list("id", flat=True))
        count += queues.each(WARNING, numbers, partial(_warn, organisation))
    return count


def _late() -> list[OrganisationId]:
    with access.organisation_transaction(JOB), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM glasshouse_late_referrals(%s)", [clock.now()])
        return [OrganisationId(row[0]) for row in cursor.fetchall()]


def _warn(organisation: OrganisationId, number: str) -> bool:
    with access.organisation_transaction(JOB.for_organisation(organisation)):
        rows = Referral.objects.select_for_update(skip_locked=True).filter(
            id=number, organisation_id=organisation, answered_at=None, warned_at=None
        )
        if rows.first() is None:
            return False
        _tell_contacts(organisation, mail.Templated("requests/mails/referral_late", {"organisation": organisation}))
        Referral.objects.filter(id=number).update(warned_at=clock.now())
    return True


def tell_person(request: Request, names: list[str]) -> None:
    """Tell the person, in the caller's transaction, whom the request was passed to, as they agreed."""
    requests.write(request, "requests/mails/passed", {"organisations": names})
