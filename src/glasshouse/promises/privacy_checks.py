"""Live checks of a person's rights and of retention: PRI-18, PRI-19, PRI-21, PRI-22, PRI-24."""

import io
import json
import smtplib
import ssl
import zipfile
from collections import Counter
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from glasshouse.accounts.models import Person
from glasshouse.kernel import clock
from glasshouse.kernel.ids import HolderId, new_id
from glasshouse.mail import api as mail
from glasshouse.mail.models import Message
from glasshouse.promises import evidence, probe
from glasshouse.promises.findings import Finding, judge
from glasshouse.requests import api as requests
from glasshouse.requests.legal_deadlines import LAWS
from glasshouse.requests.models import Request
from glasshouse.retention import api as retention
from glasshouse.subject import erasure as rights
from glasshouse.subject import exports as copies
from glasshouse.subject import inventory as views
from glasshouse.vault import api as vault
from glasshouse.vault.datamap import kept_of
from glasshouse.vault.envelope import KeyDestroyedError

LONGEST_WAIT = timedelta(minutes=15)
GRACE = timedelta(days=2)  # A sweep comes once a day.


def none_too_old() -> Finding:
    """PRI-18: no row has outlived its rule by more than two days, unless it is held."""
    found = {table: count for table, count in retention.due(GRACE).items() if count}
    ruled = sum(bool(kept_of(model)) for model in retention.ours())
    told = ", ".join(f"{count} rows of {table}" for table, count in found.items())
    return judge(
        not found, f"too old: {told}" if found else f"0 rows older than their rule in {ruled} tables that have one"
    )


def swept() -> Finding:
    """PRI-19: a row that has outlived its rule is gone after a sweep, and its key with it."""
    holder, canary = HolderId(new_id()), f"canary{new_id()}"
    old = clock.now() - timedelta(days=400)
    with transaction.atomic():
        row = Message.objects.create(
            holder=holder,
            kind="probe",
            address=canary,
            subject=canary,
            body=canary,
            created_at=old,
            next_try_at=old,
            sent_at=old,
        )
    vault.age(holder, old)
    retention.sweep()
    there = Message.objects.filter(id=row.id).exists()
    opened = _opens(row)
    _, found = evidence.holding(Path(settings.DATA_FOLDER), [canary])
    wrong = [
        text
        for text, bad in (("the row is there", there), ("its key opens it", opened), ("it is readable", bool(found)))
        if bad
    ]
    return judge(
        not wrong, f"after a sweep {', '.join(wrong)}" if wrong else "a probe row and its key were gone after a sweep"
    )


def _opens(row: Message) -> bool:
    vault.forget_opened()
    try:
        vault.seal(b"x", place=("mail_message", "body", row.holder))
    except KeyDestroyedError:
        return False
    return True


def seen() -> Finding:
    """PRI-21: the view holds as many sealed values as a raw look at every table finds, and reaches every personal column."""
    with probe.customers(1) as (one,):
        place = {item.place for item in views.view(one.actor)}
        rows = list(views.rows_of(str(one.actor.person)))
        shown = sum(
            1
            for item in views.view(one.actor)
            if "hash only" not in item.value and item.place.split(".")[0] in views.tables()
        )
        raw = views.sealed_values(str(one.actor.person))
    total, missing = views.covered()
    good = shown == raw and not missing and bool(rows) and "accounts_person.address" in place
    figure = f"{shown} of {raw} sealed values of a probe person shown; {total - len(missing)} of {total} personal columns reached"
    return judge(good, "; ".join([figure, *missing[:2]]))


def copied() -> Finding:
    """PRI-22: a probe person's copy holds every value that the view shows, labelled, and nobody else can fetch it."""
    with probe.customers(2) as (one, other):
        expected = [item.as_json() for item in views.view(one.actor)]
        number = copies.make_copy(one.actor)
        _, body = copies.fetch_copy(one.actor, number)
        with zipfile.ZipFile(io.BytesIO(b"".join(body))) as archive:
            told = json.loads(archive.read("data.json"))
            page = archive.read("data.html").decode()
        foreign = any(copy.id == number for copy in copies.copies(other.actor))
    lost = Counter(map(_key, expected)) - Counter(map(_key, told))
    good = not lost and "accounts_person.name" in {item["place"] for item in told} and "<table" in page and not foreign
    return judge(good, f"a probe's copy holds {len(told)} labelled values of {len(expected)} shown")


def _key(item: dict[str, object]) -> tuple[object, object]:
    return item["place"], item["value"]


def erased() -> Finding:
    """PRI-24: a probe person who is erased stands in no byte of the data folder, and the key opens nothing any more."""
    with probe.one_to_erase() as (one, canary):
        person = Person.objects.get(id=one.actor.person)
        mail.keep_sent(
            HolderId(new_id()), "probe", one.address, body=canary
        )  # as a sign-up's mail, under a key of its own
        rights.erase(one.actor)
        elsewhere = len(views.addressed(person))
        gone = not Person.objects.filter(id=one.actor.person).exists()
        left = sum(1 for _ in views.rows_of(str(one.actor.person)))
        key = bool(vault.generations_of(HolderId(str(one.actor.person))))
        count, found = evidence.holding(Path(settings.DATA_FOLDER), [canary])
    wrong = [
        text
        for text, bad in (
            ("the person is there", not gone),
            (f"{left + elsewhere} rows are there", left + elsewhere > 0),
            ("the key lives", key),
        )
        if bad
    ]
    wrong += [f"readable in {name}" for name in found[:2]]
    return judge(
        not wrong, "; ".join(wrong) or f"an erased probe stands in none of {count} files; its key is destroyed"
    )


def mailed() -> Finding:
    """PRI-26: a probe mail to the privacy address opens a request, its answer is queued, and the queue's mails do leave."""
    address = f"probe{new_id()}@canary.invalid"
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = address, "privacy@localhost", "Please erase me"
    letter.set_content("I want to be forgotten.")
    context = ssl.create_default_context(cafile=settings.TLS_FOLDER / "ca.crt")
    with smtplib.SMTP("localhost", settings.MAIL_PORT, timeout=20) as server:
        server.starttls(context=context)
        server.send_message(letter)
    found = Request.objects.filter(address_hash=vault.lookup("address", address)).first()
    answered = found is not None and Message.objects.filter(holder=found.holder, kind="privacy").exists()
    kind = found.kind if found else ""
    if found:
        Message.objects.filter(holder=found.holder).delete()
        found.delete()
        vault.destroy(HolderId(found.holder))
    if not answered or kind != "erase":
        return judge(False, "a probe mail became no request")
    stuck = _stuck_mail()
    return judge(not stuck, stuck or "a probe mail became a request to erase, and was answered; no mail waits long")


def _stuck_mail() -> str:
    """What keeps mail from leaving; "" if nothing does. A queued row is no delivered mail, so the table itself is asked."""
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


def in_time() -> Finding:
    """PRI-28: no open request is past its deadline; an extension moves it only as far as the law allows."""
    late, total = requests.overdue(), Request.objects.count()
    return judge(
        late == 0,
        f"{late} of {total} requests overdue" if late else f"0 of {total} requests overdue, {len(LAWS)} laws' clocks",
    )
