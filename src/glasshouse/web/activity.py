"""The activity log in words: who did what, to what, when. Events hold ids and kinds only; names are looked up as it is read."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.http import QueryDict
from django.utils import translation
from django.utils.translation import gettext, ngettext

from glasshouse.access import api as access
from glasshouse.access.permissions import TITLES, Permission
from glasshouse.events import api as events
from glasshouse.events.api import Wanted
from glasshouse.events.models import Event
from glasshouse.greenhouse import api as greenhouse
from glasshouse.kernel.actor import Actor, ActorKind
from glasshouse.kernel.ids import OrganisationId
from glasshouse.kernel.pieces import Piece
from glasshouse.organisations import names as organisation_names
from glasshouse.subject.activity_words import GROUPS, OTHERWISE, WORDS, group_of
from glasshouse.support import api as support

# Whom the log names that is no member: the service's own work, and the operator's support.
SERVICE, SUPPORT = "job", "support"
UNNAMED_ACTORS = (str(ActorKind.JOB), str(ActorKind.ANONYMOUS))


class Line(NamedTuple):
    """An event as a person reads it. thing: what it was done to, by its name; "" where it has none, or it may not be seen."""

    at: datetime
    who: str
    what: str
    thing: str


class Filter(NamedTuple):
    """What a page's address asks for, as it says it: an account, "job" or "support"; a group of kinds; days as ISO 8601."""

    person: str = ""
    kind: str = ""
    first_day: str = ""
    last_day: str = ""


def filter_of(asked: QueryDict) -> Filter:
    """The filter that an address asks for; what cannot be one is left out."""
    kind = asked.get("kind", "")
    days = [day if _day(day) else "" for day in (asked.get("from", ""), asked.get("to", ""))]
    return Filter(asked.get("person", "")[:16], kind if kind in GROUPS else "", *days)


def _day(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def _wanted(chosen: Filter) -> Wanted:
    last = _day(chosen.last_day)
    actors: list[str] | None = None
    if chosen.person == SERVICE:
        actors = list(UNNAMED_ACTORS)
    elif chosen.person == SUPPORT:
        actors = [staff.account for staff in support.staff_names()]
    elif chosen.person:
        actors = [chosen.person]
    kinds = [kind for kind in WORDS if group_of(kind) == chosen.kind] if chosen.kind else None
    is_storable = last is not None and last.year < 9999
    until = last + timedelta(days=1) if last is not None and is_storable else None
    return Wanted(kinds, actors, _day(chosen.first_day), until)


def lines(actor: Actor, chosen: Filter, after: str = "") -> Piece[Line]:
    """What happened in the actor's organisation, newest first, a piece of it. Raises ForbiddenError, NotFoundError."""
    return _read(actor, _wanted(chosen), after)


def all_lines(actor: Actor, chosen: Filter) -> Iterator[Line]:
    """Every line that a filter wants, read piece by piece, in the language of now. Ends where the right to read it ends.

    Raises ForbiddenError and NotFoundError before the first line.
    """
    wanted, language = _wanted(chosen), translation.get_language()
    first = _read(actor, wanted, "")

    def each() -> Iterator[Line]:
        piece = first
        while True:
            yield from piece
            if not piece.after:
                return
            with translation.override(language):
                piece = _read(actor, wanted, piece.after)

    return each()


def _read(actor: Actor, wanted: Wanted, after: str) -> Piece[Line]:
    with access.organisation_transaction(actor):
        access.require(actor, Permission.EVENTS_READ)
        recorded = events.of_organisation(OrganisationId(str(actor.organisation)), after, wanted)
        access.record_access(actor, "events", [])
    return recorded.of(list(_in_words(actor, recorded)))


def _in_words(actor: Actor, recorded: list[Event]) -> Iterator[Line]:
    ids = {event.subject for event in recorded} | {event.actor for event in recorded}
    names = greenhouse.names_of(actor, ids) | organisation_names.names_of(actor, ids)
    who = names | {
        staff.account: gettext("%(name)s, support") % {"name": staff.name} for staff in support.staff_names()
    }
    who |= dict.fromkeys(UNNAMED_ACTORS, gettext("Glasshouse, by itself")) | {str(actor.account): gettext("You")}
    unnamed = gettext("Somebody whose name cannot be shown")
    for event in recorded:
        yield Line(event.at, who.get(event.actor, unnamed), what_of(event), names.get(event.subject, ""))


def what_of(event: Event) -> str:
    """What was done, in the language of now."""
    texts = WORDS.get(event.kind, {})
    facts = event.facts
    variant = next((text for fact, text in texts.items() if fact and facts.get(fact[0]) == fact[1]), None)
    said = gettext(variant or texts.get(None, OTHERWISE))
    if isinstance(points := facts.get("points"), int):
        said += " (" + ngettext("%(count)s reading", "%(count)s readings", points) % {"count": f"{points:,}"} + ")"
    role = TITLES.get(facts.get("role", ""))
    return f"{said} ({gettext(role)})" if role else said
