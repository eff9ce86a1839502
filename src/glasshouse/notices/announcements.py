"""Verbs of announcements: a significant version is mailed to everybody before it comes into force. For the worker.

Source: PRI-03.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import cast

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from glasshouse.accounts.models import Account
from glasshouse.accounts.own import STORAGE, own
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB
from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.mail import api as mail
from glasshouse.notices import rules
from glasshouse.notices.models import Acceptance, Announcement, Version
from glasshouse.notices.rules import Document
from glasshouse.notices.versions import text_of
from glasshouse.queues import api as queues
from glasshouse.queues import progress

BATCH = 500
RESEND_AFTER = timedelta(days=rules.RESEND_AFTER_DAYS)
# Names of queues: stored failures have them, so they stay as they are.
ANNOUNCING, TELLING, RESENDING = "notices.announce", "notices.tell", "notices.settle"


def without_announcement(version: Version) -> "QuerySet[Account]":
    """Accounts whose persons no announcement of a version was queued for."""
    # NOT EXISTS: PostgreSQL reads a NOT IN (subquery) once for each account, as soon as it is large.
    announcements = Announcement.objects.filter(version=version, key_owner=OuterRef("person_id"))
    return Account.objects.filter(~Exists(announcements)).order_by("id")


def announce_due() -> int:
    """Carry on what is published and significant: mail everybody, follow up what bounced, and set the day.

    Returns how many mails were queued. May be stopped anywhere, and repeated: an announcement is on record in the transaction
    that queues its mail.
    """
    counts: list[int] = []

    def carry_on(version: Version) -> None:
        with own(STORAGE):  # Owed to everybody, also to those whose data is restricted otherwise.
            counts.append(_carry_on(version))

    published = Version.objects.filter(significant=True).exclude(published_at=None)
    for version in published.filter(Q(in_force_at=None) | Q(in_force_at__gt=clock.now())):
        queues.guarded(ANNOUNCING, version.id, partial(carry_on, version))
    return sum(counts)


def _carry_on(version: Version) -> int:
    queued = _announce_to_all(version)
    _follow_up(version)
    waiting = Announcement.objects.filter(version=version, state="queued").exists()
    # A person to whom no mail can be written, as staff have seen, does not delay the version for everybody else.
    owed = queues.not_left(without_announcement(version), TELLING, prefix=f"{version.id}:")
    if version.in_force_at is None and not waiting and not owed.exists():
        with transaction.atomic():
            version.announced_at = clock.now()
            version.in_force_at = version.announced_at + timedelta(days=version.lead_days)
            version.save(update_fields=["announced_at", "in_force_at"])
            events.record(JOB, Kind.DOCUMENT_ANNOUNCED, version.id)
    return queued


def _news(version: Version, key_owner: str) -> mail.Draft:
    """The mail that announces a version, in the language in which its person accepted the documents in force."""
    accepted = Acceptance.objects.filter(key_owner=key_owner).order_by("-at").values_list("language", flat=True).first()
    language = accepted if accepted in rules.ANNOUNCEMENTS else "en"
    values: mail.Values = {
        "title": rules.TITLES_BY_LANGUAGE[language][Document(version.document)],
        "number": cast(int, version.number),  # A published version has one.
        "document": version.document,
        "in_force_at": version.in_force_at or "",
        "lead_days": version.lead_days,
        "summary": text_of(version, language).summary,
    }
    return mail.draft(rules.ANNOUNCEMENTS[language], values)


def _announce_to_all(version: Version) -> int:
    queued = 0
    while True:
        with transaction.atomic():
            _lock(version)
            accounts = without_announcement(version).select_related("person")
            batch = list(queues.ready(accounts, TELLING, prefix=f"{version.id}:")[:BATCH])
            queued += queues.each_within(
                TELLING, batch, partial(_announce, version), lambda account: f"{version.id}:{account.pk}"
            )
        if len(batch) < BATCH:
            return queued


def _announce(version: Version, account: Account) -> None:
    person = account.person
    message = mail.queue_draft(KeyOwnerId(person.id), "announcement", person.address, _news(version, person.id))
    announcement = Announcement(
        key_owner=person.id, version=version, address=person.address, message=message, at=clock.now()
    )
    announcement.save(force_insert=True)


def _lock(version: Version) -> None:
    """Have processes that announce a version wait for each other, so that nobody gets two mails."""
    Version.objects.select_for_update().get(id=version.id)


def _follow_up(version: Version) -> None:
    """Note what became of the mails; what came back is sent once more after a day."""
    for batch in _batches(version):
        progress.report()
        fates = mail.fates([announcement.message for announcement in batch])
        to_resend = []
        for announcement in batch:
            state = fates.get(announcement.message, announcement.state)
            is_old = clock.now() - announcement.at > RESEND_AFTER
            if state in ("bounced", "failed") and announcement.resent_at is None and is_old:
                to_resend.append(announcement.id)
            elif state != announcement.state:
                Announcement.objects.filter(id=announcement.id).update(state=state)
        rows = queues.ready(Announcement.objects.filter(id__in=to_resend), RESENDING)
        with transaction.atomic():
            _lock(version)
            queues.each_within(RESENDING, list(rows.filter(resent_at=None)), partial(_resend, version))


def _resend(version: Version, announcement: Announcement) -> None:
    key_owner, address = KeyOwnerId(announcement.key_owner), announcement.address
    announcement.message = mail.queue_draft(key_owner, "announcement", address, _news(version, key_owner))
    announcement.resent_at = clock.now()
    announcement.save(update_fields=["message", "resent_at"])


def _batches(version: Version) -> Iterator[list[Announcement]]:
    rows = Announcement.objects.filter(version=version).order_by("id")
    last = ""
    while batch := list(rows.filter(id__gt=last)[:BATCH]):
        yield batch
        last = batch[-1].id
