"""Verbs of files: upload one (sealed at once), look at it, take its readings."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any
from zoneinfo import available_timezones

from crops.catalogue import VARIABLES
from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.greenhouse import crops_client, files
from glasshouse.greenhouse.models import Compartment, Site, Upload
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import BlobId, HolderId, ImportId, SiteId
from glasshouse.vault import blobs


def upload(actor: Actor, site: SiteId, compartment: str, name: str, pieces: Iterable[bytes]) -> ImportId:
    """Keep a file, sealed, until its readings are taken. Raises InvalidError, NotFoundError, ForbiddenError."""
    with access.acting(actor):
        access.require(actor, Permission.FILE_IMPORT)
        place = Site.objects.filter(id=site, organisation_id=actor.organisation).first()
        room = Compartment.objects.filter(id=compartment, site=place, organisation_id=actor.organisation).first()
        if place is None or (compartment and room is None):
            raise NotFoundError
        body = b"".join(pieces)
        files.propose(body, zone=str(place.facts["time_zone"]))  # What cannot be read is refused before it is kept.
        made = Upload.objects.create(
            organisation_id=str(actor.organisation),
            site=place,
            compartment=room,
            name=name[:200] or "file",
            blob=blobs.store([body], HolderId(str(actor.organisation))),
            created_at=clock.now(),
        )
        events.record(actor, Kind.FILE_UPLOADED, made.id)
    return ImportId(made.id)


def _found(actor: Actor, number: ImportId) -> Upload:
    found = Upload.objects.select_related("site").filter(id=number, organisation_id=actor.organisation).first()
    if found is None:
        raise NotFoundError
    return found


def _body(actor: Actor, found: Upload) -> bytes:
    return b"".join(blobs.read(BlobId(found.blob), HolderId(str(actor.organisation))))


def look(actor: Actor, number: ImportId) -> tuple[Upload, files.Layout, list[list[str]]]:
    """The upload, how it would be read, and its first rows. Raises NotFoundError, ForbiddenError."""
    with access.acting(actor):
        access.require(actor, Permission.FILE_IMPORT)
        found = _found(actor, number)
        body = _body(actor, found)
    return found, files.propose(body, zone=str(found.site.facts["time_zone"])), files.table_of(body)[0][:8]


def corrected(layout: files.Layout, zone: str, variables: dict[int, str]) -> files.Layout:
    """The layout with a person's corrections. variables: by column index, a variable's id, "" (own name) or "-" (leave out)."""
    if zone not in available_timezones():
        raise InvalidError("Choose a time zone such as Europe/Rome.", field="zone")
    columns = []
    for column in layout.columns:
        wanted = variables.get(column.index, column.variable)
        if wanted == "-":
            continue
        if wanted and wanted not in VARIABLES:
            raise InvalidError(f"{wanted[:40]!r} is not a variable of the catalogue.", field="variable")
        if wanted and column.unit and not files.convertible(column.unit, VARIABLES[wanted].unit):
            raise InvalidError(
                f"{column.name} is in {column.unit}, which {VARIABLES[wanted].title} cannot be.", field="variable"
            )
        columns.append(replace(column, variable=wanted))
    if not columns:
        raise InvalidError("Choose at least one column.", field="variable")
    return replace(layout, zone=zone, columns=tuple(columns))


def take(actor: Actor, number: ImportId, layout: files.Layout) -> dict[str, Any]:
    """Put the file's readings into the crop store, all or none; returns the report. Safe to repeat."""
    with access.acting(actor):
        access.require(actor, Permission.FILE_IMPORT)
        found = _found(actor, number)
        reading = files.read(_body(actor, found), layout)
        streams = _streams(layout, reading)
        if not streams:
            raise InvalidError("No row of this file could be read with these choices.", field="file")
        answer = crops_client.ask(
            "POST",
            "/v1/imports",
            tenant=access.organisation_of(actor).tenant,
            sites=[found.site_id],
            verb="readings:write",
            purpose="importing a file",
            body={"site": found.site_id, "compartment": found.compartment_id or "", "streams": streams},
        )
        refused = {remark.row for remark in reading.remarks if not remark.kept and not remark.column}
        report = {
            "rows": reading.rows,
            "rows_in": reading.rows - len(refused),
            "points": answer["taken"],
            "new": answer["new"],
            "flagged": sum(remark.kept for remark in reading.remarks),
            "left_out": sum(not remark.kept for remark in reading.remarks),
            "zone": layout.zone,
            "remarks": [asdict(remark) for remark in reading.remarks],
        }
        found.report = report
        found.save(update_fields=["report"])
        events.record(actor, Kind.FILE_IMPORTED, found.id, points=answer["taken"])
    return report


def _streams(layout: files.Layout, reading: files.Reading) -> list[dict[str, Any]]:
    by_name = {column.name: column for column in layout.columns}
    return [
        {
            "name": name,
            "field": by_name[name].variable or name,
            "time": [at * 1_000_000_000 for at, _ in points],
            "value": [value for _, value in points],
        }
        for name, points in reading.points.items()
    ]


def uploads(actor: Actor) -> list[Upload]:
    """The organisation's uploads, newest first. Raises ForbiddenError."""
    with access.acting(actor):
        access.require(actor, Permission.FILE_IMPORT)
        mine = Upload.objects.select_related("site").filter(organisation_id=actor.organisation)
        return list(mine.order_by("-created_at")[:30])


def report_of(actor: Actor, number: ImportId) -> Upload:
    """An upload with its report. Raises NotFoundError, ForbiddenError."""
    with access.acting(actor):
        access.require(actor, Permission.FILE_IMPORT)
        return _found(actor, number)
