"""Verbs of erasure, of a person with an account and of a guest.

Rules: who is erased stands in the ledger, with opaque ids only, before the first row goes. Which rows go is read from what models
declare. Keys are destroyed last. So an erasure can be finished after a crash, and is done again where an older copy is restored.
Under a legal hold nothing is erased: what was asked for waits. Source: PRI-18, PRI-24; GDPR Art. 17.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import models, transaction
from django.db.models import F

from glasshouse.access import api as access
from glasshouse.accounts import api as accounts
from glasshouse.accounts import languages, sessions
from glasshouse.accounts.models import Person
from glasshouse.accounts.own import STORAGE, at, own
from glasshouse.accounts.sessions import FRESH
from glasshouse.disclosures import api as disclosures
from glasshouse.disclosures import passing_on
from glasshouse.disclosures.passing_on import Subject
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, JOB, Actor, ActorKind
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import AccountId, BlobId, KeyOwnerId, OrganisationId, PersonId, new_id
from glasshouse.ledger import api as ledger
from glasshouse.mail import api as mail
from glasshouse.messages import api as messages
from glasshouse.organisations import members
from glasshouse.queues import api as queues
from glasshouse.queues import progress
from glasshouse.requests import api as requests
from glasshouse.requests import threads
from glasshouse.requests.models import Request
from glasshouse.retention import legal_holds, waiting
from glasshouse.retention.legal_holds import ERASING, HeldError
from glasshouse.retention.models import HoldOn
from glasshouse.rowsecurity.connections import DatabaseRole, connected_as
from glasshouse.sources import api as sources
from glasshouse.subject.closing import close_organisation
from glasshouse.subject.erasure_plan import Plan as Plan  # pages name it as erasure.Plan, erasure.plan
from glasshouse.subject.erasure_plan import member_counts
from glasshouse.subject.erasure_plan import plan as plan
from glasshouse.subject.inventory import addressed, addressed_to, count_of, held_models, key_owner_of
from glasshouse.subject.models import Erasure, Export
from glasshouse.subject.written import forget_written
from glasshouse.vault import api as vault
from glasshouse.vault import blobs
from glasshouse.vault.declarations import ErasedBy, by_address
from glasshouse.vault.fields import key_owner_column, readable
from glasshouse.vault.keys.kinds import LineKind

ERASING_GUEST = "rights.erase-guest"
BATCH = 5000
LATE = timedelta(hours=2)  # How long after an erasure rows are looked for that arrived while it ran.


# -- erasure -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Guest:
    """A data subject without an account, known by the address of a privacy request whose link, or an officer, confirmed it.

    by: the officer or operator who acts for a person that wrote or called; None: the person acts.
    """

    request: Request
    by: Actor | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether who acts was confirmed in the last minutes, as what cannot be undone requires."""
        if self.by is not None:
            return self.by.proved_at is not None and clock.now() - self.by.proved_at <= FRESH
        return self.request.proved_at is not None and clock.now() - self.request.proved_at <= FRESH


class Erased(NamedTuple):
    """What an erasure has done so far. id: of its `Erasure`, "" for a guest; rows: how many it deleted.

    waits: nothing was deleted, for a legal hold keeps the data; it is done when the hold ends.
    """

    id: str
    rows: int
    waits: bool = False


def erase(subject: Actor | Guest) -> Erased:
    """Erase a data subject: first the ledger, then the rows that the models declare, and the keys last.

    An actor's person is erased everywhere; the worker finishes what is cut off, or has over ROWS_WHILE_WAITING rows. Of a guest,
    what a customer entered stays: it is the customer's to delete. Privacy requests stay for their three years. Under a legal
    hold it is noted, and done when the hold ends (`subject.waiting`). Safe to repeat.

    Raises InvalidError where something stands in the way, or a guest's confirmation is not fresh; ReauthenticationError where an
    actor's reauthentication is not. Source: PRI-24; GDPR Art. 17.
    """
    return _erase_guest(subject) if isinstance(subject, Guest) else _erase_person(subject)


def _erase_person(actor: Actor) -> Erased:
    accounts.require_reauthentication(actor)
    if obstacles := plan(actor).obstacles:
        raise InvalidError(" ".join(obstacles))
    total, person = count_of(str(actor.person)), str(actor.person)
    # Claimed before the erasure's row can be seen: neither the worker nor a second click does the same meanwhile.
    with queues.claimed(ERASING, person) as is_claimed:
        if plan(actor).holds:  # Asked under the claim, which whoever places a hold takes, too.
            waiting.enter(actor, HoldOn.PERSON, person)
            return Erased("", 0, waits=True)
        ledger.enter(LineKind.ERASURE, person)
        with transaction.atomic():
            erasure = _note_erasure(person, account=str(actor.account), total=total)
        if total > settings.ROWS_WHILE_WAITING:
            sessions.end_every(AccountId(erasure.account))
        is_over = erasure.done_at and not _is_there(erasure.person)
        if total > settings.ROWS_WHILE_WAITING or not is_claimed or is_over:
            return Erased(erasure.id, erasure.rows)
        erasure = finish(erasure)
    queues.worked(ERASING, erasure.person)
    return Erased(erasure.id, erasure.rows)


def _erase_guest(guest: Guest) -> Erased:
    if not guest.is_fresh:
        raise InvalidError("For this, confirm your address once more: have a new link mailed to you.", field="word")
    if legal_holds.on_address(guest.request.address_hash):
        if not waiting.of(*requests_at(guest.request.address_hash)):
            waiting.enter(guest.by or ANONYMOUS, HoldOn.ADDRESS, guest.request.id)
        return Erased("", 0, waits=True)
    with queues.claimed(ERASING_GUEST, guest.request.id) as is_claimed:  # A second click finds the first one at work.
        return Erased("", erase_address(guest.request, guest.by) if is_claimed else 0)


def requests_at(address_hash: str) -> list[str]:
    """The ids of the requests of a guest, whose address each of them confirmed."""
    confirmed = Request.objects.filter(address_hash=address_hash).exclude(proved_at=None)
    return list(confirmed.values_list("id", flat=True))


def erase_address(request: Request, by: Actor | None = None) -> int:
    """Erase what is held of the address of a guest's request; returns how many rows. by: of `Guest`."""
    address_hash = request.address_hash
    # As a job: whether a key is needed still is asked of everybody's rows, in the transaction that deletes.
    with connected_as(DatabaseRole.JOB), own(at(address_hash)), ExitStack() as claims:
        with access.organisation_transaction(JOB):
            everything = list(addressed_to(address_hash, whole=True))
            rows = [row for row in everything if _erased_by(row) is ErasedBy.ANYBODY]
            # What a customer entered is the customer's to delete; the key that seals it stays with it.
            of_customers = {key_owner_of(row) for row in everything if hasattr(row, "organisation_id")}
            unused = _delete_addressed(rows, disclosures.key_owners_at(address_hash)) - of_customers
            for key_owner in unused:
                claims.enter_context(queues.claimed(ERASING, key_owner))  # The worker takes up only what is cut off.
                ledger.enter(LineKind.ERASURE, key_owner)
                _note_erasure(key_owner, total=len(rows), rows=len(rows))
            sources.forget_address(address_hash)
            passing_on.tell_erased(Subject(KeyOwnerId(request.id), request.address))
            erasure = waiting.take(request.id)
            acts_for_them = by is not None or bool(erasure and erasure.account)
            # What a customer entered is still there: the request stays open for that customer, or for the officer.
            if request.closed_at is None and request.kind == "erase" and not request.referrals and not of_customers:
                how = "erased by us, as the person asked" if acts_for_them else "erased by the person's own hand"
                requests.close(request, how, "answered")
            if not of_customers:  # What a customer entered may still be asked about.
                threads.end_of_erased(address_hash)
            events.record(by.alone if by else ANONYMOUS, Kind.GUEST_ERASED, request.id, rows=len(rows))
            if erasure:
                requests.write(request, "subject/mails/guest_erased_after_hold", {"asked_at": erasure.asked_at})
            elif acts_for_them:
                requests.write(request, "subject/mails/guest_erased", {"stays": bool(of_customers)})
        _destroy_keys(unused)
        Erasure.objects.filter(person__in=unused, done_at=None).update(done_at=clock.now())
    return len(rows)


def _erased_by(row: models.Model) -> ErasedBy:
    """Whose erasure deletes a row that was found by the address."""
    declared = by_address(type(row))
    return declared.erased_by if declared else ErasedBy.NOBODY


def _note_erasure(key_owner: str, *, account: str = "", total: int = 0, rows: int = 0) -> Erasure:
    """The row by which an erasure is followed and finished; in the caller's transaction. The ledger has its line by then."""
    fields = {"account": account, "begun_at": clock.now(), "total": total, "rows": rows}
    erasure, _ = Erasure.objects.get_or_create(person=key_owner, defaults=fields)
    return erasure


def _is_there(person: str) -> bool:
    with own(person):
        return Person.objects.filter(id=person).exists()


def progress_of(number: str) -> Erasure:
    """How far an erasure is, for whoever has its number. Raises NotFoundError."""
    erasure = Erasure.objects.filter(id=number).first()
    if erasure is None:
        raise NotFoundError
    return erasure


def finish(erasure: Erasure, forget_readings: Callable[[str], None] | None = None) -> Erasure:
    """Carry out an erasure; each step may be repeated. Restricted data is erased too, also what a guest's restriction hides.

    forget_readings: as `greenhouse.forget` takes it.
    """
    with own(STORAGE):
        return _erase_all(erasure, forget_readings)


def _erase_all(erasure: Erasure, forget_readings: Callable[[str], None] | None) -> Erasure:
    actor = Actor(ActorKind.PERSON, AccountId(erasure.account), PersonId(erasure.person), proved_at=clock.now())
    _leave_organisations(actor, forget_readings)
    forget_written(actor)
    for export in Export.objects.filter(key_owner=erasure.person).exclude(blob=""):
        blobs.remove(BlobId(export.blob))
    count, address, language = 0, "", ""
    if person := Person.objects.filter(id=erasure.person).first():
        key_owners = disclosures.key_owners_at(person.address_hash)  # The record names the address no more in a moment.
        # Where it is done again the key is destroyed, and every recipient was told. Where it is lost, nobody can be told.
        if vault.generations_of(KeyOwnerId(person.id)) and readable([person]):
            passing_on.tell_erased(Subject(KeyOwnerId(person.id), person.address))
            address, language = person.address, languages.of_person(person)
        # Invitations and mails to the person's address, under other keys.
        rows = list(addressed(person, whole=True))
        _destroy_keys(_delete_addressed(rows, key_owners))
        count += len(rows)
    for model in held_models():
        if model is not Person:
            _erase_rows(erasure, model)
    with transaction.atomic():
        if address:
            threads.end_of_erased(vault.lookup("address", address))
        count += Person.objects.filter(id=erasure.person).delete()[0]
        _tell_waiting(erasure.person, address, language)
    _destroy_keys({erasure.person})
    with transaction.atomic():
        Erasure.objects.filter(id=erasure.id).update(done_at=clock.now(), rows=F("rows") + count)
        events.record(Actor(ActorKind.JOB), Kind.PERSON_ERASED, erasure.person, rows=count)
    erasure.refresh_from_db()
    return erasure


def _tell_waiting(person: str, address: str, language: str) -> None:
    """Tell who had to wait for the end of a legal hold that the erasure is done, in the transaction in which the person goes."""
    if (erasure := waiting.take(person)) and address:
        draft = mail.draft("subject/mails/erased_after_hold", {"asked_at": erasure.asked_at}, language=language)
        mail.queue_draft(KeyOwnerId(new_id()), mail.ERASED, address, draft)  # The person's key is destroyed.


def _leave_organisations(actor: Actor, forget_readings: Callable[[str], None] | None) -> None:
    """Close the organisations of which the actor is the only member, and leave the others."""
    for organisation in access.organisation_ids_of(actor):
        if member_counts(organisation).members == 1:
            close_organisation(organisation, forget_readings)
        else:
            members.take_out(organisation, AccountId(str(actor.account)))


def _delete_addressed(rows: list[models.Model], recorded: set[str]) -> set[str]:
    """Delete rows that were found by an address; returns the key owners whose keys no row needs any more.

    recorded: key owners of what went to the address, of whom nothing may be left but the key.
    """
    # Read before the deletion: a deleted row has no id, and the id may be whose key sealed it.
    key_owners, needed = {key_owner_of(row) for row in rows} | recorded, set(access.all_organisations())
    for row in rows:
        key_owner = key_owner_of(row)
        progress.report()
        organisation = getattr(row, "organisation_id", None)  # Of a customer's rows.
        actor = JOB.for_organisation(OrganisationId(organisation)) if organisation else JOB
        with access.organisation_transaction(actor):
            files = blobs.of_rows(type(row)._default_manager.filter(pk=row.pk))
            if not row.delete()[0]:  # A customer under a legal hold keeps what it entered, and the key with it.
                needed.add(OrganisationId(key_owner))
                files = []
        for blob in files:
            blobs.remove(blob)
    return unused_keys(key_owners - needed)


def _destroy_keys(key_owners: set[str]) -> None:
    """Destroy keys, after the rows that they sealed are gone: what is left of those in backups opens no more."""
    messages.forget(key_owners)
    ledger.destroy_keys(key_owners)


def _erase_rows(erasure: Erasure, model: type[models.Model]) -> None:
    """Delete a model's rows of the person in batches, each counted: what was deleted stays so, whenever it is cut off."""
    rows = model._default_manager.filter(**{key_owner_column(model): erasure.person})
    while batch := list(rows.values_list("pk", flat=True)[:BATCH]):
        progress.report()
        with transaction.atomic():
            count = model._default_manager.filter(pk__in=batch).delete()[0]
            if not count:  # A policy of the database hides from deletion what a legal hold keeps.
                raise HeldError
            Erasure.objects.filter(id=erasure.id).update(rows=F("rows") + count)


def erase_late() -> int:
    """Delete rows that arrived while an erasure ran, from a process that still held the key; returns how many. For the worker."""
    counts: list[int] = []

    def erase_rows(person: str) -> bool:
        with own(STORAGE):
            querysets = [model._default_manager.filter(**{key_owner_column(model): person}) for model in held_models()]
            counts.append(sum(rows.delete()[0] for rows in querysets))
        return counts[-1] > 0

    recent = Erasure.objects.filter(done_at__gt=clock.now() - LATE)
    queues.each("rights.erase-late", _persons(recent, "rights.erase-late"), erase_rows)
    return sum(counts)


def _persons(erasures: "models.QuerySet[Erasure]", queue: str) -> list[str]:
    return list(queues.ready(erasures, queue, "person").values_list("person", flat=True))


def unused_keys(key_owners: set[str]) -> set[str]:
    """Those among key owners whose key no row needs any more, so that it may be destroyed.

    Never the key of somebody else: who asked to change to an address had the mail sealed under their own. And a request keeps its
    text for the three years in which we must show that it was answered.
    """
    needed = accounts.persons_among(key_owners)
    with own(STORAGE):  # Also a restricted row needs its key.
        for model in held_models():
            column = key_owner_column(model)
            rows = model._default_manager.filter(**{f"{column}__in": key_owners})
            needed |= {str(key_owner) for key_owner in rows.values_list(column, flat=True).distinct()}
    return key_owners - needed


def finish_erasures() -> int:
    """Finish what was cut off, unless a legal hold was placed meanwhile; returns how many. For the worker."""
    unfinished = _persons(Erasure.objects.filter(done_at=None).order_by("begun_at"), ERASING)
    return queues.each(ERASING, unfinished[:50], _finish_left)


def _finish_left(person: str) -> bool:
    # Read anew under the claim: whoever held it before has finished it, perhaps.
    erasure = Erasure.objects.filter(person=person, done_at=None).first()
    if erasure is None or legal_holds.on_person(person):
        return False
    return finish(erasure) is not None
