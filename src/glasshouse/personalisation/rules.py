"""Pure rules of what is fitted: which days count, which places come first, what may be pinned."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

DAYS = 30  # how long a day of use counts, and is kept
OFTEN = 2  # days of use from which a place comes earlier
MOST_PINS = 24  # of each kind
MOST_PLACES = 50  # that are noted of one day
IDS = {"place": re.compile(r"[0-9a-z]{16}"), "series": re.compile(r"([a-z_]{1,20}\.)?[0-9]{1,10}(\.[0-9]{1,10})?")}


class Pinned(StrEnum):
    """What can be pinned: a place (a site or a compartment), or the chart of a series."""

    PLACE = "place"
    SERIES = "series"


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is fitted to a member in an organisation. places, series: ids of what they pinned, in that order.

    days: by id of a place, on how many of the last DAYS days they opened its charts. off: nothing is fitted, by their own wish.
    """

    places: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    days: Mapping[str, int] = field(default_factory=dict)
    off: bool = False

    def often(self, place: str) -> int:
        """On how many days the charts of a place were opened, where that puts it earlier; otherwise 0."""
        days = self.days.get(place, 0)
        return days if days >= OFTEN else 0

    def order(self, place: str) -> tuple[int, int]:
        """By what a place is put in order: the pinned ones as they were pinned, then those used most, then all others."""
        return (0, self.places.index(place)) if place in self.places else (1, -self.often(place))


NOTHING_FITTED = Fitted()
SWITCHED_OFF = Fitted(off=True)


def is_id(kind: str, name: str) -> bool:
    """Whether a text has the form of an id of what is pinned. Raises ValueError for another kind."""
    return IDS[Pinned(kind)].fullmatch(name) is not None


def counted(days: Iterable[Iterable[str]]) -> dict[str, int]:
    """By place, on how many days it was used; days: the places of each day, once each."""
    return dict(Counter(place for places in days for place in set(places)))
