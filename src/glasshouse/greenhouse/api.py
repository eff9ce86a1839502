"""Verbs of the greenhouse: sites, compartments, devices, target ranges."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from crop_contract.variables import VARIABLES
from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts.rules import plain_name
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.greenhouse import crops_client
from glasshouse.greenhouse.models import Compartment, Device, Site, Template, Upload
from glasshouse.greenhouse.rules import site_facts, target_ranges_with
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import ForbiddenError, NotFoundError
from glasshouse.kernel.ids import BlobId, CompartmentId, DeviceId, SiteId
from glasshouse.kernel.pieces import Choices, Piece, choices_of, first_of_each, piece_of
from glasshouse.vault import blobs

SITES_A_PIECE = 30


def create_site(actor: Actor, raw: dict[str, str]) -> SiteId:
    """Make a site from a form's values. Raises InvalidError, ForbiddenError."""
    with access.organisation_transaction(actor):
        if access.require(actor, Permission.SITE_CREATE).sites is not None:
            raise ForbiddenError("Only somebody who sees all sites can make a new one.")
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
    with access.organisation_transaction(actor):
        rights, place = access.require(actor, Permission.COMPARTMENT_CREATE), _site(actor, site)
        access.require_at(rights, Permission.COMPARTMENT_CREATE, place.id)
        compartment = Compartment.objects.create(
            organisation_id=str(actor.organisation),
            site=place,
            name=plain_name(name, field="name"),
            created_at=clock.now(),
        )
        access.record_access(actor, "compartment made", [compartment.id])
        events.record(actor, Kind.COMPARTMENT_CREATED, compartment.id)
    return CompartmentId(compartment.id)


def create_device(actor: Actor, site: SiteId, compartment: str, name: str) -> str:
    """Register a device; returns its key, which is shown this once. Raises InvalidError, NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.DEVICE_CREATE)
        site_row = _site(actor, site)
        compartment_row = None
        if compartment:
            compartment_row = Compartment.objects.filter(
                id=compartment, site=site_row, organisation_id=actor.organisation
            ).first()
            if compartment_row is None:
                raise NotFoundError
        device = Device.objects.create(
            organisation_id=str(actor.organisation),
            site=site_row,
            compartment=compartment_row,
            name=plain_name(name, field="name"),
            created_at=clock.now(),
        )
        events.record(actor, Kind.DEVICE_CREATED, device.id)
        answer = crops_client.ask(
            "POST",
            "/v1/devices",
            tenant=access.organisation_of(actor).tenant,
            sites=[site_row.id],
            verb="devices:write",
            purpose="registering a device",
            body={"device": device.id, "site": site_row.id, "compartment": compartment},
        )
    return str(answer["token"])


def revoke_device(actor: Actor, device: DeviceId) -> None:
    """Refuse the device's key from now on. Raises NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.DEVICE_REVOKE)
        row = Device.objects.filter(id=device, organisation_id=actor.organisation).first()
        if row is None:
            raise NotFoundError
        row.revoked_at = clock.now()
        row.save(update_fields=["revoked_at"])
        events.record(actor, Kind.DEVICE_REVOKED, device)
        crops_client.ask(
            "DELETE",
            f"/v1/devices/{device}",
            tenant=access.organisation_of(actor).tenant,
            sites=[row.site_id],
            verb="devices:write",
            purpose="revoking a device",
        )


def _site(actor: Actor, site: str) -> Site:
    row = Site.objects.filter(id=site, organisation_id=actor.organisation).first()
    if row is None:
        raise NotFoundError
    return row


class Within(NamedTuple):
    """One site, and after which of its compartments and devices the pieces of them begin."""

    site: str
    compartments_after: str = ""
    devices_after: str = ""


def sites(actor: Actor, after: str = "", within: Within | None = None) -> Piece[Site]:
    """A piece of the organisation's sites, or one, with pieces of its compartments and devices, and target ranges.

    Raises ForbiddenError.
    """
    with access.organisation_transaction(actor):
        access.require(actor, Permission.SITE_READ)
        rows = Site.objects.filter(organisation_id=actor.organisation)
        piece = piece_of(rows.filter(id=within.site) if within else rows, after, most=SITES_A_PIECE)
        access.record_access(actor, "sites", [site.id for site in piece])
        compartments = first_of_each(Compartment.objects.filter(site__in=piece), "site_id")
        devices = first_of_each(Device.objects.filter(site__in=piece), "site_id")
        for site in piece:
            site.compartments = compartments.get(site.id, Piece([]))
            site.devices = devices.get(site.id, Piece([]))
            if within:
                site.compartments = piece_of(Compartment.objects.filter(site=site), within.compartments_after)
                site.devices = piece_of(Device.objects.filter(site=site), within.devices_after)
            places: list[Site | Compartment] = [site, *site.compartments]
            site.ranges = [_ranges(place) for place in places if place.limits]
        return piece


def place_named(actor: Actor, site_name: str, compartment_name: str) -> tuple[SiteId, str] | None:
    """Ids of the site and the compartment ("": the whole site) that have these names; None where there are none.

    Raises ForbiddenError.
    """
    with access.organisation_transaction(actor):
        access.require(actor, Permission.SITE_READ)
        access.record_access(actor, "sites", [])
        for site in Site.objects.filter(organisation_id=actor.organisation).order_by("created_at"):
            if site.name != site_name:
                continue
            if not compartment_name:
                return SiteId(site.id), ""
            compartments = Compartment.objects.filter(site=site).order_by("created_at")
            compartment_id = next((row.id for row in compartments if row.name == compartment_name), None)
            if compartment_id is not None:
                return SiteId(site.id), str(compartment_id)
    return None


class SiteName(NamedTuple):
    """A site to choose."""

    id: str
    name: str


def site_names(actor: Actor, among: Collection[str]) -> list[SiteName]:
    """Those of some sites that the actor's transactions see, with their names; no permission is asked."""
    with access.organisation_transaction(actor):
        rows = Site.objects.filter(organisation_id=actor.organisation, id__in=list(among)).order_by("created_at")
        names = [SiteName(site.id, site.name) for site in rows]
        access.record_access(actor, "sites", [site.id for site in names])
        return names


def site_choices(actor: Actor, search: str = "", chosen: Collection[str] = ()) -> Choices[SiteName]:
    """The sites that the actor's transactions see, for choosing among them; no permission is asked.

    search: words of their names; "": all of them. Names are sealed, so that each is opened and looked at. chosen: are there in
    any case, and first: a form that is sent again must not lose them.
    """
    with access.organisation_transaction(actor):
        rows = Site.objects.filter(organisation_id=actor.organisation).order_by("created_at")
        others = (SiteName(site.id, site.name) for site in rows.exclude(id__in=list(chosen)))
        offered = choices_of(others, search, lambda row: row.name)
        offered[:0] = [SiteName(site.id, site.name) for site in rows.filter(id__in=list(chosen))] if chosen else []
        access.record_access(actor, "sites", [site.id for site in offered])
        return offered


def names_of(actor: Actor, ids: Collection[str]) -> dict[str, str]:
    """Names of those of some ids that are sites, compartments, devices, files and templates, as far as the actor may see them.

    Raises NotFoundError.
    """
    with access.organisation_transaction(actor):
        permissions = access.rights_of(actor).permissions
        tables: list[type[Site | Compartment | Device | Upload | Template]] = []
        if Permission.SITE_READ in permissions:
            tables += [Site, Compartment, Device]
        if Permission.FILE_IMPORT in permissions:
            tables += [Upload, Template]
        names: dict[str, str] = {}
        for table in tables:
            rows = table._default_manager.filter(organisation_id=actor.organisation, id__in=list(ids)).only(
                "id", "name", "organisation_id"
            )
            names |= {row.id: str(row.name) for row in rows}
        access.recorded_elsewhere(actor)  # As the list whose ids these are.
        return names


def place_names(actor: Actor, ids: Collection[str]) -> dict[str, str]:
    """Names of those of some ids that are sites and compartments, these with their site's, as far as the actor may see them.

    Raises NotFoundError, ForbiddenError.
    """
    with access.organisation_transaction(actor):
        access.require(actor, Permission.SITE_READ)
        access.recorded_elsewhere(actor)  # As the list whose ids these are.
        places = {"organisation_id": actor.organisation, "id__in": list(ids)}
        names = {site.id: str(site.name) for site in Site.objects.filter(**places)}
        for row in Compartment.objects.filter(**places).select_related("site"):
            names[row.id] = f"{row.site.name} · {row.name}"
        return names


def _ranges(place: Site | Compartment) -> dict[str, object]:
    compartment = place.name if isinstance(place, Compartment) else ""
    lines = [
        {"title": VARIABLES[variable].title, "unit": VARIABLES[variable].symbol, "least": least, "most": most}
        for variable, (least, most) in sorted((place.limits or {}).items())
    ]
    return {"room": compartment, "lines": lines}


def set_target_ranges(actor: Actor, site: SiteId, compartment: str, raw: dict[str, str]) -> None:
    """Set or clear the target range of one variable at a site or in its compartment.

    Raises InvalidError, NotFoundError, ForbiddenError.
    """
    with access.organisation_transaction(actor):
        rights = access.require(actor, Permission.TARGET_RANGES_SET)
        place: Site | Compartment | None = _site(actor, site)
        access.require_at(rights, Permission.TARGET_RANGES_SET, site)
        if compartment:
            compartments = Compartment.objects.filter(site_id=site, organisation_id=actor.organisation)
            place = compartments.filter(id=compartment).first()
        if place is None:
            raise NotFoundError
        place.limits = target_ranges_with(place.limits, raw)
        place.save(update_fields=["limits"])
        access.record_access(actor, "target range set", [place.id])
        events.record(actor, Kind.TARGET_RANGES_SET, place.id)


def forget(actor: Actor, forget_readings: Callable[[str], None] | None = None) -> None:
    """Delete every reading, device key and uploaded file of the organisation that the actor (a job) acts for. Safe to repeat.

    forget_readings: has the crop plane forget a tenant, where it does not answer yet; else it is asked over the network.
    Call it in an organisation transaction. Raises UnavailableError. Source: PRI-24.
    """
    organisation = access.organisation_or_none(actor)
    if organisation is None:
        return
    for upload in Upload.objects.filter(organisation_id=actor.organisation).exclude(blob="").defer("proposal"):
        blobs.remove(BlobId(upload.blob))
    (forget_readings or _forget_readings)(organisation.tenant)
    events.record(actor, Kind.READINGS_FORGOTTEN, str(actor.organisation))


def _forget_readings(tenant: str) -> None:
    crops_client.ask("DELETE", "/v1/tenant", tenant=tenant, sites=[], verb="tenant:forget", purpose="erasure")
