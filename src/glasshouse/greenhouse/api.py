"""Verbs of the greenhouse: sites, compartments, devices, and questions about their readings."""

from typing import Any

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts.rules import plain_name
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.greenhouse import crops_client
from glasshouse.greenhouse.models import Compartment, Device, Site
from glasshouse.greenhouse.rules import site_facts
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import NotFoundError
from glasshouse.kernel.ids import CompartmentId, DeviceId, SiteId


def create_site(actor: Actor, raw: dict[str, str]) -> SiteId:
    """Make a site from a form's values. Raises InvalidError, ForbiddenError."""
    with access.acting(actor):
        access.require(actor, Permission.SITE_CREATE)
        site = Site.objects.create(
            organisation_id=str(actor.organisation),
            name=plain_name(raw.get("name", ""), field="name"),
            facts=site_facts(raw),
            created_at=clock.now(),
        )
        events.record(actor, Kind.SITE_CREATED, site.id)
    return SiteId(site.id)


def create_compartment(actor: Actor, site: SiteId, name: str) -> CompartmentId:
    """Make a compartment at a site. Raises InvalidError, NotFoundError, ForbiddenError."""
    with access.acting(actor):
        access.require(actor, Permission.COMPARTMENT_CREATE)
        made = Compartment.objects.create(
            organisation_id=str(actor.organisation),
            site=_site(actor, site),
            name=plain_name(name, field="name"),
            created_at=clock.now(),
        )
        events.record(actor, Kind.COMPARTMENT_CREATED, made.id)
    return CompartmentId(made.id)


def create_device(actor: Actor, site: SiteId, compartment: str, name: str) -> str:
    """Register a device; returns its key, which is shown this once. Raises InvalidError, NotFoundError, ForbiddenError."""
    with access.acting(actor):
        access.require(actor, Permission.DEVICE_CREATE)
        place = _site(actor, site)
        inside = None
        if compartment:
            inside = Compartment.objects.filter(id=compartment, site=place, organisation_id=actor.organisation).first()
            if inside is None:
                raise NotFoundError
        device = Device.objects.create(
            organisation_id=str(actor.organisation),
            site=place,
            compartment=inside,
            name=plain_name(name, field="name"),
            created_at=clock.now(),
        )
        events.record(actor, Kind.DEVICE_CREATED, device.id)
        answer = crops_client.ask(
            "POST",
            "/v1/devices",
            tenant=access.organisation_of(actor).tenant,
            sites=[place.id],
            verb="devices:write",
            purpose="registering a device",
            body={"device": device.id, "site": place.id, "compartment": compartment},
        )
    return str(answer["token"])


def revoke_device(actor: Actor, device: DeviceId) -> None:
    """Refuse the device's key from now on. Raises NotFoundError, ForbiddenError."""
    with access.acting(actor):
        access.require(actor, Permission.DEVICE_REVOKE)
        found = Device.objects.filter(id=device, organisation_id=actor.organisation).first()
        if found is None:
            raise NotFoundError
        found.revoked_at = clock.now()
        found.save(update_fields=["revoked_at"])
        events.record(actor, Kind.DEVICE_REVOKED, device)
        crops_client.ask(
            "DELETE",
            f"/v1/devices/{device}",
            tenant=access.organisation_of(actor).tenant,
            sites=[found.site_id],
            verb="devices:write",
            purpose="revoking a device",
        )


def _site(actor: Actor, site: str) -> Site:
    found = Site.objects.filter(id=site, organisation_id=actor.organisation).first()
    if found is None:
        raise NotFoundError
    return found


def sites(actor: Actor) -> list[Site]:
    """The organisation's sites with their compartments and devices. Raises ForbiddenError."""
    with access.acting(actor):
        access.require(actor, Permission.SITE_READ)
        mine = Site.objects.filter(organisation_id=actor.organisation)
        return list(mine.prefetch_related("compartment_set", "device_set").order_by("created_at"))


def series(actor: Actor) -> list[dict[str, Any]]:
    """Every series of the organisation's sites: what it is, and its newest reading. Raises ForbiddenError."""
    with access.acting(actor):
        access.require(actor, Permission.READINGS_READ)
        places = {site.id: site.name for site in Site.objects.filter(organisation_id=actor.organisation)}
        rooms = {room.id: room.name for room in Compartment.objects.filter(organisation_id=actor.organisation)}
        tenant = access.organisation_of(actor).tenant
    if not places:
        return []
    found: list[dict[str, Any]] = crops_client.ask(
        "GET", "/v1/series", tenant=tenant, sites=list(places), verb="readings:read", purpose="overview"
    )
    for one in found:
        one["site_name"] = places[one["site"]]
        one["room_name"] = rooms.get(one["compartment"], "")
    return found


def readings(actor: Actor, numbers: list[int], start_s: int, end_s: int, points: int) -> dict[str, Any]:
    """Readings of some series in buckets. Raises NotFoundError, ForbiddenError, UnavailableError."""
    with access.acting(actor):
        access.require(actor, Permission.READINGS_READ)
        places = list(Site.objects.filter(organisation_id=actor.organisation).values_list("id", flat=True))
        tenant = access.organisation_of(actor).tenant
    body = {"series": numbers, "start": start_s, "end": end_s, "points": points}
    answer: dict[str, Any] = crops_client.ask(
        "POST", "/v1/readings", tenant=tenant, sites=places, verb="readings:read", purpose="chart", body=body
    )
    return answer
