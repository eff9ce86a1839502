"""Live checks of documents, choices and disclosures: PRI-01, PRI-03, PRI-05, PRI-08, PRI-15, PRI-16, PRI-23, PRI-25, PRI-27."""

from datetime import timedelta

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F, Q

from glasshouse.access import api as access
from glasshouse.accounts import api as accounts
from glasshouse.accounts.models import Account, Session
from glasshouse.accounts.own import STORAGE, own
from glasshouse.accounts.rules import Visit
from glasshouse.authorities.models import Demand
from glasshouse.consent import api as consent
from glasshouse.consent.models import Restriction, Stance
from glasshouse.consent.rules import PURPOSES, Ground
from glasshouse.disclosures.api import REQUIRED
from glasshouse.disclosures.models import Disclosure, Recipient
from glasshouse.greenhouse.models import Site
from glasshouse.kernel import clock, gate
from glasshouse.kernel.actor import JOB
from glasshouse.kernel.ids import HolderId, OrganisationId, new_id
from glasshouse.mail import api as mail
from glasshouse.mail.models import Message
from glasshouse.notices.models import Acceptance, Announcement, Version
from glasshouse.organisations import invitations
from glasshouse.promises import asked_fields as asking
from glasshouse.promises import probe
from glasshouse.promises.findings import Finding, judge
from glasshouse.requests import api as requests
from glasshouse.requests import email_links as links
from glasshouse.requests import referrals
from glasshouse.requests.models import Referral, Request
from glasshouse.rowsecurity.policies import restrictable
from glasshouse.sources import api as sources
from glasshouse.sources.models import Source
from glasshouse.vault import api as vault
from glasshouse.vault.envelope import EMPTY_BYTES
from glasshouse.vault.fields import unreadable

GRACE = timedelta(minutes=5)  # A newcomer is told of what is coming by the next beat.


def accepted() -> Finding:
    """PRI-01: every account that is in use has accepted versions that were in force; without that, no row of a customer opens."""
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


def withheld() -> Finding:
    """PRI-05: on the live pages where a person is asked, each field goes into the map, and what is required is needed."""
    wrong, count = [], 0
    with probe.customers(1) as (one,):
        session = accounts.sign_in(one.address, one.password, Visit(f"probe-{one.address}"))
        stranger, inside = probe.door(), probe.door(session=session.secret)
        for path in asking.ASKED:
            page = (inside if path.startswith(("/account", "/o/")) else stranger).get(path.format(one.organisation))
            if page.status_code != 200:
                wrong.append(f"{path} answers {page.status_code}")
            found = asking.fields_of(page.text)
            count += len(found)
            if not found and path != "/account/security/add/app":
                wrong.append(f"{path} asks for nothing any more")
            wrong += asking.flaws(path, page.text)
    figure = f"{count} fields on {len(asking.ASKED)} pages: each in the data map, each required one with its need"
    return judge(not wrong, "; ".join(wrong[:3]) or figure)


def announced() -> Finding:
    """PRI-03: each significant version was announced to everybody who had an account, and came into force after its time."""
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
    return judge(not wrong, "; ".join(wrong) or "; ".join(told[-2:]) or "0 significant versions so far")


def sourced() -> Finding:
    """PRI-08: each value of a third party has source, licence and purpose, as the database wants; its person was told in time."""
    total, bare, late = sources.standing()
    try:
        with transaction.atomic():
            full, empty = unreadable(EMPTY_BYTES + 1), unreadable(EMPTY_BYTES)
            Source.objects.create(
                kind="probe", name=full, licence=empty, purpose=full, written_by="probe", created_at=clock.now()
            )
            transaction.set_rollback(True)
        wrong = ["the database takes a source without a licence"]
    except IntegrityError:
        wrong = []
    if bare or late:
        wrong.append(f"{bare} values without provenance, {late} whose person was not told in time")
    return judge(
        not wrong,
        "; ".join(wrong) or f"{total} values of third parties, each with source, licence and purpose; 0 told late",
    )


def disclosed() -> Finding:
    """PRI-15: the gate lets out what the register covers and nothing else, the database the same; nothing went to nobody."""
    wrong, holder = [], HolderId(new_id())
    uncovered = gate.Outflow("probe", holder, frozenset({"user.name"}))
    try:
        with transaction.atomic():
            gate.leave(uncovered)
        wrong.append("the gate let a probe out by a road that nobody registered")
    except gate.UncoveredError:
        pass
    if _written(holder):
        wrong.append("the database took a disclosure to a recipient that is not live")
    strange = Disclosure.objects.filter(
        Q(first_at__lt=F("recipient__active_from")) | Q(last_at__gt=F("recipient__ended_at"))
    ).count()
    if strange:
        wrong.append(f"{strange} disclosures outside their recipient's time")
    if held := mail.refused():
        wrong.append(f"{held} mails wait at the gate")
    count, live = Disclosure.objects.count(), Recipient.objects.filter(ended_at=None).count()
    return judge(
        not wrong,
        "; ".join(wrong) or f"{count} disclosures, each to one of {live} registered recipients; a probe stayed in",
    )


def _written(holder: HolderId) -> bool:
    """Whether the database takes a disclosure to a recipient that is only announced; nothing of it stays."""
    now = clock.now()
    try:
        with transaction.atomic():
            coming = Recipient.objects.create(
                kind="other",
                **dict.fromkeys(REQUIRED, unreadable(EMPTY_BYTES + 1)),
                fields=["user.name"],
                written_by="probe",
                announced_at=now,
                active_from=now + timedelta(days=30),
            )
            with transaction.atomic():
                Disclosure.objects.create(holder=holder, recipient=coming, first_at=now, last_at=now)
            transaction.set_rollback(True)
            return True
    except DatabaseError:
        return False


def demanded() -> Finding:
    """PRI-16: each answered demand has two reviews by two people, no more than was asked, its person told or barred."""
    wrong = []
    rows = list(Demand.objects.exclude(outcome=""))
    today = clock.now().date()
    for one in rows:
        answered = one.outcome == "answered"
        if not one.first_by or not one.second_by or one.first_by == one.second_by:
            wrong.append(f"{one.id} lacks a second reviewer")
        if answered and not set(one.narrowed) <= set(one.asked):
            wrong.append(f"{one.id} gave more than was asked")
        if (
            answered
            and one.told_at is None
            and one.untellable_at is None
            and (one.barred_until is None or one.barred_until < today - timedelta(days=1))
        ):
            wrong.append(f"{one.id}: the person was not told")
    late = Demand.objects.filter(outcome="", due_at__lt=clock.now()).count()
    if late:
        wrong.append(f"{late} demands are late")
    return judge(
        not wrong, "; ".join(wrong[:3]) or f"{len(rows)} demands closed, each with two reviews, outcome and notice"
    )


def restricted() -> Finding:
    """PRI-23: of a probe person whose data is restricted, nobody reads a row, and the person reads all; storing goes on."""
    with probe.customers(1) as (one,):
        person = str(one.actor.person)
        with transaction.atomic():
            mail.keep_sent(HolderId(person), "probe", one.address, body="probe")
        before = _rows(person)
        consent.restrict(one.actor.alone, Ground.CLAIMS, "probe")
        others = _rows(person)
        with own(person):
            mine = _rows(person)
            consent.lift(one.actor.alone)
            Message.objects.filter(holder=person).delete()
            Restriction.objects.filter(holder=person).delete()
    figure = (
        f"{others} of {before} restricted rows of a probe read in {len(restrictable())} tables; {mine} by the person"
    )
    return judge(before > 0 and others == 0 and mine == before, figure)


def _rows(person: str) -> int:
    count = 0
    with connection.cursor() as cursor:
        for table, holder in restrictable().items():
            cursor.execute(f'SELECT count(*) FROM {table} WHERE "{holder}" = %s', [person])
            count += int(cursor.fetchone()[0])
    return count


def objected() -> Finding:
    """PRI-25: after a probe's objection, to each purpose, data is not used for it, and the database refuses a mail for it."""
    wrong = []
    with probe.customers(1) as (one,):
        holder = HolderId(str(one.actor.person))
        for purpose in PURPOSES:
            with transaction.atomic():
                consent.withdraw(one.actor.alone, purpose, "probe")
            if consent.may(holder, purpose):
                wrong.append(f"{purpose} goes on")
            if _mailed(holder, purpose):
                wrong.append(f"a mail for {purpose} was taken")
        Stance.objects.filter(holder=holder).delete()
    sent = _after_objection()
    if sent:
        wrong.append(f"{sent} mails against an objection")
    return judge(
        not wrong,
        "; ".join(wrong) or f"objections of a probe to {len(PURPOSES)} purposes each stopped it; 0 mails against one",
    )


def _mailed(holder: HolderId, purpose: str) -> bool:
    """Whether the database takes a mail for a purpose that its person has objected to, past the code that asks first."""
    now = clock.now()
    try:
        with transaction.atomic():
            Message(
                holder=holder,
                kind="probe",
                purpose=purpose,
                address="x",
                subject="x",
                body="x",
                created_at=now,
                next_try_at=now,
            ).save(force_insert=True)
            transaction.set_rollback(True)
    except DatabaseError:
        return False
    return True


def _after_objection() -> int:
    """Mails for a purpose, written after their person's newest word was no."""
    sql = (
        "SELECT count(*) FROM mail_message m WHERE m.purpose <> '' AND EXISTS (SELECT 1 FROM consent_stance s "
        "WHERE s.holder = m.holder AND s.purpose = m.purpose AND s.at < m.created_at AND s.state IN ('objected', "
        "'upheld', 'withdrawn') "
        "AND NOT EXISTS (SELECT 1 FROM consent_stance t WHERE t.holder = s.holder AND t.purpose = s.purpose "
        "AND t.at > s.at AND t.at < m.created_at))"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])


def referred() -> Finding:
    """PRI-27: a probe known to one customer only is brought to that one; another customer sees nothing of it; nobody is late."""
    address = f"probe{new_id()}@canary.invalid"
    with probe.customers(2) as (one, other):
        with access.acting(one.actor):  # The mail is taken out before it could leave.
            invitations.invite(one.actor, address, invitations.Offer("viewer"))
            holders = list(
                Message.objects.filter(address_hash=vault.lookup("address", address)).values_list("holder", flat=True)
            )
            Message.objects.filter(address_hash=vault.lookup("address", address)).delete()
        with transaction.atomic():
            number = requests.ask(address, "access", "other", "probe", requests.Arrival(network=address))
            proof = probe.taken_link(address, "prove")
        request, _, page = links.prove(proof)
        asked_first = not referrals.passed(one.actor)
        names = referrals.agree(page, [referrals.offered(page)[0].id])
        mine, theirs = referrals.passed(one.actor), referrals.passed(other.actor)
        good = asked_first and len(names) == 1 and [row.request_id for row in mine] == [number] and not theirs
        Message.objects.filter(holder__in=[request.holder, str(one.actor.person)]).delete()
        Request.objects.filter(id=number).delete()
        for holder in (request.holder, *holders):
            vault.destroy(HolderId(holder))
    late = _late()
    told = (
        "a probe was brought to the one customer that knows it" if good else "a probe was not brought to its customer"
    )
    return judge(good and not late, f"{told}; {late} referrals late without a reminder")


def _late() -> int:
    count = 0
    for organisation in access.all_organisations():
        with access.acting(JOB.within(OrganisationId(organisation))):
            mine = Referral.objects.filter(organisation_id=organisation, answered_at=None, warned_at=None)
            count += mine.filter(due_at__lt=clock.now() - timedelta(hours=1)).count()
    return count
