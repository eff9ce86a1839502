"""Verbs of a person's rights: see, copy, correct, erase. Source: PRI-21, PRI-22, PRI-24; GDPR Art. 15 to 20."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import models, transaction
from django.db.models import F

from glasshouse.access import api as access
from glasshouse.access.models import Membership, Organisation
from glasshouse.access.permissions import Permission, Role
from glasshouse.accounts import api as accounts
from glasshouse.accounts import sessions
from glasshouse.accounts.models import Person
from glasshouse.accounts.own import STORAGE, own
from glasshouse.accounts.rules import plain_name
from glasshouse.disclosures import api as disclosures
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.greenhouse import api as greenhouse
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB, Actor, ActorKind
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import AccountId, BlobId, KeyOwnerId, OrganisationId, PersonId
from glasshouse.organisations import members
from glasshouse.queues import api as queues
from glasshouse.queues import progress
from glasshouse.retention import api as retention
from glasshouse.rowsecurity.policies import customer_models, is_append_only
from glasshouse.subject.inventory import addressed, count_of, held_models, key_owner_of, purposes_of
from glasshouse.subject.models import Erasure, Export
from glasshouse.vault import api as vault
from glasshouse.vault import blobs
from glasshouse.vault.fields import key_owner_column

ERASING = "rights.erase"
BATCH = 5000
LATE = timedelta(hours=2)  # How long after an erasure rows are looked for that arrived while it ran.
STAYS = (
    "The list of events stays, with opaque ids that lead to nobody any more: the law asks us to be able to show what happened. "
    "Readings of an organisation stay with it; they hold nothing of you. Requests like this one stay for three years after their "
    "answer, so that we can show that it was given. That something went to a recipient stays for three years, with an "
    "opaque id only. "
    "If you objected to data of third parties, a keyed hash of your address stays, so that nothing of you is taken in again."
)


# -- correction ---------------------------------------------------------------------------------------------------


@transaction.atomic
def correct_name(actor: Actor, name: str) -> None:
    """Correct the person's name, wherever it is shown from now on. Raises InvalidError."""
    person = accounts.person_of(actor)
    person.name = plain_name(name, field="name")
    person.save(update_fields=["name"])
    events.record(actor.alone, Kind.PERSON_CORRECTED, person.id)


# -- erasure -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """What an erasure would do: rows by what they are for; organisations left and closed; what stands in its way."""

    rows: dict[str, int]
    leaves: list[str]
    closes: list[str]
    obstacles: list[str]
    stays: str = STAYS


def _alone(organisation: str) -> tuple[bool, bool]:
    """(whether it has one member only, whether another administrator is left)."""
    with access.organisation_transaction(JOB.for_organisation(OrganisationId(organisation))):
        rows = list(Membership.objects.filter(organisation_id=organisation))
    return len(rows) == 1, sum(row.role == Role.ADMINISTRATOR and row.sites is None for row in rows) > 1


def _is_administrator(actor: Actor, organisation: str) -> bool:
    with access.organisation_transaction(actor.for_organisation(OrganisationId(organisation))):
        mine = access.membership_of(actor.for_organisation(OrganisationId(organisation)))
    return mine.role == Role.ADMINISTRATOR and mine.sites is None


def plan(actor: Actor) -> Plan:
    """What erasing the actor's person would do; changes nothing."""
    rows: dict[str, int] = {}
    for model in held_models():
        if count := model._default_manager.filter(**{key_owner_column(model): str(actor.person)}).count():
            rows[purposes_of(model)] = rows.get(purposes_of(model), 0) + count
    for row in addressed(accounts.person_of(actor)):
        rows[purposes_of(type(row))] = rows.get(purposes_of(type(row)), 0) + 1
    leaves, closes, obstacles = [], [], []
    for organisation in access.organisations_of(actor):
        alone, others = _alone(organisation.id)
        if alone:
            closes.append(organisation.name)
        elif _is_administrator(actor, organisation.id) and not others:
            obstacles.append(f"You are the last administrator of {organisation.name}: hand it over first.")
        else:
            leaves.append(organisation.name)
    if actor.kind is ActorKind.STAFF and accounts.only_officer(actor):
        obstacles.append("You are the only privacy officer: somebody else has to be one first.")
    for hold in retention.holds_of(KeyOwnerId(str(actor.person))):
        obstacles.append(f"A legal hold keeps your data until {hold.ends_at:%Y-%m-%d}; ask again after that.")
    return Plan(rows, leaves, closes, obstacles)


def erase(actor: Actor) -> Erasure:
    """Erase the actor's person everywhere, key last. Finished by the worker if it is cut off or has over ROWS_WHILE_WAITING rows.

    Raises InvalidError, FreshProofError.
    """
    accounts.require_reauthentication(actor)
    if obstacles := plan(actor).obstacles:
        raise InvalidError(" ".join(obstacles))
    total = count_of(str(actor.person))
    # Claimed before the ledger's row can be seen: neither the worker nor a second click does the same meanwhile.
    with queues.claimed(ERASING, str(actor.person)) as mine:
        with transaction.atomic():
            begun, _ = Erasure.objects.get_or_create(
                person=str(actor.person),
                defaults={"account": str(actor.account), "begun_at": clock.now(), "total": total},
            )
        if total > settings.ROWS_WHILE_WAITING:
            sessions.end_every(AccountId(begun.account))
        if total > settings.ROWS_WHILE_WAITING or not mine or (begun.done_at and not _is_there(begun.person)):
            return begun
        done = _finish(begun)
    queues.worked(ERASING, done.person)
    return done


def _is_there(person: str) -> bool:
    with own(person):
        return Person.objects.filter(id=person).exists()


def progress_of(erasure: str) -> Erasure:
    """How far an erasure is, for whoever has its number. Raises NotFoundError."""
    found = Erasure.objects.filter(id=erasure).first()
    if found is None:
        raise NotFoundError
    return found


def _finish(erasure: Erasure) -> Erasure:
    """Carry out an erasure; each step may be repeated. Restricted data is erased too: its person wants it."""
    with own(erasure.person):
        return _erase_all(erasure)


def _erase_all(erasure: Erasure) -> Erasure:
    actor = Actor(ActorKind.PERSON, AccountId(erasure.account), PersonId(erasure.person), proved_at=clock.now())
    for organisation in access.organisations_of(actor):
        if _alone(organisation.id)[0]:
            close_organisation(OrganisationId(organisation.id))
        else:
            members.take_out(OrganisationId(organisation.id), AccountId(erasure.account))
    for copy in Export.objects.filter(key_owner=erasure.person):
        blobs.remove(BlobId(copy.blob))
    here = Person.objects.filter(id=erasure.person).first()
    if here and vault.generations_of(
        KeyOwnerId(erasure.person)
    ):  # In a replay the key is destroyed, and everybody was told.
        disclosures.tell_erased(KeyOwnerId(erasure.person), here.address)
    count = _erase_addressed(erasure.person)
    for model in held_models():
        if model is not Person:
            _erase_rows(erasure, model)
    with transaction.atomic():
        count += Person.objects.filter(id=erasure.person).delete()[0]
    vault.destroy(KeyOwnerId(erasure.person))
    with transaction.atomic():
        Erasure.objects.filter(id=erasure.id).update(done_at=clock.now(), rows=F("rows") + count)
        events.record(Actor(ActorKind.JOB), Kind.PERSON_ERASED, erasure.person, rows=count)
    erasure.refresh_from_db()
    return erasure


def _erase_rows(erasure: Erasure, model: type[models.Model]) -> None:
    """Delete a model's rows of the person in batches, each on the ledger: what was deleted stays so, whenever it is cut off."""
    rows = model._default_manager.filter(**{key_owner_column(model): erasure.person})
    while batch := list(rows.values_list("pk", flat=True)[:BATCH]):
        progress.report()
        with transaction.atomic():
            count = model._default_manager.filter(pk__in=batch).delete()[0]
            Erasure.objects.filter(id=erasure.id).update(rows=F("rows") + count)


def erase_late() -> int:
    """Delete rows that arrived while an erasure ran, from a process that still held the key; returns how many. For the worker."""
    counts: list[int] = []

    def erase_rows(person: str) -> bool:
        with own(person):
            rows = [model._default_manager.filter(**{key_owner_column(model): person}) for model in held_models()]
            counts.append(sum(some.delete()[0] for some in rows))
        return counts[-1] > 0

    recent = Erasure.objects.filter(done_at__gt=clock.now() - LATE)
    queues.each("rights.erase-late", _persons(recent, "rights.erase-late"), erase_rows)
    return sum(counts)


def _persons(erasures: "models.QuerySet[Erasure]", queue: str) -> list[str]:
    return list(queues.ready(erasures, queue, "person").values_list("person", flat=True))


def _erase_addressed(person: str) -> int:
    """Delete invitations and mails to the person's address under other keys, and destroy those keys; returns how many rows."""
    found = Person.objects.filter(id=person).first()
    if found is None:
        return 0
    rows = addressed(found)
    for row in rows:
        progress.report()
        organisation = getattr(row, "organisation_id", None)  # Of a customer's rows.
        actor = JOB.for_organisation(OrganisationId(organisation)) if organisation else JOB
        with access.organisation_transaction(actor):
            row.delete()
    for key_owner in unused_keys({key_owner_of(row) for row in rows}):
        vault.destroy(KeyOwnerId(key_owner))
    return len(rows)


def unused_keys(key_owners: set[str]) -> set[str]:
    """Those among key owners whose key no row needs any more, so that it may be destroyed.

    Never the key of somebody else: who asked to change to an address had the mail sealed under their own. And a request keeps its
    words for the three years in which we must show that it was answered.
    """
    needed = accounts.persons_among(key_owners)
    with own(STORAGE):  # Also a restricted row needs its key.
        for model in held_models():
            column = key_owner_column(model)
            rows = model._default_manager.filter(**{f"{column}__in": key_owners})
            needed |= {str(owner) for owner in rows.values_list(column, flat=True).distinct()}
    return key_owners - needed


def finish_erasures() -> int:
    """Finish what was cut off; returns how many. For the worker."""
    left = _persons(Erasure.objects.filter(done_at=None).order_by("begun_at"), ERASING)
    return queues.each(ERASING, left[:50], _finish_left)


def _finish_left(person: str) -> bool:
    # Read anew under the claim: whoever held it before has finished it, perhaps.
    erasure = Erasure.objects.filter(person=person, done_at=None).first()
    return erasure is not None and _finish(erasure) is not None


def replay() -> int:
    """Erase once more everybody in the ledger of whom something is there again, as after a restore; returns how many."""
    erased = list(Erasure.objects.exclude(done_at=None).values_list("person", flat=True))
    again: set[str] = set()
    with own(STORAGE):
        for model in held_models():
            column = key_owner_column(model)
            for start in range(0, len(erased), BATCH):
                progress.report()
                back = model._default_manager.filter(**{f"{column}__in": erased[start : start + BATCH]})
                again |= {str(one) for one in back.values_list(column, flat=True)}
    # The same claim as at the first time: two processes never erase one person at once.
    return queues.each(ERASING, sorted(again), lambda person: _finish(Erasure.objects.get(person=person)))


def write_down(key_owners: set[str], rows: int) -> None:
    """Put keys that an erasure destroys on the ledger, so that they stay so after a restore; in the caller's transaction."""
    now = clock.now()
    for key_owner in key_owners:
        Erasure.objects.get_or_create(
            person=key_owner, defaults={"account": "", "begun_at": now, "done_at": now, "rows": rows}
        )


def close(actor: Actor, name: str) -> None:
    """Close the actor's organisation, whose name must be written as it is.

    Raises InvalidError, ForbiddenError, FreshProofError.
    """
    with access.organisation_transaction(actor):
        access.require(actor, Permission.ORGANISATION_CLOSE)
        accounts.require_reauthentication(actor)
        if name.strip() != access.organisation_of(actor).name:
            raise InvalidError("Write the organisation's name exactly as it is.", field="name")
    close_organisation(OrganisationId(str(actor.organisation)))


def close_organisation(organisation: OrganisationId) -> None:
    """Delete an organisation with everything that is its own, readings included, and destroy its key. Safe to repeat."""
    job = JOB.for_organisation(organisation)
    # All of it ends, also an invitation to somebody whose data is restricted otherwise.
    with own(STORAGE), access.organisation_transaction(job):
        greenhouse.forget(job)
        for model in customer_models():
            if model is not Organisation and not is_append_only(model):
                model._default_manager.filter(organisation_id=organisation).delete()
        Organisation.objects.filter(id=organisation).delete()
        events.record(job, Kind.ORGANISATION_CLOSED, organisation)
    vault.destroy(KeyOwnerId(organisation))
