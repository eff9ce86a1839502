"""Verbs of the officer's list of legal holds: whom each is on, what follows when it ends, placing and ending.

Rules: a person is shown by name and address, as in the list of requests, unless the use of their data is restricted: that is
shown to nobody. Each raises NotFoundError for anybody but a privacy officer. Source: PRI-18, PRI-23.
"""

from typing import NamedTuple

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts.models import Person
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB, Actor
from glasshouse.kernel.errors import NotFoundError
from glasshouse.kernel.ids import OrganisationId
from glasshouse.kernel.pieces import Piece
from glasshouse.probes import api as probes
from glasshouse.retention import legal_holds
from glasshouse.retention.models import HoldOn, LegalHold
from glasshouse.subject import waiting
from glasshouse.vault.fields import readable


class ListedHold(NamedTuple):
    """A legal hold as the officer sees it. whom: name or address; "": it is on a person whose data is restricted."""

    hold: LegalHold
    whom: str


class EndOfHold(NamedTuple):
    """What follows when a legal hold ends. erasures: how many are carried out then; beside: another hold keeps the same."""

    listed: ListedHold
    erasures: int
    beside: bool


def held_by_people(viewer: str, after: str = "") -> Piece[LegalHold]:
    """A piece of the live holds, the one that ends first first, without those on promise checks.

    viewer: the account that looks; after: as in `piece_of`.
    """
    return legal_holds.live(probes.hidden_from(viewer, LegalHold), after)


def listed(holds: list[LegalHold]) -> list[ListedHold]:
    """Legal holds with whom each is on."""
    of_persons = [hold.key_owner for hold in holds if hold.scope == HoldOn.PERSON]
    # Those whose data is restricted are hidden by the database.
    persons = {person.id: person for person in readable(Person.objects.filter(id__in=of_persons))}
    return [ListedHold(hold, _whom(hold, persons)) for hold in holds]


def _whom(hold: LegalHold, persons: dict[str, Person]) -> str:
    if hold.scope == HoldOn.ADDRESS:
        return hold.address or ""
    if hold.scope == HoldOn.PERSON:
        person = persons.get(hold.key_owner)
        return f"{person.name}, {person.address}" if person else ""
    job = JOB.for_organisation(OrganisationId(hold.key_owner))
    with access.organisation_transaction(job):
        organisation = access.organisation_or_none(job)
        return organisation.name if organisation else ""


def place(actor: Actor, whom: str, order: legal_holds.Order) -> str:
    """Put a legal hold on an address, with or without an account, or on an organisation, by its id; returns the hold's id.

    Raises InvalidError, also where one stands already (`legal_holds.StandsAlreadyError`).
    """
    access.require_staff(actor, Permission.HOLD_CHANGE)
    return legal_holds.place(whom, order)


def end(actor: Actor, number: str) -> None:
    """End a legal hold now. Raises NotFoundError."""
    access.require_staff(actor, Permission.HOLD_CHANGE)
    legal_holds.end(actor, number)


def before_end(actor: Actor, number: str) -> EndOfHold:
    """What would follow if a live legal hold ended now. Raises NotFoundError."""
    access.require_staff(actor, Permission.HOLD_CHANGE)
    hold = legal_holds.of_number(number)
    if hold is None or hold.ends_at <= clock.now():
        raise NotFoundError
    return EndOfHold(listed([hold])[0], waiting.freed_by(number), legal_holds.stand_beside(hold))


def of_number(actor: Actor, number: str) -> EndOfHold | None:
    """A legal hold, live or ended, for the page that says what was done; None where there is none."""
    access.require_staff(actor, Permission.DESK_READ)
    hold = legal_holds.of_number(number)
    return EndOfHold(listed([hold])[0], 0, legal_holds.stand_beside(hold)) if hold else None
