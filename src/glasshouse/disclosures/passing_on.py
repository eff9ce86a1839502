"""Verbs that tell recipients of an erasure, a rectification or a restriction of what they received; each is on record.

Whom the register knows no contact of is on record as not told. Source: PRI-21, PRI-23, PRI-24; GDPR Art. 19.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import models, transaction
from django.db.models import Q, QuerySet

from glasshouse.disclosures.api import of_person
from glasshouse.disclosures.models import Disclosure, PassedOn, Recipient
from glasshouse.disclosures.rules import Notice
from glasshouse.kernel import clock
from glasshouse.kernel.ids import KeyOwnerId, new_id
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.mail import api as mail
from glasshouse.probes import api as probes
from glasshouse.vault import api as vault

Draft = Callable[[Recipient], mail.Draft]


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose data recipients received. key_owner: the person, or a guest's request; address: by which recipients know them."""

    key_owner: KeyOwnerId
    address: str

    @property
    def address_hash(self) -> str:
        """The keyed hash of the address."""
        return vault.lookup("address", self.address)


def tell_erased(subject: Subject) -> int:
    """Tell each recipient that a person is erased, once; returns how many got a mail. Safe to repeat.

    After that no record names the address any more.
    """
    told_before = set(_of(subject).filter(what=Notice.ERASED).values_list("recipient_id", flat=True))

    def draft(recipient: Recipient) -> mail.Draft:
        return mail.draft("disclosures/mails/erased", {"address": subject.address, "purpose": recipient.purpose})

    count = _pass_on(subject, Notice.ERASED, draft, but=told_before)
    Disclosure.objects.filter(key_owner=subject.key_owner, told_at=None).update(told_at=clock.now())
    for rows in (Disclosure.objects, PassedOn.objects):
        of_subject = Q(key_owner=subject.key_owner) | Q(address_hash=subject.address_hash)
        rows.filter(of_subject).update(address_hash=None)
    return count


def tell_corrected(subject: Subject, category: str, correction: str) -> int:
    """Tell each recipient of such data what is right now; returns how many got a mail. In the caller's transaction.

    category: of the data map.
    """

    def draft(recipient: Recipient) -> mail.Draft:
        return mail.draft(
            "disclosures/mails/corrected",
            {"address": subject.address, "purpose": recipient.purpose, "correction": correction},
        )

    return _pass_on(subject, Notice.CORRECTED, draft, category=category)


def tell_restricted(subject: Subject) -> int:
    """Tell each recipient that the use of a person's data is restricted; returns how many got a mail.

    In the caller's transaction.
    """

    def draft(recipient: Recipient) -> mail.Draft:
        return mail.draft("disclosures/mails/restricted", {"address": subject.address, "purpose": recipient.purpose})

    return _pass_on(subject, Notice.RESTRICTED, draft)


def tell_lifted(subject: Subject, lifts_at: datetime) -> int:
    """Tell each recipient from when on the data may be used again; returns how many got a mail. In the caller's transaction."""

    def draft(recipient: Recipient) -> mail.Draft:
        return mail.draft(
            "disclosures/mails/lifted",
            {"address": subject.address, "purpose": recipient.purpose, "lifts_at": lifts_at},
        )

    return _pass_on(subject, Notice.LIFTED, draft)


def _pass_on(subject: Subject, what: Notice, draft: Draft, *, category: str = "", but: set[str] | None = None) -> int:
    count, is_probe = 0, _is_probes(subject.address_hash)
    received = of_person(subject.key_owner, subject.address_hash)
    for recipient in {entry.recipient.id: entry.recipient for entry in received}.values():
        if is_probe and not _is_probes(recipient.address_hash):
            continue  # No real recipient is troubled with the probe of a promise check.
        if recipient.id in (but or ()) or (category and category not in recipient.fields):
            continue
        with transaction.atomic():
            message = ""
            if recipient.contact:
                # Under a key of its own: that of an erased person is destroyed in a moment.
                message = mail.queue_draft(KeyOwnerId(new_id()), what, recipient.contact, draft(recipient))
            PassedOn.objects.create(
                key_owner=subject.key_owner,
                address_hash=subject.address_hash,
                recipient=recipient,
                what=what,
                message=message,
                at=clock.now(),
            )
        count += bool(message)
    return count


def follow(old_hash: str, new_hash: str) -> None:
    """Have the records of an address that its person gave up be found by their new one, in the caller's transaction."""
    for rows in (Disclosure.objects, PassedOn.objects):
        rows.filter(address_hash=old_hash).update(address_hash=new_hash)


def _is_probes(address_hash: str | None) -> bool:
    return bool(address_hash) and probes.sink_port(str(address_hash)) is not None


def _of(subject: Subject) -> "models.QuerySet[PassedOn]":
    return PassedOn.objects.filter(Q(key_owner=subject.key_owner) | Q(address_hash=subject.address_hash))


def passed_on(key_owner: KeyOwnerId, address_hash: str) -> Iterator[PassedOn]:
    """Who was told what of a person's data, the newest first; read little by little."""
    yield from _rows_of(key_owner, address_hash).order_by("-at").iterator(chunk_size=500)


def piece_passed_on(key_owner: KeyOwnerId, address_hash: str, after: str) -> Piece[PassedOn]:
    """A piece of who was told what of a person's data, the newest first. after: as in `piece_of`."""
    return piece_of(_rows_of(key_owner, address_hash), after, by="-at")


def _rows_of(key_owner: KeyOwnerId, address_hash: str) -> "QuerySet[PassedOn]":
    rows = PassedOn.objects.select_related("recipient")
    return rows.filter(Q(key_owner=key_owner) | Q(address_hash=address_hash))
