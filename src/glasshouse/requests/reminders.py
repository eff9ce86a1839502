"""The worker's jobs for legal deadlines: reminding officers, reminding of the confirmation link, closing what nobody confirms.

Source: PRI-28; GDPR Art. 12.
"""

from collections.abc import Callable
from functools import partial

from django.db import transaction
from django.db.models import Q, QuerySet

from glasshouse.accounts import api as accounts
from glasshouse.accounts import languages
from glasshouse.accounts.models import Account
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB
from glasshouse.kernel.ids import AccountId, KeyOwnerId
from glasshouse.mail import api as mail
from glasshouse.queues import api as queues
from glasshouse.requests import answering, legal_deadlines
from glasshouse.requests import api as requests
from glasshouse.requests.kind_titles import KIND_TITLES
from glasshouse.requests.laws import LAWS
from glasshouse.requests.models import Request
from glasshouse.requests.worklist import covers


def give_up_due() -> int:
    """Mail the link once more where the address is not confirmed, and later close the request; returns how many. For the worker.

    Who asks under another person's address gets no answer. Source: GDPR Art. 12(6).
    """
    now = clock.now()
    # Where an agent named no address, an officer finds out who asks.
    of_address = Request.objects.filter(closed_at=None, proved_at=None, no_address=False)
    unconfirmed = of_address.exclude(channel__in=requests.PAPER)
    to_remind = unconfirmed.filter(asked_at__lt=now - requests.CONFIRM_WITHIN / 2, reminded_at=None)
    # A request by mail is closed whether or not there was a mail left for a reminder: a flood of forged ones would stay.
    # One whose link was not mailed yet is not.
    unreminded = Q(channel="mail", reminded_at=None, link_waits=False)
    is_reminded = Q(reminded_at__lt=now - requests.CONFIRM_WITHIN / 2) | unreminded
    # One that speaks of law, a breach, a court or an authority is looked at by an officer first (proofs.seen).
    is_unread = Q(needs_look=True, seen_at=None)
    to_close = unconfirmed.filter(is_reminded, asked_at__lt=now - requests.CONFIRM_WITHIN).exclude(is_unread)
    count = 0
    for queue, rows, act in (
        ("rights.remind", to_remind, _remind_of_link),
        ("rights.give-up", to_close, _give_up),
    ):
        count += queues.each(queue, _ids(rows, queue), partial(_claimed, rows, act=act))
    return count


def _ids(rows: "QuerySet[Request]", queue: str) -> list[str]:
    return list(queues.ready(rows, queue).order_by("asked_at").values_list("id", flat=True)[:200])


def _claimed(rows: "QuerySet[Request]", number: str, act: Callable[[Request], None]) -> bool:
    """Act on a request if it is still one of these rows, and no other process has it."""
    with transaction.atomic():
        request = rows.select_for_update(skip_locked=True).filter(id=number).first()
        if request is None:
            return False
        act(request)
    return True


def _may_write(request: Request) -> bool:
    """Whether a program may write to the address of a request now: that of a mail may be forged."""
    return request.channel != "mail" or answering.may_answer(request.address)


def _remind_of_link(request: Request) -> None:
    if _may_write(request):
        requests.mail_again(request)


def mail_waiting_links() -> int:
    """Mail the links of mailed requests that could not be answered at once; returns how many. For the worker."""
    waiting = Request.objects.filter(closed_at=None, proved_at=None, link_waits=True, asked_at__lte=clock.now())
    return queues.each("rights.link", _ids(waiting, "rights.link"), partial(_claimed, waiting, act=_mail_waiting_link))


def _mail_waiting_link(request: Request) -> None:
    if _may_write(request):
        request.link_waits = False
        request.save(update_fields=["link_waits"])
        requests.mail_link(request, requests.fresh_link(request))


def _give_up(request: Request) -> None:
    requests.close(request, "nobody confirmed the address", "unproved")
    if _may_write(request):
        requests.write(request, "requests/mails/unconfirmed", {})
    events.record(JOB, Kind.REQUEST_CLOSED, request.id, unproved=True)


def escalate_due() -> int:
    """Remind a region's officers, and who it is assigned to, once before the deadline; every officer when it has passed.

    Returns how many requests. For the worker. Safe to repeat: a reminder is noted in the transaction that queues its mails.
    """
    now, count = clock.now(), 0
    for step, moment in ((1, now + legal_deadlines.WARN), (2, now)):
        rows = Request.objects.filter(closed_at=None, due_at__lt=moment, escalated__lt=step)
        queue, act = f"rights.escalate-{step}", partial(_escalate, step)
        count += queues.each(queue, _ids(rows, queue), partial(_claimed, rows, act=act))
    return count


def _escalate(step: int, request: Request) -> None:
    _remind(request, everybody=step == 2)
    Request.objects.filter(id=request.id).update(escalated=step)
    events.record(JOB, Kind.REQUEST_ESCALATED, request.id, step=step)


def _remind(request: Request, *, everybody: bool) -> None:
    values: mail.Values = {"number": request.id, "kind": KIND_TITLES[request.kind], "law": LAWS[request.law].title}
    if everybody:
        reminder = mail.Templated("requests/mails/overdue", values)
    else:
        reminder = mail.Templated("requests/mails/due", {**values, "due_at": request.due_at})
    officers = list(Account.objects.filter(staff_role="privacy").values_list("id", flat=True))
    for account, person in accounts.people([AccountId(officer) for officer in officers]).items():
        if everybody or account == request.assigned_to or covers(account)(request.region):
            draft = mail.draft(reminder.template, reminder.values, language=languages.of_person(person))
            mail.queue_draft(KeyOwnerId(person.id), "deadline", person.address, draft)
