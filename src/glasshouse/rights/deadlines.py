"""What the worker does about requests' days: reminding officers, reminding of the proof, closing what nobody proves.

Source: PRI-28; GDPR Art. 12.
"""

from django.conf import settings
from django.db import transaction

from glasshouse.accounts.models import Account
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB
from glasshouse.kernel.ids import HolderId
from glasshouse.mail import api as mail
from glasshouse.rights import clocks, requests
from glasshouse.rights.models import Request


def give_up_due() -> int:
    """Remind, once, whoever has not proved their address, and close what nobody proved; returns how many. For the worker.

    Nobody waits for the answer to what a stranger asked under another's address. Source: GDPR Art. 12(6).
    """
    now, count = clock.now(), 0
    unproved = Request.objects.filter(closed_at=None, proved_at=None).exclude(channel__in=requests.PAPER)
    for one in unproved.filter(asked_at__lt=now - requests.PROOF / 2, reminded_at=None)[:200]:
        with transaction.atomic():
            requests.mail_again(one)
        count += 1
    for one in unproved.filter(asked_at__lt=now - requests.PROOF, reminded_at__lt=now - requests.PROOF / 2)[:200]:
        with transaction.atomic():
            requests.close(one, "nobody proved the address", "unproved")
            words = (
                "Nobody proved that this address asked us something, so we close the request; nothing was told to "
                "anybody. If it was you after all, "
                f"ask once more: {settings.ORIGIN}/privacy\n"
            )
            requests.write(one, "Your privacy request is closed", words)
            events.record(JOB, Kind.REQUEST_CLOSED, one.id, unproved=True)
        count += 1
    return count


def escalate_due() -> int:
    """Remind the officers of a region before the day, once, and everybody in the office when it has passed; returns how many.

    For the worker. Safe to repeat: what was told is noted in the transaction that queues the mails.
    """
    now, told = clock.now(), 0
    for step, moment in ((1, now + clocks.WARN), (2, now)):
        for one in Request.objects.filter(closed_at=None, due_at__lt=moment, escalated__lt=step)[:200]:
            with transaction.atomic():
                _remind(one, everybody=step == 2)
                Request.objects.filter(id=one.id).update(escalated=step)
                events.record(JOB, Kind.REQUEST_ESCALATED, one.id, step=step)
            told += 1
    return told


def _remind(request: Request, *, everybody: bool) -> None:
    state = "is past its deadline" if everybody else f"is to be answered by {request.due_at:%Y-%m-%d}"
    text = f"The request {request.id} ({request.kind}, {request.law}) {state}: {settings.ORIGIN}/staff/requests\n"
    for account in Account.objects.select_related("person").filter(staff_role="privacy"):
        if everybody or requests.covers(account.id)(request.region):
            holder, address = HolderId(account.person_id), account.person.address
            mail.queue(holder, "deadline", address, subject=f"A privacy request {state}", body=text)
