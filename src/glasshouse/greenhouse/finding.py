"""Sites, compartments and devices by their names, which are sealed: each one is opened in memory, and no index holds them."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts import buckets, throttle
from glasshouse.greenhouse.models import Compartment, Device, Site
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.wanted import fitting

MOST_OPENED = 20_000  # names for one search
MOST_SHOWN = 20


class Place(NamedTuple):
    """What bears a name. kind: site, compartment or device; site: its id; site_name: of a compartment or device."""

    kind: str
    name: str
    site: str
    site_name: str


class Found(NamedTuple):
    """What fits a search. total: how many fit in all; is_cut: there are more names than one search opens."""

    places: list[Place]
    total: int
    is_cut: bool


def find_places(actor: Actor, search: str) -> Found:
    """The sites, compartments and devices that the actor may see and whose names fit. Raises ForbiddenError, ThrottledError.

    Counted first, since it opens every name: by account, so that nobody's searches stop another's. Source: ASVS 5.0, 2.4.1.
    """
    if not search.strip():
        return Found([], 0, is_cut=False)
    throttle.take_from(buckets.of_search("search-sites", actor))
    with access.organisation_transaction(actor):
        access.require(actor, Permission.SITE_READ)
        opened = list(islice(_named(actor), MOST_OPENED + 1))
        places, count = fitting(opened[:MOST_OPENED], search, lambda place: place.name, MOST_SHOWN)
        access.record_access(actor, "sites", [place.site for place in places])
    return Found(places, count, len(opened) > MOST_OPENED)


def _named(actor: Actor) -> Iterator[Place]:
    names: dict[str, str] = {}
    for site in Site.objects.filter(organisation_id=actor.organisation).order_by("created_at").iterator():
        names[site.id] = site.name
        yield Place("site", site.name, site.id, "")
    rows = Compartment.objects.filter(organisation_id=actor.organisation).order_by("created_at")
    for compartment in rows.iterator():
        yield Place("compartment", compartment.name, compartment.site_id, names.get(compartment.site_id, ""))
    for device in Device.objects.filter(organisation_id=actor.organisation).order_by("created_at").iterator():
        yield Place("device", device.name, device.site_id, names.get(device.site_id, ""))
