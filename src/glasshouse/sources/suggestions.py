"""Verbs of suggestions: what sources say of a person, who confirms it or has it deleted as wrong. Source: PRI-08."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import models, transaction

from glasshouse.accounts import api as accounts
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import NotFoundError
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.sources import rules
from glasshouse.sources.models import Source, ThirdPartyData
from glasshouse.vault.fields import readable


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a source says of the person. own_value: what the person gave, where it differs; state: as in ThirdPartyData."""

    id: str
    label: str
    value: str
    own_value: str
    source: Source
    received_at: datetime
    state: str


def suggestions(actor: Actor, after: str = "") -> Piece[Suggestion]:
    """A piece of what sources say of the actor's person: names first, which may differ from what the person gave.

    after: as in `piece_of`.
    """
    person = accounts.person_of(actor)
    of_person = ThirdPartyData.objects.select_related("source").filter(address_hash=person.address_hash)
    place = models.Case(models.When(field="name", then=0), default=1)
    piece = piece_of(of_person.annotate(place_in_list=place), after, by=("place_in_list", "received_at"))
    return piece.of([_suggestion(row, person.name) for row in readable_with_source(piece)])


def label_of(actor: Actor, suggestion: str) -> str:
    """What a suggestion about the actor's person is about, in plain words; "" where there is no such one."""
    rows = ThirdPartyData.objects.filter(id=suggestion, address_hash=accounts.person_of(actor).address_hash)
    field = rows.values_list("field", flat=True).first()
    return rules.FIELDS[field] if field else ""


def _suggestion(row: ThirdPartyData, name: str) -> Suggestion:
    """name: what the person gave as theirs."""
    own_value = name if row.field == "name" and row.value != name else ""
    return Suggestion(row.id, rules.FIELDS[row.field], row.value, own_value, row.source, row.received_at, row.state)


def readable_with_source(rows: Iterable[ThirdPartyData]) -> list[ThirdPartyData]:
    """The rows that may be read, and whose sources may. rows: with their sources."""
    values = readable(rows)
    known = {source.pk for source in readable(row.source for row in values)}
    return [row for row in values if row.source_id in known]


def decide(actor: Actor, suggestion: str, *, right: bool) -> str:
    """Confirm a suggestion, or have it deleted as wrong; returns the name to take over, if it was one. Raises NotFoundError."""
    person = accounts.person_of(actor)
    with transaction.atomic():
        rows = ThirdPartyData.objects.select_for_update().filter(id=suggestion, address_hash=person.address_hash)
        row = rows.first()
        if row is None:
            raise NotFoundError
        name = row.value if right and row.field == "name" else ""
        if right:
            ThirdPartyData.objects.filter(id=row.id).update(state="confirmed")
        else:
            row.delete()
        events.record(actor.alone, Kind.SUGGESTION_DECIDED, suggestion, right=right)
    return name
