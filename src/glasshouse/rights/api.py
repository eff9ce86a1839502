"""Verbs of a person's rights: see, copy, correct, erase. Source: PRI-21, PRI-22, PRI-24; GDPR Art. 15 to 20."""

import io
import json
import zipfile
from dataclasses import dataclass
from datetime import timedelta
from html import escape

from django.db import transaction

from glasshouse.access import api as access
from glasshouse.access import members
from glasshouse.access.models import Invitation, Membership, Organisation
from glasshouse.access.permissions import Permission, Role
from glasshouse.access.policies import APPEND_ONLY, customer_models
from glasshouse.accounts import api as accounts
from glasshouse.accounts.models import Person
from glasshouse.accounts.own import own
from glasshouse.accounts.rules import plain_name
from glasshouse.disclosures import api as disclosures
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.greenhouse import api as greenhouse
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB, Actor, ActorKind
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import AccountId, BlobId, HolderId, OrganisationId, PersonId
from glasshouse.retention import api as retention
from glasshouse.rights.models import Copy, Erasure, Request
from glasshouse.rights.view import Item, addressed, held_models, purposes_of, rows_of, view
from glasshouse.vault import api as vault
from glasshouse.vault import blobs
from glasshouse.vault.fields import holder_column

LINK = timedelta(hours=24)
STAYS = (
    "The list of events stays, with opaque ids that lead to nobody any more: the law asks us to be able to show what happened. "
    "Readings of an organisation stay with it; they hold nothing of you. Requests like this one stay for three years after their "
    "answer, so that we can show that it was given."
)


# -- copy and correction -------------------------------------------------------------------------------------------


def make_copy(actor: Actor) -> str:
    """Make a copy of everything held, as a zip of HTML and JSON, sealed under the person's key; returns its id.

    Raises FreshProofError.
    """
    accounts.require_fresh(actor)
    person = accounts.person_of(actor)
    items = list(view(actor))
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", json.dumps([item.as_json() for item in items], ensure_ascii=False, indent=1))
        archive.writestr("data.html", _html(items))
    now = clock.now()
    with transaction.atomic():
        made = Copy.objects.create(
            holder=person.id,
            name=f"glasshouse-data-{now:%Y-%m-%d}.zip",
            blob=blobs.store([body.getvalue()], HolderId(person.id)),
            created_at=now,
            expires_at=now + LINK,
        )
        events.record(actor.alone, Kind.COPY_MADE, made.id)
    return made.id


def _html(items: list[Item]) -> str:
    rows = "".join(
        f"<tr><td>{escape(one.label)}</td><td>{escape(one.value)}</td><td>{escape(one.purpose)}</td>"
        f"<td>{escape(one.basis)}</td><td>{escape(one.retention)}</td></tr>"
        for one in items
    )
    head = "<tr><th>What</th><th>Value</th><th>What for</th><th>On what ground</th><th>How long</th></tr>"
    return f"<!doctype html><meta charset=utf-8><title>Your data</title><h1>Your data</h1><table border=1>{head}{rows}</table>"


def copies(actor: Actor) -> list[Copy]:
    """The actor's copies that can still be fetched."""
    return list(Copy.objects.filter(holder=actor.person, expires_at__gt=clock.now()).order_by("-created_at"))


def fetch_copy(actor: Actor, copy: str) -> tuple[str, bytes]:
    """(name, bytes) of one of the actor's copies. Raises NotFoundError, FreshProofError."""
    accounts.require_fresh(actor)
    found = Copy.objects.filter(id=copy, holder=actor.person, expires_at__gt=clock.now()).first()
    if found is None:
        raise NotFoundError("This copy is no longer kept. Make a new one.")
    return found.name, b"".join(blobs.read(BlobId(found.blob), HolderId(found.holder)))


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
    with access.acting(JOB.within(OrganisationId(organisation))):
        rows = list(Membership.objects.filter(organisation_id=organisation))
    return len(rows) == 1, sum(row.role == Role.ADMINISTRATOR and row.sites is None for row in rows) > 1


def _is_administrator(actor: Actor, organisation: str) -> bool:
    with access.acting(actor.within(OrganisationId(organisation))):
        mine = access.membership_of(actor.within(OrganisationId(organisation)))
    return mine.role == Role.ADMINISTRATOR and mine.sites is None


def plan(actor: Actor) -> Plan:
    """What erasing the actor's person would do; changes nothing."""
    rows: dict[str, int] = {}
    for row in (*rows_of(str(actor.person)), *addressed(accounts.person_of(actor))):
        purpose = purposes_of(type(row))
        rows[purpose] = rows.get(purpose, 0) + 1
    leaves, closes, obstacles = [], [], []
    for organisation in access.organisations_of(actor):
        alone, others = _alone(organisation.id)
        if alone:
            closes.append(organisation.name)
        elif _is_administrator(actor, organisation.id) and not others:
            obstacles.append(f"You are the last administrator of {organisation.name}: hand it over first.")
        else:
            leaves.append(organisation.name)
    for hold in retention.holds_of(HolderId(str(actor.person))):
        obstacles.append(f"A legal hold keeps your data until {hold.ends_at:%Y-%m-%d}; ask again after that.")
    return Plan(rows, leaves, closes, obstacles)


def erase(actor: Actor) -> Erasure:
    """Erase the actor's person everywhere, key last. Finished by the worker if it is cut off.

    Raises InvalidError, FreshProofError.
    """
    accounts.require_fresh(actor)
    if obstacles := plan(actor).obstacles:
        raise InvalidError(" ".join(obstacles))
    with transaction.atomic():
        begun, _ = Erasure.objects.get_or_create(
            person=str(actor.person), defaults={"account": str(actor.account), "begun_at": clock.now()}
        )
    return _finish(begun)


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
    for copy in Copy.objects.filter(holder=erasure.person):
        blobs.remove(BlobId(copy.blob))
    here = Person.objects.filter(id=erasure.person).first()
    if here and vault.generations_of(
        HolderId(erasure.person)
    ):  # In a replay the key is destroyed, and everybody was told.
        disclosures.tell_erased(HolderId(erasure.person), here.address)
    count = _erase_addressed(erasure.person)
    with transaction.atomic():
        for model in held_models():
            if model is not Person:
                count += model._default_manager.filter(**{holder_column(model): erasure.person}).delete()[0]
        count += Person.objects.filter(id=erasure.person).delete()[0]
    vault.destroy(HolderId(erasure.person))
    with transaction.atomic():
        erasure.done_at, erasure.rows = clock.now(), erasure.rows + count
        erasure.save(update_fields=["done_at", "rows"])
        events.record(Actor(ActorKind.JOB), Kind.PERSON_ERASED, erasure.person, rows=count)
    return erasure


def _erase_addressed(person: str) -> int:
    """Delete invitations and mails to the person's address under other keys, and destroy those keys; returns how many rows."""
    found = Person.objects.filter(id=person).first()
    if found is None:
        return 0
    rows = addressed(found)
    for row in rows:
        actor = JOB.within(OrganisationId(row.organisation_id)) if isinstance(row, Invitation) else JOB
        with access.acting(actor):
            row.delete()
    # Never the key of somebody else: who asked to change to this address had the mail sealed under their own. And a request keeps
    # its words for the three years in which we must show that it was answered.
    holders = {str(getattr(row, "holder", "")) for row in rows}
    kept = set(Request.objects.filter(holder__in=holders).values_list("holder", flat=True))
    kept |= set(Person.objects.filter(id__in=holders).values_list("id", flat=True))
    for holder in holders - kept:
        vault.destroy(HolderId(holder))
    return len(rows)


def finish_erasures() -> int:
    """Finish what was cut off; returns how many. For the worker."""
    left = list(Erasure.objects.filter(done_at=None)[:50])
    for one in left:
        _finish(one)
    return len(left)


def replay() -> int:
    """Erase once more everybody in the ledger who is there again, as after a restore from a backup; returns how many."""
    again = 0
    for one in Erasure.objects.exclude(done_at=None):
        with own(one.person):
            there = Person.objects.filter(id=one.person).exists()
        if there:
            _finish(one)
            again += 1
    return again


def close(actor: Actor, name: str) -> None:
    """Close the actor's organisation, whose name must be written as it is.

    Raises InvalidError, ForbiddenError, FreshProofError.
    """
    with access.acting(actor):
        access.require(actor, Permission.ORGANISATION_CLOSE)
        accounts.require_fresh(actor)
        if name.strip() != access.organisation_of(actor).name:
            raise InvalidError("Write the organisation's name exactly as it is.", field="name")
    close_organisation(OrganisationId(str(actor.organisation)))


def close_organisation(organisation: OrganisationId) -> None:
    """Delete an organisation with everything that is its own, readings included, and destroy its key. Safe to repeat."""
    job = JOB.within(organisation)
    with access.acting(job):
        greenhouse.forget(job)
        for model in customer_models():
            if model is not Organisation and model._meta.db_table not in APPEND_ONLY:
                model._default_manager.filter(organisation_id=organisation).delete()
        Organisation.objects.filter(id=organisation).delete()
        events.record(job, Kind.ORGANISATION_CLOSED, organisation)
    vault.destroy(HolderId(organisation))
