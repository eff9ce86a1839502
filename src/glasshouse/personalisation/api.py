"""Verbs of what is fitted to a member: read, pin, unpin, note a use, switch off.

Rules: nothing is fitted, and no use noted, for anybody but a member, nor where they objected or have the use of their data
restricted. What is fitted is the order of what they may see anyway. Source: PRI-09; GDPR Art. 21.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.consent import api as consent
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse import readings
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor, ActorKind
from glasshouse.kernel.errors import ForbiddenError, InvalidError
from glasshouse.personalisation.models import DayOfUse, Pins
from glasshouse.personalisation.rules import (
    DAYS,
    MOST_PINS,
    MOST_PLACES,
    NOTHING_FITTED,
    SWITCHED_OFF,
    Fitted,
    Pinned,
    counted,
    is_id,
)
from glasshouse.vault.fields import readable

PURPOSE = "personalisation"


# -- read ----------------------------------------------------------------------------------------------------------


def fitted(actor: Actor) -> Fitted:
    """What is fitted to the actor in their organisation; nothing for support, and for whoever switched it off.

    Raises NotFoundError.
    """
    with access.organisation_transaction(actor):
        access.rights_of(actor)
        access.recorded_elsewhere(actor)
        if actor.kind is not ActorKind.PERSON:
            return NOTHING_FITTED
        return _stored(actor) if _may_fit(actor) else SWITCHED_OFF


def stored(actor: Actor) -> Fitted:
    """What is stored of a member in their organisation, also while nothing is fitted. Raises NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        _require(actor)
        return _stored(actor, off=not _may_fit(actor))


def _stored(actor: Actor, *, off: bool = False) -> Fitted:
    of_member = {"key_owner": actor.person, "customer": actor.organisation}
    pins: dict[str, list[str]] = next((row.pins for row in readable(Pins.objects.filter(**of_member))), {})
    days = readable(DayOfUse.objects.filter(at__gt=_today() - timedelta(days=DAYS), **of_member))
    places, series = pins.get(Pinned.PLACE, []), pins.get(Pinned.SERIES, [])
    return Fitted(tuple(places), tuple(series), counted(row.places for row in days), off)


def _may_fit(actor: Actor) -> bool:
    return consent.may(str(actor.person), PURPOSE) and consent.restriction_of(str(actor.person)) is None


def _require(actor: Actor) -> None:
    """Nothing, for a member who may see readings. Raises NotFoundError, ForbiddenError."""
    access.require(actor, Permission.READINGS_READ)
    if actor.kind is not ActorKind.PERSON:
        raise ForbiddenError("Pages are fitted to members only.")


def _today() -> datetime:
    return clock.now().replace(hour=0, minute=0, second=0, microsecond=0)


# -- change --------------------------------------------------------------------------------------------------------


def pin(actor: Actor, kind: str, names: Collection[str]) -> None:
    """Have places or charts of series come first, after those that are pinned already. kind: of `rules.Pinned`.

    names: their ids, of what the actor may see. Raises InvalidError, NotFoundError, ForbiddenError, UnavailableError.
    """
    wanted = _ids(kind, names)
    with access.organisation_transaction(actor):
        _require(actor)
        if not _may_fit(actor):
            raise InvalidError("Nothing is fitted to you: switch it on first.")
    seen = _visible(actor, kind, wanted)
    if missing := [name for name in wanted if name not in seen]:
        message = "There is nothing with the id %(id)s that you may see."
        raise InvalidError(message, values={"id": missing[0]})
    with access.organisation_transaction(actor):
        row = _pins_to_change(actor)
        pins = list(dict.fromkeys([*row.pins.get(kind, []), *wanted]))
        if len(pins) > MOST_PINS:
            message = "You can pin %(most)s at most. Remove one first."
            raise InvalidError(message, values={"most": MOST_PINS})
        row.pins, row.used_at = row.pins | {kind: pins}, clock.now()
        row.save(update_fields=["pins", "used_at"])
        events.record(actor.alone, Kind.PINS_CHANGED, row.id)


def unpin(actor: Actor, kind: str, name: str) -> None:
    """Have something come first no more; nothing where it is not pinned. Works also while nothing is fitted.

    Raises InvalidError, NotFoundError, ForbiddenError.
    """
    _ids(kind, [name])
    with access.organisation_transaction(actor):
        _require(actor)
        row = _pins_to_change(actor)
        row.pins = row.pins | {kind: [pinned for pinned in row.pins.get(kind, []) if pinned != name]}
        row.save(update_fields=["pins"])
        events.record(actor.alone, Kind.PINS_CHANGED, row.id)


def _ids(kind: str, names: Collection[str]) -> list[str]:
    if kind not in set(Pinned):
        raise InvalidError("Choose a place or a chart to pin.")
    wanted = list(dict.fromkeys(names))
    if not wanted or not all(is_id(kind, name) for name in wanted):
        raise InvalidError("Choose what to pin.")
    if len(wanted) > MOST_PINS:
        raise InvalidError("You can pin %(most)s at most.", values={"most": MOST_PINS})
    return wanted


def _visible(actor: Actor, kind: str, names: list[str]) -> set[str]:
    """Those of some ids that are of something that the actor may see."""
    if kind == Pinned.PLACE:
        return set(greenhouse.names_of(actor, names))
    return {str(series["id"]) for series in readings.series(actor, names=names)}


def _pins_to_change(actor: Actor) -> Pins:
    """The actor's row of pins, held for this transaction; made where there is none."""
    of_member = {"key_owner": str(actor.person), "customer": str(actor.organisation)}
    new = Pins(**of_member, pins={}, used_at=clock.now())
    Pins.objects.bulk_create([new], ignore_conflicts=True)
    return Pins.objects.select_for_update().get(**of_member)


def note_use(actor: Actor, places: Collection[str]) -> None:
    """Note that a member opened the charts of some places today. Nothing where pages are not fitted to them.

    Ids of no place that the actor may see are left out. Raises InvalidError, NotFoundError, ForbiddenError.
    """
    asked = [place for place in dict.fromkeys(places) if is_id(Pinned.PLACE, place)][:MOST_PLACES]
    with access.organisation_transaction(actor):
        _require(actor)
        if not asked:
            raise InvalidError("Say of which places charts were open (place=…).")
        if not _may_fit(actor):
            return
        used = set(greenhouse.names_of(actor, asked))
        of_day = {"key_owner": str(actor.person), "customer": str(actor.organisation), "at": _today()}
        DayOfUse.objects.bulk_create([DayOfUse(**of_day, places=[])], ignore_conflicts=True)
        row = DayOfUse.objects.select_for_update().get(**of_day)
        if not used <= set(row.places) and len(row.places) < MOST_PLACES:
            row.places = sorted({*row.places, *used})[:MOST_PLACES]
            row.save(update_fields=["places"])
            Pins.objects.filter(key_owner=actor.person, customer=actor.organisation).update(used_at=clock.now())


def forget_use(actor: Actor) -> None:
    """Delete the days of use of the actor's person, in every organisation, in the caller's transaction: they objected."""
    DayOfUse.objects.filter(key_owner=actor.person).delete()
