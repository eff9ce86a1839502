"""Verbs of third-party data: register a source, take contacts in, tell their persons, object.

Rules: nothing comes in without source, licence and purpose. What the person gave is never overwritten: a different value is a
suggestion (`suggestions.py`), shown to the person with its source. The law wants each person told within a month; we do so
within minutes, with one click to object. Who objected, or whose data is restricted, is skipped at the next import.
Source: PRI-08; GDPR Art. 14, 21.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts import api as accounts
from glasshouse.accounts import languages
from glasshouse.accounts.own import person_at
from glasshouse.accounts.rules import normal_address
from glasshouse.accounts.sessions import digest
from glasshouse.consent import api as consent
from glasshouse.consent.rules import State
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, Actor
from glasshouse.kernel.errors import ForbiddenError, InvalidError, NotFoundError
from glasshouse.kernel.ids import KeyOwnerId, new_id, new_token
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.ledger import api as ledger
from glasshouse.mail import api as mail
from glasshouse.probes import api as probes
from glasshouse.queues import api as queues
from glasshouse.sources import contact_file, rules
from glasshouse.sources.models import Source, Suppression, ThirdPartyData
from glasshouse.sources.rules import Problem
from glasshouse.sources.suggestions import readable_with_source
from glasshouse.vault import api as vault
from glasshouse.vault.fields import readable

PURPOSE = "supplement"
WITHIN = timedelta(days=30)  # GDPR Art. 14(3)(a)
BATCH = 200
TELLING = "sources.tell"


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a file. taken, unchanged, conflicts: values (conflicts: other than the person gave). skipped: persons."""

    taken: int
    unchanged: int
    skipped: int
    conflicts: int
    problems: list[Problem]


class SourceCount(NamedTuple):
    """A source, and how many values of it are held."""

    source: Source
    values: int


class LinkedValue(NamedTuple):
    """What a mailed link is about. value: "" once it is shown no more."""

    label: str
    value: str
    source: Source


def sources(actor: Actor, after: str = "") -> Piece[SourceCount]:
    """A piece of the sources, the newest first. after: as in `piece_of`. Raises NotFoundError."""
    access.require_staff(actor, Permission.SOURCE_CHANGE)
    of_checks = probes.hidden_from(str(actor.account), Source)
    piece = piece_of(Source.objects.exclude(id__in=of_checks), after, by="-created_at")
    values = ThirdPartyData.objects.filter(source__in=[source.pk for source in piece])
    counts = dict(values.order_by().values_list("source").annotate(count=Count("pk")))
    return piece.of([SourceCount(source, counts.get(source.pk, 0)) for source in readable(piece)])


@transaction.atomic
def add_source(actor: Actor, kind: str, name: str, licence: str, purpose: str) -> Source:
    """Register a source. Raises InvalidError, NotFoundError."""
    access.require_staff(actor, Permission.SOURCE_CHANGE)
    if kind not in rules.KINDS:
        raise InvalidError("Choose the kind of source from the list.", field="kind")
    for field, value in (("name", name), ("licence", licence), ("purpose", purpose)):
        if not value.strip():
            raise InvalidError(f"A source without its {field} is not taken in.", field=field)
    source = Source.objects.create(
        kind=kind,
        name=name.strip(),
        licence=licence.strip(),
        purpose=purpose.strip(),
        written_by=actor.id,
        created_at=clock.now(),
    )
    events.record(actor, Kind.SOURCE_ADDED, source.id, origin=kind)
    return source


@transaction.atomic
def make_token(actor: Actor, source: str) -> str:
    """A token by which a source hands contacts in over the network; the one before ends. Raises NotFoundError."""
    access.require_staff(actor, Permission.SOURCE_CHANGE)
    token = new_token()
    if not Source.objects.filter(id=source).update(token_hash=digest(token)):
        raise NotFoundError("There is no such source.")
    events.record(actor, Kind.SOURCE_TOKEN_MADE, source)
    return token


def bring_in(actor: Actor, source_id: str, text: str) -> Report:
    """Take a file of contacts in, or nothing of it; rows that cannot be used are told by line.

    Raises InvalidError, NotFoundError, OverloadedError, UnavailableError.
    """
    access.require_staff(actor, Permission.SOURCE_CHANGE)
    source = Source.objects.filter(id=source_id).first()
    if source is None:
        raise NotFoundError("There is no such source.")
    return _import(actor, source, contact_file.rows_of(text))


def hand_in(token: str, text: str) -> Report:
    """Take contacts in from a source that bears its token.

    Raises ForbiddenError, InvalidError, OverloadedError, UnavailableError.
    """
    source = _bearer(token)
    return _import(ANONYMOUS, source, contact_file.rows_of(text))


def source_of_token(token: str) -> str:
    """The id of the source that bears this token: asked before what it sends is read. Raises ForbiddenError."""
    return str(_bearer(token).id)


def _bearer(token: str) -> Source:
    source = Source.objects.filter(token_hash=digest(token)).first() if token else None
    if source is None:
        raise ForbiddenError("The token is not known here.")
    return source


@transaction.atomic
def _import(actor: Actor, source: Source, rows: list[contact_file.CheckedRow]) -> Report:
    counts = {"taken": 0, "unchanged": 0, "skipped": 0, "conflicts": 0}
    problems: list[Problem] = []
    for row in rows:
        address, flaw = "", row.flaw
        try:
            address = address if flaw else normal_address(row.address)
        except InvalidError as error:
            flaw = str(error)
        if flaw:
            problems.append(Problem(row.line, flaw))
        elif not all(_may_import_to(form) for form in {address, rules.earlier_form_of(row.address) or address}):
            counts["skipped"] += 1
        else:
            for name, count in _import_row(source, address, row.values).items():
                counts[name] += count
    events.record(actor, Kind.SOURCE_IMPORTED, source.id, taken=counts["taken"], skipped=counts["skipped"])
    return Report(**counts, problems=problems)


def _import_row(source: Source, address: str, values: dict[str, str]) -> dict[str, int]:
    """Take the values of one contact in; returns what to add to the counts of a Report."""
    address_hash = vault.lookup("address", address)
    person = person_at(address_hash)
    rows = ThirdPartyData.objects.filter(source=source, address_hash=address_hash)
    rows_by_field = {row.field: row for row in rows}
    key_owner = person or next((row.key_owner for row in rows_by_field.values()), new_id())
    name = accounts.name_of(KeyOwnerId(person)) if person else ""
    counts = {"taken": 0, "unchanged": 0, "conflicts": 0}
    for field, value in values.items():
        before = rows_by_field.get(field)
        if before is not None and before.value == value:
            counts["unchanged"] += 1
            continue
        if before is not None and not before.delete()[0]:  # A legal hold keeps it.
            counts["unchanged"] += 1
            continue
        ThirdPartyData(
            source=source,
            key_owner=key_owner,
            address=address,
            address_hash=address_hash,
            field=field,
            value=value,
            received_at=clock.now(),
        ).save(force_insert=True)
        counts["taken"] += 1
        counts["conflicts"] += field == "name" and bool(name) and name != value
    return counts


def _may_import_to(address: str) -> bool:
    """Whether data of an address may be taken in: not against an objection, nor while restricted."""
    address_hash = vault.lookup("address", address)
    person = person_at(address_hash)
    if Suppression.objects.filter(address_hash=address_hash).exists() or consent.restriction_at(address_hash):
        return False
    return not person or (consent.may(person, PURPOSE) and consent.restriction_of(person) is None)


# -- notice and objection ------------------------------------------------------------------------------------------


def tell_due() -> int:
    """Tell persons what was taken in about them, one mail a person; returns how many. For the worker. Safe to repeat."""
    count = 0
    while True:
        untold = queues.ready(ThirdPartyData.objects.filter(told_at=None), TELLING, "key_owner")
        key_owners = list(untold.values_list("key_owner", flat=True).distinct()[:BATCH])
        mailed = queues.each(TELLING, key_owners, _tell_person)
        count += mailed
        if not mailed:  # The rest waits for its next try, or another process has it.
            return count


def _tell_person(key_owner: str) -> bool:
    with transaction.atomic():
        rows = ThirdPartyData.objects.select_for_update(skip_locked=True, of=("self",)).select_related("source")
        untold = list(rows.filter(key_owner=key_owner, told_at=None))
        if untold:
            _tell(untold)
    return bool(untold)


def _shown(row: ThirdPartyData) -> dict[str, str]:
    """A value with where it comes from, as the mail about it shows it."""
    return {
        "field": rules.FIELDS[row.field],
        "value": row.value,
        "source": row.source.name,
        "kind": rules.KINDS[row.source.kind],
        "licence": row.source.licence,
        "purpose": row.source.purpose,
    }


def _tell(rows: list[ThirdPartyData]) -> None:
    first, secret = rows[0], new_token()
    mail.queue_template(
        KeyOwnerId(first.key_owner),
        "announcement",
        first.address,
        "sources/mails/received",
        {"rows": [_shown(row) for row in rows], "secret": secret},
        language=languages.of_address(first.address_hash),
    )
    ids = [row.id for row in rows]
    ThirdPartyData.objects.filter(id__in=ids).update(told_at=clock.now(), state="told", secret_hash=digest(secret))


def of_link(secret: str) -> list[LinkedValue]:
    """What a mailed link is about; values are shown until WITHIN has passed. Raises NotFoundError.

    The link objects for as long as the data is held, a year at most: the right to object has no end (GDPR Art. 21(2)). It shows
    the values for a month only: an old mail in wrong hands shows nothing more. It works once, for it deletes what it is about.
    """
    rows = readable_with_source(ThirdPartyData.objects.select_related("source").filter(secret_hash=digest(secret)))
    if not rows:
        raise NotFoundError("This link is used up: nothing of it is held any more.")
    since = clock.now() - WITHIN
    return [
        LinkedValue(rules.FIELDS[row.field], row.value if row.told_at and row.told_at > since else "", row.source)
        for row in rows
    ]


def object_by_link(secret: str) -> None:
    """Object by a mailed link: delete the third-party data of its address, and take nothing in any more.

    Raises NotFoundError.
    """
    row = ThirdPartyData.objects.filter(secret_hash=digest(secret)).first()
    if row is None:
        raise NotFoundError("This link is used up: nothing of it is held any more.")
    person = person_at(row.address_hash)
    with transaction.atomic():
        if person:
            consent.note(person, PURPOSE, State.UPHELD, "by the link in a mail")
        _forget(row.address_hash, person)
        events.record(ANONYMOUS, Kind.SOURCE_OBJECTED, row.source_id)


def forget(actor: Actor) -> None:
    """Delete the third-party data of the actor's person, who has objected, and take nothing in any more."""
    person = accounts.person_of(actor)
    with transaction.atomic():
        _forget(person.address_hash, person.id)
        events.record(actor.alone, Kind.SOURCE_OBJECTED, person.id)


def forget_address(address_hash: str) -> None:
    """Delete the third-party data of an address, and take nothing in any more; in the caller's transaction."""
    _forget(address_hash, person_at(address_hash))


def _forget(address_hash: str, person: str) -> None:
    rows = ThirdPartyData.objects.filter(address_hash=address_hash)
    key_owners = _of_nobody(set(rows.values_list("key_owner", flat=True)) - {person})
    rows.delete()
    # What a legal hold keeps is still there, with its key; `forget_objected` deletes it when the hold ends.
    key_owners -= set(ThirdPartyData.objects.filter(key_owner__in=key_owners).values_list("key_owner", flat=True))
    Suppression.objects.get_or_create(address_hash=address_hash, defaults={"at": clock.now()})
    mail.forget(key_owners)
    ledger.destroy_keys(key_owners)


def _of_nobody(key_owners: set[str]) -> set[str]:
    """Those among key owners that are nobody's persons, so that their keys end with the third-party data.

    What was taken in under an earlier address of somebody is sealed with the key of the person, who has another address now.
    """
    restricted = {key_owner for key_owner in key_owners if consent.restriction_of(key_owner)}
    return key_owners - restricted - accounts.visible_persons_among(key_owners)


def forget_objected() -> int:
    """Delete what a legal hold kept from an objection, once it has ended; returns how many rows went. For the worker."""
    objected = ThirdPartyData.objects.filter(address_hash__in=Suppression.objects.values("address_hash"))
    count = objected.count()
    for address_hash in set(objected.values_list("address_hash", flat=True)):
        with transaction.atomic():
            _forget(address_hash, person_at(address_hash))
    return count - objected.count()


def end_suppression(actor: Actor) -> None:
    """Take the objection of the actor's person back: third-party data may be taken in again."""
    Suppression.objects.filter(address_hash=accounts.person_of(actor).address_hash).delete()
