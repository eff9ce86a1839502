"""Checks of restriction and objection: PRI-23, PRI-25."""

from django.db import DatabaseError, connection, transaction

from glasshouse.accounts.own import own
from glasshouse.consent import api as consent
from glasshouse.consent.models import ConsentRecord, Restriction
from glasshouse.consent.rules import PURPOSES, Ground
from glasshouse.kernel import clock
from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.mail import api as mail
from glasshouse.mail.models import Message
from glasshouse.promises import probe
from glasshouse.promises.findings import Finding, judge
from glasshouse.promises.registry import check
from glasshouse.rowsecurity.policies import restrictable


@check("PRI-23")
def restriction() -> Finding:
    """Of a probe person whose data is restricted, nobody reads a row, and the person reads all; storing goes on."""
    with probe.customers(1) as (customer,):
        person = str(customer.actor.person)
        with transaction.atomic():
            mail.keep_sent(KeyOwnerId(person), "probe", customer.address, body="probe")
        before = _rows(person)
        consent.restrict(customer.actor.alone, Ground.CLAIMS, "probe")
        others = _rows(person)
        with own(person):
            by_person = _rows(person)
            consent.lift(customer.actor.alone)
            Message.objects.filter(key_owner=person).delete()
            Restriction.objects.filter(key_owner=person).delete()
    figure = f"{others} of {before} restricted rows of a probe read in {len(restrictable())} tables; {by_person} by the person"
    return judge(before > 0 and others == 0 and by_person == before, figure)


def _rows(person: str) -> int:
    count = 0
    with connection.cursor() as cursor:
        for table, key_owner in restrictable().items():
            cursor.execute(f'SELECT count(*) FROM {table} WHERE "{key_owner}" = %s', [person])
            count += int(cursor.fetchone()[0])
    return count


@check("PRI-25")
def objection() -> Finding:
    """After a probe's objection, to each purpose, data is not used for it, and the database refuses a mail for it."""
    wrong = []
    with probe.customers(1) as (customer,):
        key_owner = KeyOwnerId(str(customer.actor.person))
        for purpose in PURPOSES:
            with transaction.atomic():
                consent.withdraw(customer.actor.alone, purpose, "probe")
            if consent.may(key_owner, purpose):
                wrong.append(f"{purpose} goes on")
            if _mailed(key_owner, purpose):
                wrong.append(f"a mail for {purpose} was taken")
        ConsentRecord.objects.filter(key_owner=key_owner).delete()
    sent = _after_objection()
    if sent:
        wrong.append(f"{sent} mails against an objection")
    return judge(
        not wrong,
        "; ".join(wrong) or f"objections of a probe to {len(PURPOSES)} purposes each stopped it; 0 mails against one",
    )


def _mailed(key_owner: KeyOwnerId, purpose: str) -> bool:
    """Whether the database accepts a mail for a purpose that its person has objected to, without the code that checks first."""
    now = clock.now()
    try:
        with transaction.atomic():
            Message(
                key_owner=key_owner,
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
        "WHERE s.key_owner = m.key_owner AND s.purpose = m.purpose AND s.at < m.created_at AND s.state IN ('objected', "
        "'upheld', 'withdrawn') "
        "AND NOT EXISTS (SELECT 1 FROM consent_stance t WHERE t.key_owner = s.key_owner AND t.purpose = s.purpose "
        "AND t.at > s.at AND t.at < m.created_at))"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])
