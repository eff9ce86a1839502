"""Checks of privacy requests: PRI-26, PRI-27, PRI-28."""

import smtplib
import ssl
from datetime import timedelta
from email.message import EmailMessage

from django.conf import settings
from django.db import connection, transaction

from glasshouse.access import api as access
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB
from glasshouse.kernel.ids import KeyOwnerId, OrganisationId, new_id
from glasshouse.mail.models import Message
from glasshouse.organisations import invitations
from glasshouse.promises import probe
from glasshouse.promises.findings import Finding, judge, nothing_to_check
from glasshouse.promises.registry import check
from glasshouse.requests import api as requests
from glasshouse.requests import email_links, referrals
from glasshouse.requests.legal_deadlines import LAWS
from glasshouse.requests.models import Referral, Request
from glasshouse.vault import api as vault

LONGEST_WAIT = timedelta(minutes=15)


@check("PRI-26")
def request_by_mail() -> Finding:
    """A probe mail to the privacy address opens a request, its answer is queued, and the queue's mails do leave."""
    address = f"probe{new_id()}@canary.invalid"
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = address, "privacy@localhost", "Please erase me"
    letter.set_content("I want to be forgotten.")
    context = ssl.create_default_context(cafile=settings.TLS_FOLDER / "ca.crt")
    with smtplib.SMTP("localhost", settings.MAIL_PORT, timeout=20) as server:
        server.starttls(context=context)
        server.send_message(letter)
    request = Request.objects.filter(address_hash=vault.lookup("address", address)).first()
    answered = request is not None and Message.objects.filter(key_owner=request.key_owner, kind="privacy").exists()
    kind = request.kind if request else ""
    if request:
        Message.objects.filter(key_owner=request.key_owner).delete()
        request.delete()
        vault.destroy(KeyOwnerId(request.key_owner))
    if not answered or kind != "erase":
        return judge(False, "a probe mail became no request")
    stuck = _stuck_mail()
    return judge(not stuck, stuck or "a probe mail became a request to erase, and was answered; no mail waits long")


def _stuck_mail() -> str:
    """What keeps mail from leaving; "" if nothing does. A queued row is no delivered mail, so this reads the table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE set_aside_at IS NULL AND created_at < %(old)s), "
            "min(created_at) FILTER (WHERE set_aside_at IS NULL), "
            "count(*) FILTER (WHERE set_aside_at IS NOT NULL AND seen_at IS NULL) "
            "FROM mail_message WHERE sent_at IS NULL",
            {"old": clock.now() - LONGEST_WAIT},
        )
        late, oldest, set_aside = cursor.fetchone()
    wrong = []
    if late:
        minutes = int((clock.now() - oldest).total_seconds() // 60)
        wrong.append(f"{late} queued mails wait for more than 15 minutes, the oldest for {minutes}")
    if set_aside:
        wrong.append(f"{set_aside} set aside that nobody has looked at")
    return "; ".join(wrong)


@check("PRI-27")
def referral() -> Finding:
    """A probe known to one customer only is brought to that one; another customer sees nothing of it; nobody is late."""
    address = f"probe{new_id()}@canary.invalid"
    with probe.customers(2) as (customer, other):
        with access.organisation_transaction(customer.actor):  # The mail is taken out before it could leave.
            invitations.invite(customer.actor, address, invitations.Offer("viewer"))
            key_owners = list(
                Message.objects.filter(address_hash=vault.lookup("address", address)).values_list(
                    "key_owner", flat=True
                )
            )
            Message.objects.filter(address_hash=vault.lookup("address", address)).delete()
        with transaction.atomic():
            number = requests.ask(address, "access", "other", "probe", requests.Arrival(network=address))
            proof = probe.taken_link(address, "prove")
        confirmed = email_links.confirm(proof)
        request, page = confirmed.request, confirmed.page_secret
        asked_first = not referrals.passed(customer.actor)
        names = referrals.agree(page, [referrals.offered(page)[0].id])
        own_referrals, foreign_referrals = referrals.passed(customer.actor), referrals.passed(other.actor)
        good = (
            asked_first
            and len(names) == 1
            and [row.request_id for row in own_referrals] == [number]
            and not foreign_referrals
        )
        Message.objects.filter(key_owner__in=[request.key_owner, str(customer.actor.person)]).delete()
        Request.objects.filter(id=number).delete()
        for key_owner in (request.key_owner, *key_owners):
            vault.destroy(KeyOwnerId(key_owner))
    late = _late()
    figure = (
        "a probe was brought to the one customer that knows it" if good else "a probe was not brought to its customer"
    )
    return judge(good and not late, f"{figure}; {late} referrals late without a reminder")


def _late() -> int:
    count = 0
    for organisation in access.all_organisations():
        with access.organisation_transaction(JOB.for_organisation(OrganisationId(organisation))):
            unanswered = Referral.objects.filter(organisation_id=organisation, answered_at=None, warned_at=None)
            count += unanswered.filter(due_at__lt=clock.now() - timedelta(hours=1)).count()
    return count


@check("PRI-28")
def legal_deadlines() -> Finding:
    """No open request is past its deadline; an extension moves it only as far as the law allows."""
    late, total = requests.overdue(), Request.objects.count()
    if not total:
        return nothing_to_check("0 requests so far")
    return judge(
        late == 0,
        f"{late} of {total} requests overdue" if late else f"0 of {total} requests overdue, {len(LAWS)} laws' clocks",
    )
